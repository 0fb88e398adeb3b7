"""Declared rules leave out whom they say, on whole and on half data; undeclared ones nobody."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from exemplum.analysis import simulate, stage
from exemplum.errors import UserError
from exemplum.responses import ExclusionsSection, exclusions

KEYS = {"experiment": "simulated", "observer": "simulated"}


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Four people; s0002 misses every catch trial, s0003 answers bottom in every main trial."""
    rng = np.random.default_rng(1)
    frame = simulate.trials(4, 20, ["natural", "synthetic"], rng, catch=3)
    trials = simulate.logistic(frame, {"natural": 2.0, "synthetic": 1.0}, simulate.Spread(), rng)
    missed = (trials["participant"] == "s0002") & (trials["trial_kind"] == "catch")
    stuck = (trials["participant"] == "s0003") & (trials["trial_kind"] == "main")
    trials["correct"] = np.where(missed, False, trials["correct"])
    trials["correct"] = np.where(stuck, trials["max_side"] == "bottom", trials["correct"]).astype(bool)
    top = trials["correct"] == (trials["max_side"] == "top")
    return trials.assign(observer_kind="person", choice=np.where(top, "top", "bottom"))


def verdicts(table: pd.DataFrame, rule: str) -> dict[str, str]:
    return table[table["rule"] == rule].set_index("participant")["verdict"].to_dict()


def test_no_rule_excludes_nobody(people) -> None:
    kept, table = exclusions.apply(people, ExclusionsSection())
    assert table.empty
    assert kept.equals(people)
    assert stage.exclusion_estimates(people, ExclusionsSection()).empty


def test_catch_trials_missed_exclude(people) -> None:
    table = exclusions.check(people, ExclusionsSection(catch_accuracy=0.8))
    found = verdicts(table, "catch_accuracy")
    assert found["s0002"] == "excluded"
    assert found["s0001"] == "kept"
    row = table.set_index("participant").loc["s0002"]
    assert row["reason"] == "catch accuracy 0.00, at least 0.80 wanted"


def test_one_side_only_excludes(people) -> None:
    found = verdicts(exclusions.check(people, ExclusionsSection(answers_each_side=3)), "answers_each_side")
    assert found == {"s0001": "kept", "s0002": "kept", "s0003": "excluded", "s0004": "kept"}


def test_what_is_not_known_excludes_nobody(people) -> None:
    rules = ExclusionsSection(instruction_time_s=15, practice_attempts=3, total_time_s_min=60, total_time_s_max=9999)
    kept, table = exclusions.apply(people, rules)
    assert set(table["verdict"]) == {"unknown"}
    assert len(kept) == len(people)


def test_rules_about_sessions(people) -> None:
    sessions = pd.DataFrame({
        **KEYS, "participant": ["s0001", "s0002", "s0003", "s0004"], "instruction_time_s": [30, 5, 15, np.nan],
        "practice_attempts": [1, 2, 6, 5], "total_time_s": [1200, 100, 4000, 90], "finished": [True, True, True, False],
    })  # fmt: skip
    rules = ExclusionsSection(instruction_time_s=15, practice_attempts=5, total_time_s_min=300, total_time_s_max=3600)
    table = exclusions.check(people, rules, sessions)
    assert list(verdicts(table, "instruction_time_s").values()) == ["kept", "excluded", "kept", "unknown"]
    assert list(verdicts(table, "practice_attempts").values()) == ["kept", "kept", "excluded", "kept"]
    # the fourth is still at it: 90 s may yet become 300
    assert list(verdicts(table, "total_time_s_min").values()) == ["kept", "excluded", "kept", "unknown"]
    assert list(verdicts(table, "total_time_s_max").values()) == ["kept", "kept", "excluded", "kept"]


def test_those_of_a_table_of_people_have_finished(people) -> None:
    """PEOPLE has no column `finished`: the server writes there only who is through. The first is not in it."""
    sessions = pd.DataFrame({**KEYS, "participant": ["s0002", "s0003", "s0004"]})
    found = exclusions.check(people, ExclusionsSection(answers_each_side=20), sessions)
    assert list(verdicts(found, "answers_each_side").values()) == ["unknown", "excluded", "excluded", "excluded"]


