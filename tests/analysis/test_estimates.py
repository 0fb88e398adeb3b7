"""Estimates against counting by hand and by plain pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from exemplum.analysis.estimates import intervals
from exemplum.analysis.estimates.measures import estimates
from exemplum.tables import ESTIMATES, RESPONSES

TWO = (("p1", "natural", "1110"), ("p1", "synthetic", "1000"), ("p2", "natural", "11"), ("p2", "synthetic", "0011"))


def row(table: pd.DataFrame, measure: str = "accuracy", interval: str = "", **where: str) -> pd.Series:
    where = {"measure": measure, "trial_kind": "main", "by": "all", "group": "", "subset": "all"} | where
    if interval:
        where["interval"] = interval
    chosen = table
    for column, value in where.items():
        chosen = chosen[chosen[column] == value]
    assert len(chosen) == 1, chosen
    return chosen.iloc[0]


def test_pooled_counts_trials_and_participants_counts_people(answers):
    table = estimates(answers(*TWO), seed=1, resamples=100)
    pooled = row(table, condition="natural", aggregate="pooled", interval="wilson")
    means = row(table, condition="natural", aggregate="participants", interval="sem2")
    assert (pooled["estimate"], pooled["n_trials"], pooled["n_participants"]) == (pytest.approx(5 / 6), 6, 2)
    assert means["estimate"] == pytest.approx((3 / 4 + 1) / 2)
    assert (means["low"], means["high"]) == pytest.approx((0.875 - 0.25 / np.sqrt(2), 0.875 + 0.25 / np.sqrt(2)))


def test_every_group_matches_plain_pandas(answers):
    responses = answers(*TWO)
    table = estimates(responses, seed=1, resamples=50)
    keys = ["trial_kind", "aggregate", "subset", "measure", "interval", "by", "condition", "group"]
    table = table.set_index(keys).sort_index()["estimate"].loc["main", "pooled", "all"]
    responses["rt_s"] = responses["rt_ms"] / 1000
    for by in ("layer", "branch", "selection", "unit", "participant", "block"):
        for (condition, group), trials in responses.groupby(["condition", by]):
            where = (by, condition, str(group))
            assert table["accuracy", "wilson", *where] == pytest.approx(trials["correct"].mean())
            assert table["rt_s", "none", *where] == pytest.approx(trials["rt_s"].mean())
            assert table["rt_median_s", "none", *where] == pytest.approx(trials["rt_s"].median())
            shares = [table[f"confidence_{k}", "wilson", *where] for k in (1, 2, 3)]
            assert shares == pytest.approx([(trials["confidence"] == k).mean() for k in (1, 2, 3)])


def test_right_and_wrong_are_split_and_none_is_undefined(answers):
    table = estimates(answers(("p1", "natural", "1101"), ("p2", "natural", "11"), ("p1", "synthetic", "11")), 1, 50)
    wrong = row(table, "rt_s", "none", condition="natural", subset="wrong", aggregate="pooled")
    assert (wrong["estimate"], wrong["n_trials"], wrong["n_participants"]) == (pytest.approx(1.2), 1, 1)
    nobody = row(table, "rt_s", "sem2", condition="synthetic", subset="wrong", aggregate="participants")
    assert (nobody["n_trials"], nobody["n_participants"]) == (0, 0)
    assert np.isnan([nobody["estimate"], nobody["low"], nobody["high"]]).all()


def test_trials_without_references_count_whole_and_by_phase(answers):
    table = estimates(answers(("p1", "none_pre", "10"), ("p1", "none_post", "1111")), 1, 50)
    found = {
        c: row(table, condition=c, aggregate="pooled", interval="wilson") for c in ("none", "none_pre", "none_post")
    }
    assert [found[c]["estimate"] for c in found] == pytest.approx([5 / 6, 0.5, 1])
    assert [found[c]["n_trials"] for c in found] == [6, 2, 4]
    assert not ((table["by"] == "scheme") & (table["condition"] == "none")).any()


def test_main_never_contains_catch_trials(answers):
    responses = answers(*TWO)
    responses.loc[responses["trial"] == 0, "trial_kind"] = "catch"
    table = estimates(responses, 1, 50)
    for kind, n in (("main", 5 - 0), ("catch", 2)):
        chosen = responses[(responses["trial_kind"] == kind) & (responses["condition"] == "natural")]
        found = row(table, trial_kind=kind, condition="natural", aggregate="pooled", interval="wilson")
        assert found["n_trials"] == len(chosen) == n - (kind == "main")


def test_a_repeated_trial_agrees_by_image_not_by_side(answers):
    first = answers(("p1", "natural", "110"))
    again = answers(("p1", "natural", "110"), trial_kind="repeated", phase="repeated")
    again["repeats"] = first["trial_id"]
    again["trial_id"] = again["trial_id"] + "r"
    again["max_side"] = "bottom"  # drawn anew: the maximal image now stands below
    again["choice"] = ["bottom", "top", "top"]
    again["correct"] = again["choice"] == again["max_side"]
    table = estimates(pd.concat([first, again]), 1, 50)
    found = row(table, "repeat_same_choice", "wilson", trial_kind="repeated", condition="natural", aggregate="pooled")
    assert found["estimate"] == pytest.approx(2 / 3)


def test_machines_without_reaction_time_have_one_undefined_row(answers):
    table = estimates(answers(*TWO, rt_ms=np.nan, observer="ideal", observer_kind="machine"), 1, 50)
    times = table[table["measure"].isin(["rt_s", "rt_median_s"])]
    assert set(times["by"]) == {"all"}
    assert times["estimate"].isna().all()
    assert (times["n_trials"] == 0).all()


def test_one_participant_has_no_interval_over_participants(answers):
    table = estimates(answers(TWO[0], TWO[1]), 1, 50)
    over_people = table[table["interval"].isin(["sem2", "percentile", "bca"])]
    assert over_people[["low", "high"]].isna().all(axis=None)
    assert row(table, condition="natural", aggregate="pooled", interval="wilson")["low"] > 0


IDEAL = {"observer": "ideal", "observer_kind": "machine", "rt_ms": np.nan}


def test_repeated_sessions_of_a_machine_change_nothing(answers):
    """A machine is one observer: showing it the same stimuli again says nothing new (DESIGN.md)."""
    sessions = [(f"s{k}", "natural", "110111011110") for k in range(8)]
    one, eight = (estimates(answers(*runs, **IDEAL), 1, 50) for runs in (sessions[:1], sessions))
    own, others = (table[table["by"] != "participant"].reset_index(drop=True) for table in (one, eight))
    pd.testing.assert_frame_equal(own, others)
    assert "participants" not in set(eight["aggregate"])
    assert not set(eight["interval"]) & {"sem2", "percentile", "bca"}


def test_the_sample_of_a_machine_is_units_and_each_stimulus_counts_once(answers):
    """Two units: one right in 2 of 3 stimuli, one of them shown twice with both answers, the other right in 1 of 1."""
    table = answers(("s1", "natural", "111"), ("s2", "natural", "00"), **IDEAL)
    table = table.assign(unit=["a:0", "a:0", "b:0", "a:0", "a:0"], batch=[1, 2, 1, 3, 2])
    found = row(estimates(table, 1, 50), condition="natural", aggregate="units")
    values = np.array([(1 + 0.5 + 0) / 3, 1])
    assert found["estimate"] == pytest.approx(values.mean())
    assert (found["n_trials"], found["n_participants"]) == (4, 2)
    _, low, high = intervals.of_mean(values, intervals.SHARE)
    assert (found["low"], found["high"]) == (pytest.approx(low[0]), pytest.approx(high[0]))


def test_a_machine_that_is_always_right_has_an_exact_interval_over_units(answers):
    # R: binom.test(20, 20)$conf.int: 0.8315665 to 1; the 20 units, not the 60 answers
    runs = [(f"s{k}", "natural", "1" * 20) for k in range(3)]
    found = row(estimates(answers(*runs, **IDEAL), 1, 50), condition="natural", aggregate="units")
    assert found["interval"] == "exact"
    assert (found["low"], found["high"]) == (pytest.approx(0.8315665), 1)


def test_people_who_are_all_right_have_an_exact_interval_over_their_trials(answers):
    # R: binom.test(11, 11)$conf.int: 0.7150864 to 1
    table = estimates(answers(("p1", "natural", "11111"), ("p2", "natural", "111111")), 1, 50)
    found = row(table, interval="exact", condition="natural", aggregate="participants")
    assert (found["low"], found["high"]) == (pytest.approx(0.7150864), 1)
    assert not (table["low"] == table["high"]).any()  # no interval of any row has width 0


def test_nothing_is_known_of_others_from_one_participant_or_without_answers(answers):
    """Attacks: one participant, one with fewer trials than another, reaction times that are all missing or equal."""
    one = estimates(answers(("p1", "natural", "11")), 1, 20)
    assert np.isnan(row(one, interval="wilson_t", condition="natural", aggregate="participants")["low"])
    uneven = estimates(answers(("p1", "natural", "1"), ("p2", "natural", "1" * 30 + "0" * 10), rt_ms=np.nan), 1, 20)
    found = row(uneven, interval="wilson_t", condition="natural", aggregate="participants")
    assert 0 <= found["low"] < found["estimate"] == 0.875 < found["high"] <= 1
    times = row(uneven, "rt_s", "t", aggregate="participants", condition="natural")
    assert np.isnan([times["estimate"], times["low"]]).all()
    assert times["n_participants"] == 0
    equal = estimates(answers(("p1", "natural", "11"), ("p2", "natural", "10"), rt_ms=900.0), 1, 20)
    times = row(equal, "rt_s", "t", aggregate="participants", condition="natural")
    assert times["estimate"] == pytest.approx(0.9)
    assert np.isnan(times["low"])  # not 0.9 to 0.9


def test_observers_are_kept_apart(answers):
    table = estimates(pd.concat([answers(TWO[0]), answers(("p1", "natural", "0000"), observer="chance")]), 1, 50)
    found = [row(table, observer=o, condition="natural", aggregate="pooled", interval="wilson")["estimate"]
             for o in ("participants", "chance")]  # fmt: skip
    assert found == [0.75, 0]


def test_no_answers_make_an_empty_table():
    assert len(estimates(RESPONSES.frame(), 1)) == 0
    assert list(estimates(RESPONSES.frame(), 1)) == list(ESTIMATES.columns)


marks = st.text("01", min_size=1, max_size=8)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["p1", "p2", "p3"]), st.sampled_from(["natural", "none_pre"]), marks)
                , min_size=1, max_size=4, unique_by=lambda run: run[:2]))  # fmt: skip
def test_groups_add_up_to_the_whole(answers, runs):
    table = estimates(answers(*runs), 1, 20)
    pooled = table[(table["measure"] == "accuracy") & (table["interval"] == "wilson")]
    right = (pooled["estimate"] * pooled["n_trials"]).fillna(0)
    for by in ("layer", "branch", "selection", "participant", "unit", "block", "confidence"):
        for condition in pooled["condition"].unique():
            here = pooled["condition"] == condition
            whole, parts = here & (pooled["by"] == "all"), here & (pooled["by"] == by)
            assert right[parts].sum() == pytest.approx(right[whole].sum())
            assert pooled.loc[parts, "n_trials"].sum() == pooled.loc[whole, "n_trials"].sum()


def test_the_same_seed_gives_the_same_table(answers):
    one, two = (estimates(answers(*TWO), 7, 200).drop(columns="observer") for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
