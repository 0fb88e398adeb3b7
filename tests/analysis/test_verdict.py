"""Verdicts: on data whose answer is plain, for both populations, by role, and in words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from exemplum.analysis import AnalysisSection, power, simulate, verdict
from exemplum.analysis.simulate import Spread
from exemplum.analysis.tests.difference import crossed, of_one_sample
from exemplum.errors import UserError
from exemplum.study.folder import Study

DECLARED = AnalysisSection()
BOTH = AnalysisSection(secondary=("these_units",))


def answered(d_prime: dict[str, float], people: int, units: int = 45, spread: Spread | None = None, seed: int = 1):
    rng = np.random.default_rng(seed)
    frame = simulate.trials(people, units, [*d_prime, "none"], rng)
    return simulate.detection(frame, d_prime | {"none": 0.0}, spread or Spread(0.2, 0.2), rng)


def judged(natural: float, synthetic: float, people: int, units: int = 45) -> pd.Series:
    found = verdict.verdicts(answered({"natural": natural, "synthetic": synthetic}, people, units), DECLARED)
    assert set(found["method"]) == {"synthetic"}  # none is no method
    return found[found["role"] == "primary"].iloc[0]


def test_plain_cases_get_plain_verdicts() -> None:
    assert judged(2.0, 1.0, people=10)["verdict"] == "worse"
    assert judged(1.0, 2.0, people=10)["verdict"] == "better"
    assert judged(1.5, 1.5, people=150)["verdict"] == "equivalent"
    assert judged(1.5, 1.5, people=4, units=12)["verdict"] == "undecided"


def test_a_difference_may_be_significant_and_yet_within_the_margin() -> None:
    row = judged(1.55, 1.45, people=400, units=90)
    assert row["verdict"] == "worse within the margin"
    assert "worse than natural, by less than 5 points" in row["sentence"]
    assert verdict.word(differs=True, equivalent=True, difference=0.01) == "better within the margin"


def test_every_p_of_several_methods_is_said_to_be_corrected_and_that_of_one_is_not() -> None:
    """Holm's step-down leaves the largest p of a family as it is; it is no less one of several."""
    several = verdict.verdicts(answered({"natural": 2.0, "synthetic": 1.0, "random": 0.0}, people=10), DECLARED)
    several = several[several["role"] == "primary"]
    assert len(several) == 2
    assert all(" after Holm's correction for 2 comparisons, " in sentence for sentence in several["sentence"])
    assert "Holm" not in judged(2.0, 1.0, people=10)["sentence"]


def test_sentence_says_who_what_and_how_sure() -> None:
    row = judged(2.0, 1.0, people=10)
    assert row["sentence"].startswith("Synthetic is worse than natural for new participants and new units: accuracy ")
    for part in ("10 participants", "45 units", "95 % CI", f"{100 * row['difference']:.1f}".replace("-", "−")):
        assert part in row["sentence"]


def test_the_undecided_is_told_what_a_new_study_would_need_and_never_to_go_on() -> None:
    sentence = judged(1.5, 1.5, people=4, units=12)["sentence"]
    assert "a new study would need about" in sentence
    assert "more participants would" not in sentence


def test_new_units_are_less_certain_than_these() -> None:
    """Units that differ by condition widen the interval for new units; these units' is the paired t's."""
    spread = Spread(0.2, 0.65, 0.2, 0.8)
    frame = simulate.trials(30, 45, ["natural", "synthetic"], rng := np.random.default_rng(5))
    responses = simulate.logistic(frame, {"natural": 2.0, "synthetic": 1.5}, spread, rng)
    found = verdict.verdicts(responses, BOTH).set_index("population")
    assert found["role"].to_dict() == {"new_units": "primary", "these_units": "secondary"}
    assert found.loc["new_units", "difference"] == pytest.approx(found.loc["these_units", "difference"])
    assert found.loc["new_units", "std_error"] > 1.2 * found.loc["these_units", "std_error"]
    means = responses.groupby(["participant", "condition"])["correct"].mean().unstack()
    assert found.loc["these_units", "p"] == pytest.approx(stats.ttest_rel(means["synthetic"], means["natural"]).pvalue)


def test_claims_are_corrected_within_their_role_alone() -> None:
    responses = answered({"natural": 1.6, "a": 1.4, "b": 1.3, "c": 1.6}, people=12)
    found = verdict.verdicts(responses, DECLARED)
    primary = found[found["role"] == "primary"]
    # R: p.adjust(p, "holm")
    order = primary["p"].sort_values()
    holm = (order * np.arange(3, 0, -1)).cummax().clip(upper=1)
    pd.testing.assert_series_equal(primary["p_adjusted"].loc[order.index], holm, check_names=False)
    exploratory = found[found["role"] == "exploratory"]
    assert set(exploratory["population"]) == {"these_units"}
    assert exploratory[["p_adjusted", "p_equivalence_adjusted"]].isna().all().all()


def test_another_primary_can_be_declared_but_not_twice(tmp_path) -> None:
    responses = answered({"natural": 2.0, "synthetic": 1.0}, people=6)
    found = verdict.verdicts(responses, AnalysisSection(primary="these_units"))
    assert found.set_index("population")["role"].to_dict() == {"new_units": "exploratory", "these_units": "primary"}
    (tmp_path / "study.toml").write_text('[analysis]\nsecondary = ["new_units"]\n')
    with pytest.raises(UserError, match="secondary cannot hold 'new_units', which is the primary"):
        Study.open(tmp_path)


