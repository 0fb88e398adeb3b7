"""Machines' scores beside people's accuracy: by hand, against scipy and the bivariate normal, and what is undefined."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.multitest import multipletests

from exemplum.analysis.machines import consistency, units
from exemplum.analysis.machines.correlation import Pairs, correlation_estimates, of_pairs
from exemplum.analysis.machines.predictions import Machines, predictions
from exemplum.tables import EVIDENCE, PEOPLE_AND_MACHINES, SCORES

from .predicted_study import Predicted, machine, score, study


@pytest.fixture(scope="module")
def made() -> Predicted:
    return study()


@pytest.fixture(scope="module")
def found(made):
    return predictions(made.responses, made.machines, seed=1, resamples=400)


def test_units_hold_what_people_and_machines_did_on_the_same_trials(made, found) -> None:
    table = found.people_and_machines
    PEOPLE_AND_MACHINES.frame(table)
    row = table[(table["machine"] == "luminance") & (table["condition"] == "natural")].iloc[3]
    of_unit = made.responses[(made.responses["unit"] == row["unit"]) & (made.responses["condition"] == "natural")]
    people, theirs = (of_unit[of_unit["observer"] == name] for name in ("participants", "luminance"))
    assert (row["accuracy"], row["n_trials"]) == (pytest.approx(people["correct"].mean()), len(people))
    assert row["answers"] == pytest.approx(theirs["correct"].mean())
    evidence = made.machines.evidence.query("observer == 'luminance'").set_index("trial_id")["evidence"]
    assert row["evidence"] == pytest.approx(evidence[people["trial_id"]].mean())
    scored = made.machines.scores.query("observer == 'luminance' and method == 'natural'").set_index("unit")
    assert (row["score"], row["n_tasks"]) == (pytest.approx(scored.loc[row["unit"], "score"]), 20)
    ideal = table[table["machine"] == "ideal"]
    assert (ideal["answers"] == 1).all()
    assert ideal[["evidence", "score", "task_accuracy"]].isna().all(axis=None)


def test_error_of_a_share_is_that_of_independent_trials() -> None:
    mean, error = units.means(np.array([[1.0], [0], [1], [1], [1], [0]]), np.array([0, 0, 0, 0, 1, 1]), np.arange(6))
    np.testing.assert_allclose(mean.ravel(), [0.75, 0.5])
    np.testing.assert_allclose(error.ravel(), [0.75 * 0.25 / 3, 0.25])  # p (1 − p) / (n − 1)


def test_answers_to_one_stimulus_count_as_one_for_the_error() -> None:
    values = np.repeat([[1.0], [0], [1], [1]], 5, axis=0)
    _, error = units.means(values, np.zeros(20, int), np.repeat(np.arange(4), 5))
    assert error.item() == pytest.approx(0.75 * 0.25 / 3)
    assert np.isnan(units.means(values, np.zeros(20, int), np.zeros(20, int))[1]).all()


def test_correlation_as_measured_is_scipys(found) -> None:
    table = found.people_and_machines.query("machine == 'similarity' and condition == 'synthetic'")
    rows = found.estimates.query("group == 'similarity' and condition == 'synthetic'").set_index("measure")
    for predictor in units.PREDICTORS:
        oracle = stats.pearsonr(table[predictor], table["accuracy"]).statistic
        assert rows.loc[f"correlation_{predictor}", "estimate"] == pytest.approx(oracle)
    assert rows.loc["correlation_score", ["n_trials", "n_participants"]].tolist() == [288, 24]


def test_without_errors_of_measurement_nothing_is_corrected() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 30).T
    zero = np.zeros(30)
    rows = {
        name: (value, ends) for name, value, ends in of_pairs(Pairs(x, y, zero, zero, zero, np.arange(30)), "x", 1, 999)
    }
    assert rows["disattenuated_x"] == rows["correlation_x"]
    assert rows["reliability_people"][0] == rows["reliability_x"][0] == 1


def test_true_correlation_is_recovered_from_noisy_scores() -> None:
    """Spearman (1904): measured = true · √(reliability · reliability); errors that both share are taken out."""
    rng = np.random.default_rng(3)
    n = 20_000
    x, y = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], n).T
    ex, ey = rng.multivariate_normal([0, 0], [[0.5, 0.3], [0.3, 1]], n).T
    errors = np.full(n, 0.5), np.full(n, 1.0), np.full(n, 0.3)
    moments = Pairs(x + ex, y + ey, *errors, np.arange(n)).moments(np.ones((n, 1)))
    assert moments.correlation()[0] == pytest.approx(0.9 / np.sqrt(1.5 * 2), abs=0.02)
    assert moments.disattenuated()[0] == pytest.approx(0.6, abs=0.02)
    assert moments.reliability(people=False)[0] == pytest.approx(1 / 1.5, abs=0.02)
    assert moments.reliability(people=True)[0] == pytest.approx(1 / 2, abs=0.02)


def test_without_reliability_there_is_no_true_correlation() -> None:
    """People who differ less than their errors alone would make them: undefined stays undefined."""
    rng = np.random.default_rng(4)
    x, y, zero = rng.random(20), rng.binomial(10, 0.8, 20) / 10, np.zeros(20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = {
            name: (value, ends[1:])
            for name, value, ends in of_pairs(Pairs(x, y, zero, zero + 2 * y.var(), zero, np.arange(20)), "x", 1, 500)
        }
    assert np.isnan([rows["disattenuated_x"][0], *rows["disattenuated_x"][1]]).all()
    assert rows["reliability_people"][0] < 0  # not cut
    assert np.isfinite([rows["correlation_x"][0], *rows["correlation_x"][1]]).all()


def test_low_reliability_leaves_the_true_correlation_open() -> None:
    rng = np.random.default_rng(5)
    x, y, zero = rng.random(20), rng.random(20), np.zeros(20)
    y = y + 0.2 * x
    rows = {
        name: ends
        for name, _, ends in of_pairs(Pairs(x, y, zero, zero + 0.9 * y.var(), zero, np.arange(20)), "x", 1, 500)
    }
    assert rows["disattenuated_x"][1:] == (-1, 1)


@pytest.mark.parametrize("few", [1, 3])
def test_too_few_units_give_n_alone(few: int) -> None:
    made = study(people=5, units=few)
    rows = predictions(made.responses, made.machines, 1, 50).estimates
    rows = rows[rows["measure"].str.startswith(("correlation", "disattenuated", "reliability"))]
    assert rows[["estimate", "low", "high"]].isna().all(axis=None)
    assert set(rows["n_participants"]) == {few}


def test_a_machine_that_is_always_right_predicts_nobody(found) -> None:
    ideal = found.estimates[(found.estimates["group"] == "ideal") & (found.estimates["observer"] == "participants")]
    assert ideal.loc[ideal["measure"] == "correlation_answers", "estimate"].isna().all()
    assert (ideal.loc[ideal["measure"] == "kappa_limit", "estimate"] == 0).all()
    assert "ideal" not in set(found.comparisons["a"]) | set(found.comparisons["b"])


def test_the_better_machine_comes_first_and_is_tested_against_the_next(made, found) -> None:
    rows = found.comparisons[found.comparisons["test"] == "jackknife"].set_index("group")
    assert set(rows.index) == {"natural", "synthetic", ""}
    assert (rows["a"] == "similarity").all()
    assert (rows["measure"] == "correlation_score").all()  # the finest that both have
    table = found.people_and_machines.query("condition == 'natural'")
    r = [
        stats.pearsonr(own["score"], own["accuracy"]).statistic
        for _, own in table.groupby("machine")
        if own["score"].notna().all()
    ]
    assert rows.loc["natural", "difference"] == pytest.approx(max(r) - min(r))
    assert rows.loc["natural", "effect"] == pytest.approx(np.arctanh(max(r)) - np.arctanh(min(r)))


def test_all_conditions_together_are_compared_by_what_is_known_in_each(made) -> None:
    """A method whose pictures were made for the judged units alone has no score."""
    scores = made.machines.scores.query("method == 'natural'")
    found = predictions(made.responses, Machines(made.machines.evidence, scores), 1, 50)
    own = found.estimates[found.estimates["group"] == "similarity"]
    measures = {name: set(of["measure"]) for name, of in own.groupby("condition")}
    assert "correlation_score" in measures["natural"]
    assert {"correlation_score", "correlation_evidence"} & measures["all"] == {"correlation_evidence"}
    rows = found.comparisons[found.comparisons["test"] == "jackknife"].set_index("group")["measure"]
    assert rows.to_dict() == {
        "natural": "correlation_score", "synthetic": "correlation_evidence", "": "correlation_evidence",
    }  # fmt: skip


def test_of_three_machines_every_pair_is_tested_with_holms_correction(made) -> None:
    third = made.machines.evidence.query("observer == 'luminance'")
    noise = np.random.default_rng(1).standard_normal(len(third))
    third = third.assign(observer="hue", evidence=third["evidence"] + noise)
    rows = predictions(made.responses, Machines(pd.concat([made.machines.evidence, third])), 1, 50).comparisons
    rows = rows[(rows["group"] == "natural") & (rows["measure"] == "correlation_evidence")]
    assert len(rows) == 3
    assert set(rows["p_adjusted"].round(9)) == set(multipletests(rows["p"], method="holm")[1].round(9))


def test_consistency_is_cohens_kappa_of_right_answers(answers) -> None:
    people = answers(("a", "natural", "1101001110"))
    machine_ = machine(people, "similarity").assign(participant="m")
    machine_["correct"] = [True, False, False, True, False, True, True, True, True, True]
    found = consistency.consistency_estimates(pd.concat([people, machine_], ignore_index=True)).set_index("measure")
    row = found.loc["kappa_cohen"]
    assert (row["observer"], row["group"], row["n_trials"]) == ("participants", "similarity", 10)
    assert row["estimate"] == pytest.approx(cohen_kappa_score(people["correct"], machine_["correct"]))


def test_the_limit_is_reached_if_the_worse_observer_adds_errors() -> None:
    right = np.array([1] * 7 + [0] * 3)
    more = np.array([1] * 5 + [0] * 5)
    assert consistency.limit(0.7, 0.5) == pytest.approx(cohen_kappa_score(right, more))
    assert np.isnan(consistency.limit(1.0, 1.0))


def test_independent_observers_are_consistent_only_by_chance(answers) -> None:
    rng = np.random.default_rng(8)
    marks = ["".join(map(str, (rng.random(400) < 0.8).astype(int))) for _ in range(2)]
    people = answers(("a", "natural", marks[0]))
    both = pd.concat(
        [people, machine(people, "m").assign(correct=[mark == "1" for mark in marks[1]])], ignore_index=True
    )
    row = consistency.consistency_estimates(both).set_index("measure").loc["kappa_cohen"]
    assert row["low"] < 0 < row["high"]


def test_sessions_of_two_machines_are_not_a_sample(answers) -> None:
    """More sessions that show the same stimuli change neither κ nor its interval."""
    one = machine(answers(("s1", "natural", "1101001110")), "a")
    other = machine(answers(("s1", "natural", "1001011010")), "b")
    again = [of.assign(participant="s2", trial_id="again-" + of["trial_id"]) for of in (one, other)]
    once, twice = (
        consistency.consistency_estimates(pd.concat(parts, ignore_index=True))
        for parts in ((one, other), (one, other, *again))
    )
    pd.testing.assert_frame_equal(once, twice)
    assert once["n_participants"].tolist() == [10, 10]  # units


def test_without_people_or_machines_there_is_nothing(made) -> None:
    for kept in (made.responses["observer_kind"] == "person", made.responses["observer"] == "ideal"):
        none = predictions(made.responses[kept], Machines(), 1, 50)
        assert none.people_and_machines.empty
        assert none.estimates.empty
        assert none.comparisons.empty
        assert none.models.empty
        assert none.calibrations == []


def test_machines_that_only_scored_units_are_compared_too(made) -> None:
    people = made.responses[made.responses["observer_kind"] == "person"]
    found = predictions(people, Machines(scores=made.machines.scores), 1, 50)
    assert set(found.people_and_machines["machine"]) == {"similarity", "luminance"}
    assert found.people_and_machines["answers"].isna().all()
    assert set(found.estimates["measure"]) >= {"correlation_score", "disattenuated_task_accuracy", "effective_units"}


def test_trials_that_the_machine_left_out_are_left_out_of_both(made) -> None:
    answered = made.responses[(made.responses["observer"] != "similarity") | (made.responses["trial"] % 2 == 0)]
    table = units.table(units.side_by_side(answered, made.machines.evidence)).set_index("machine")
    assert table.loc["similarity", "n_trials"].sum() < table.loc["luminance", "n_trials"].sum()


def test_scores_of_no_tasks_are_unknown() -> None:
    people = study(people=4, units=5).responses.query("observer == 'participants'")
    rows = [score(unit, "mixed4a", "natural", "s", np.nan, np.nan, n_tasks=0) for unit in people["unit"].unique()]
    assert units.side_by_side(people, scores=SCORES.frame(rows)) == []
    assert units.side_by_side(people, EVIDENCE.frame()) == []


def test_the_error_of_a_score_is_that_of_the_mean_over_its_tasks(made) -> None:
    """Of the mean of two scores, each of 20 tasks: √(sd₁²/20 + sd₂²/20) / 2; unknown where a unit has one task."""
    people = made.responses[made.responses["observer"] == "participants"].assign(difficulty="0.95")
    names = people["unit"].unique()
    value = dict(zip(names, np.linspace(0.2, 0.9, len(names)), strict=True))

    def items(sd: float, n_tasks: int) -> units.Items:
        rows = [
            score(unit, "mixed4a", method, "s", 0.5, value[unit], references=k, score_sd=sd * k, n_tasks=n_tasks)
            for unit in names for method in ("natural", "synthetic") for k in (1, 2)
        ]  # fmt: skip
        (found,) = units.side_by_side(people, scores=SCORES.frame(rows))
        return found

    known = items(0.1, 20)
    assert known.errors["score"].machine == pytest.approx((0.1**2 + 0.2**2) / 20 / 4)
    rows = correlation_estimates([known], 0, 50).query("condition == 'natural'").set_index("measure")
    variance = np.var(list(value.values()), ddof=1)
    assert rows.loc["reliability_score", "estimate"] == pytest.approx(1 - (0.1**2 + 0.2**2) / 20 / 4 / variance)
    one = items(np.nan, 1)
    assert np.isnan(one.errors["score"].machine).all()
    assert "reliability_score" not in set(correlation_estimates([one], 0, 50)["measure"])


@pytest.mark.parametrize("spread", [{"extreme": 0.2}, {"extreme": 0.2, "0.95": 0.4}])
def test_a_score_that_stands_for_two_difficulties_is_one_measurement(spread) -> None:
    """No tasks at the difficulty 0.85. Oracle: how far the scores of like units are apart."""
    names = [f"mixed4a:{number}" for number in range(500)]
    like = study(people=2, units=5).responses.query("observer == 'participants' and condition == 'natural'").iloc[:1]
    people = like.loc[like.index.repeat(2 * len(names))].assign(
        unit=np.repeat(names, 2), difficulty=np.resize(["0.85", "extreme"], 2 * len(names))
    )
    rng = np.random.default_rng(3)
    rows = [
        score(unit, "mixed4a", "natural", "s", 0.5, rng.normal(0.5, sd / np.sqrt(20)), score_sd=sd, difficulty=level)
        for unit in names for level, sd in spread.items()
    ]  # fmt: skip
    (found,) = units.side_by_side(people, scores=SCORES.frame(rows))
    assert found.errors["score"].machine == pytest.approx(found.table["score"].var(), rel=0.15)
    assert set(found.table["n_tasks"]) == {20 * len(spread)}


def test_scores_of_an_earlier_version_have_unknown_errors(made) -> None:
    older = made.machines.scores.drop(columns="score_sd")
    found = predictions(made.responses, Machines(scores=SCORES.frame(older)), 1, 50)
    assert "disattenuated_score" in set(found.estimates["measure"])
    assert "reliability_score" not in set(found.estimates["measure"])