def test_rules_about_how_trials_were_shown(people) -> None:
    """s0002 saw one trial small and zoomed out, s0003 looked away; s0004 was not measured. Only main trials count."""
    frame = people.assign(query_px=238.0, reference_px=156.0, pixel_ratio=1.0, frame_ms=16.7, hidden_ms=0.0, blurs=0.0)
    second, third = (frame[frame["participant"] == name].index for name in ("s0002", "s0003"))
    main = frame["trial_kind"] == "main"
    small = second[main[second]][0]
    frame.loc[small, ["reference_px", "pixel_ratio"]] = (79.0, 0.75)
    frame.loc[third[main[third]][:4], ["hidden_ms", "blurs", "frame_ms"]] = (1500.0, 2.0, 900.0)
    frame.loc[third[~main[third]], ["hidden_ms", "blurs"]] = (60_000.0, 50.0)
    columns = ["query_px", "reference_px", "pixel_ratio", "frame_ms", "hidden_ms", "blurs"]
    frame.loc[frame["participant"] == "s0004", columns] = np.nan
    rules = ExclusionsSection(image_px_min=100, pixel_ratio_min=1, frame_ms_max=50, blurs_max=7, hidden_s_max=5)
    table = exclusions.check(frame, rules)
    assert verdicts(table, "image_px_min") == {
        "s0001": "kept", "s0002": "excluded", "s0003": "kept", "s0004": "unknown",
    }  # fmt: skip
    reasons = table[table["verdict"] == "excluded"].set_index("rule")["reason"].to_dict()
    assert reasons == {
        "image_px_min": "an image of 79 px, at least 100 px wanted",
        "pixel_ratio_min": "pixel ratio 0.75, at least 1.00 wanted",
        "blurs_max": "the window lost the focus 8 times, at most 7 allowed",
        "hidden_s_max": "hidden for 6.0 s, at most 5.0 s allowed",
    }  # its median trial had few late frames: four of 40 do not break frame_ms_max
    out = exclusions.apply(frame, rules)[0]["participant"]
    assert set(out) == {"s0001", "s0004"}
    # without references the query's size counts
    alone = frame.assign(reference_px=np.nan, query_px=99.0)
    assert verdicts(exclusions.check(alone, rules), "image_px_min")["s0001"] == "excluded"


def test_a_person_who_has_not_answered_yet_is_unknown(people) -> None:
    sessions = pd.DataFrame({**KEYS, "participant": ["s0009"], "instruction_time_s": [20.0], "finished": [False]})
    rules = ExclusionsSection(catch_accuracy=0.8, answers_each_side=1, instruction_time_s=15)
    table = exclusions.check(people[:0], rules, sessions).set_index("rule")
    assert table["verdict"].to_dict() == {
        "catch_accuracy": "unknown", "answers_each_side": "unknown", "instruction_time_s": "kept",
    }  # fmt: skip


def test_machines_are_never_excluded(people) -> None:
    machines = people.assign(observer_kind="machine")
    kept, table = exclusions.apply(machines, ExclusionsSection(catch_accuracy=1.0, answers_each_side=100))
    assert table.empty
    assert len(kept) == len(machines)


@given(st.integers(0, 200), st.floats(0, 1), st.integers(0, 5))
def test_apply_keeps_whole_people_or_none_of_them(people, first: int, share: float, each: int) -> None:
    """At any moment of a running study, whoever is left out is left out whole, and exactly those said to be."""
    rules = ExclusionsSection(catch_accuracy=share, answers_each_side=each)
    so_far = people[:first]
    kept, table = exclusions.apply(so_far, rules)
    out = set(table.loc[table["verdict"] == "excluded", "participant"])
    assert set(kept["participant"]) == set(so_far["participant"]) - out
    assert len(kept) == (~so_far["participant"].isin(out)).sum()


def test_result_under_each_rule_is_that_without_the_excluded(people) -> None:
    found = stage.exclusion_estimates(people, ExclusionsSection(catch_accuracy=0.8, answers_each_side=3))
    natural = found[found["condition"] == "natural"].set_index("group")
    main = people[(people["trial_kind"] == "main") & (people["condition"] == "natural")]
    means = main.groupby("participant")["correct"].mean()
    expected = {
        "nobody": means.mean(), "catch_accuracy": means.drop("s0002").mean(),
        "answers_each_side": means.drop("s0003").mean(), "all_rules": means.drop(["s0002", "s0003"]).mean(),
    }  # fmt: skip
    assert natural["estimate"].to_dict() == pytest.approx(expected)
    assert natural["n_participants"].to_dict() == {
        "nobody": 4, "catch_accuracy": 3, "answers_each_side": 3, "all_rules": 2,
    }  # fmt: skip


def test_missing_columns_are_named(people) -> None:
    with pytest.raises(UserError, match="lack the columns choice"):
        exclusions.check(people.drop(columns="choice"), ExclusionsSection(answers_each_side=1))