def machine(sessions: int, seed: int = 3, units: int = 12, batches: int = 10) -> pd.DataFrame:
    """A deterministic machine: a stimulus, a batch of a unit in a condition, is always answered alike."""
    rng = np.random.default_rng(seed)
    frame = simulate.trials(sessions, units, ["natural", "synthetic"], rng)
    session = frame["participant"].str.removeprefix("s").astype(int) - 1
    right = np.random.default_rng(seed).random((units, batches, 2)) < [0.95, 0.7]
    batch = session % batches
    at = frame["channel"], batch, (frame["condition"] == "synthetic").astype(int)
    return frame.assign(observer_kind="machine", observer="similarity", batch=batch, correct=right[at])


def test_more_sessions_of_a_machine_say_nothing_new() -> None:
    found = [verdict.verdicts(machine(sessions), DECLARED) for sessions in (10, 40, 80)]
    for other in found[1:]:
        pd.testing.assert_frame_equal(found[0], other)
    row = found[0].iloc[0]
    assert (row["population"], row["role"], row["n_participants"], row["n_units"]) == ("machine", "primary", 1, 12)
    assert "participant" not in row["sentence"]


def test_a_machine_that_is_always_right_is_undecided() -> None:
    responses = machine(40).assign(correct=True)
    row = verdict.verdicts(responses, DECLARED).iloc[0]
    assert row["verdict"] == "undecided"
    assert row["high"] > 0.05


def test_one_participant_decides_nothing(answers) -> None:
    found = verdict.verdicts(answers(("a", "natural", "1101"), ("a", "synthetic", "1001")), DECLARED).iloc[0]
    assert found["verdict"] == "undecided"
    assert np.isnan(found["p"])
    assert found["sentence"].startswith("Undecided whether synthetic differs from natural")


def test_without_natural_images_there_is_no_verdict(answers) -> None:
    assert verdict.verdicts(answers(("a", "synthetic", "1101"), ("a", "none", "1001")), DECLARED).empty
    assert verdict.verdicts(answers(("a", "natural", "1"))[:0], DECLARED).empty


def test_one_participant_in_each_condition_decides_nothing(answers) -> None:
    found = verdict.verdicts(answers(("a", "natural", "1101"), ("b", "synthetic", "1001")), DECLARED).iloc[0]
    assert (found["n_participants"], found["difference"]) == (2, -0.25)
    assert found["verdict"] == "undecided"
    assert np.isnan(found["p"])
    assert "1 and 1 participants, 4 units answered either, too few" in found["sentence"]


def test_participants_who_saw_one_condition_each_are_two_groups() -> None:
    """Oracle for these units: scipy's Welch t test of the participants' accuracies."""
    responses = answered({"natural": 2.0, "synthetic": 1.0}, people=16, units=20)
    number = responses["participant"].str.removeprefix("s").astype(int)
    apart = responses[(responses["condition"] == "natural") == (number % 2 == 0)]
    found = verdict.verdicts(apart, BOTH).set_index("population")
    means = apart.groupby(["condition", "participant"])["correct"].mean()
    wanted = stats.ttest_ind(means["synthetic"], means["natural"], equal_var=False)
    row = found.loc["these_units"]
    assert row["p"] == pytest.approx(wanted.pvalue)
    assert row["df"] == pytest.approx(wanted.df)
    assert row["difference"] == pytest.approx(means["synthetic"].mean() - means["natural"].mean())
    assert row["difference"] == pytest.approx(row["accuracy"] - row["baseline_accuracy"])
    assert "8 and 8 participants, 20 units" in row["sentence"]
    assert found.loc["new_units", "std_error"] >= 0.9 * row["std_error"]
    assert (found["n_participants"] == 16).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 8), st.integers(2, 10), st.integers(0, 1000))
def test_swapping_the_methods_turns_the_verdict(people: int, units: int, seed: int) -> None:
    one = answered({"natural": 1.0, "synthetic": 1.6}, people, units, seed=seed)
    swapped = one.assign(condition=one["condition"].replace({"natural": "synthetic", "synthetic": "natural"}))
    first, second = (verdict.verdicts(responses, BOTH).set_index("population") for responses in (one, swapped))
    turned = {"better": "worse", "worse": "better"}
    for population in ("new_units", "these_units"):
        a, b = first.loc[population], second.loc[population]
        assert b["verdict"] == " ".join(turned.get(part, part) for part in a["verdict"].split(" "))
        assert a["p"] == pytest.approx(b["p"])
        assert a["difference"] == pytest.approx(-b["difference"])
        assert a["new_participants"] == pytest.approx(b["new_participants"], nan_ok=True)


def test_a_new_study_of_the_advised_size_has_about_that_power() -> None:
    """The advice of a large study, simulated: 80 % power at the margin, within what its own estimates allow."""
    scenario = power.Scenario(0.85, 0.05, Spread(0.2, 0.65, 0.2, 0.55), 200, 45)
    found = power.difference_of(power.simulated(scenario, np.random.default_rng(0)), "new_units")
    people, units = verdict.of_new_study(found, 0.05)
    for n, m in ((int(people), 45), (200, int(units))):
        share = power.table(scenario, [n], [m], "new_units", 400, seed=1)["power"].iloc[0]
        assert 0.65 < share < 0.95


def test_of_one_sample_the_advice_is_that_of_r() -> None:
    differences = np.random.default_rng(1).normal(0, 1, 40)
    differences = 0.1 * (differences - differences.mean()) / differences.std(ddof=1)
    # R: power.t.test(delta = .05, sd = .1, power = .8, type = "paired")$n = 33.4
    assert verdict.of_new_study(of_one_sample(differences, 40, 9), 0.05)[0] == pytest.approx(34, abs=1)
    assert np.isnan(verdict.of_new_study(crossed(np.ones(8), *np.indices((2, 2, 2)).reshape(3, 8)[:2],
                                                 np.arange(8) % 2 == 1), 0.05)).all()  # fmt: skip
