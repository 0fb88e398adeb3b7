"""Prediction-powered means against ppi-python, and what must not matter."""

import numpy as np
import pandas as pd
import pytest

from exemplum.analysis.estimates.cells import Z95
from exemplum.analysis.machines import prediction_powered
from exemplum.analysis.machines.prediction_powered import Judged, Powered, Scored, powered
from exemplum.tables import SCORES

from .ppi_oracle import data
from .predicted_study import score, study

# ppi_oracle.py with ppi-python 0.2.3: weight, estimate, low, high; its λ is ours times the share of units not judged
ORACLE = (
    (0.0, 0.62750000, 0.58012076, 0.67487924),
    (0.5, 0.63277187, 0.58706311, 0.67848063),
    (0.9, 0.63698936, 0.59142457, 0.68255416),
    (1.0, 0.63804374, 0.59234561, 0.68374186),
)
ORACLE_OWN = (0.63562784, 0.59013518, 0.68112051)  # with its own weight


def of_data(values: np.ndarray, judged: np.ndarray, others: np.ndarray) -> Powered:
    """Each unit judged once, by another person."""
    n, everyone = len(values), np.r_[judged, others]
    scored = Scored(float(everyone.mean()), float(everyone.var(ddof=1)) / len(everyone), len(everyone))
    codes = np.arange(n)
    return powered(Judged(values, codes, codes, codes, np.zeros(n, dtype=int), judged), scored)


def test_estimate_and_interval_are_those_of_ppi_python() -> None:
    right, judged, others = data()
    found = of_data(right, judged, others)
    weight = found.weight * len(others) / (len(judged) + len(others))
    weights, estimates, low, high = np.array(ORACLE).T
    assert found.powered.estimate == pytest.approx(np.interp(weight, weights, estimates), abs=1e-7)
    variance = np.polyfit(weights, (high - low) ** 2, 2)  # of a mean less λ times a score: a parabola in λ
    half = np.sqrt(np.polyval(variance, weight)) / 2
    assert Z95 * found.powered.std_error == pytest.approx(half, rel=0.005)
    assert found.classical.estimate == pytest.approx(ORACLE[0][1])
    assert Z95 * found.classical.std_error == pytest.approx((ORACLE[0][3] - ORACLE[0][2]) / 2, rel=0.005)


def test_weight_is_the_best_one_but_for_its_shrinkage() -> None:
    right, judged, others = data()
    found = of_data(right, judged, others)
    slope = np.polyfit(judged, right, 1)[0]
    own = (ORACLE_OWN[0] - ORACLE[0][1]) / (ORACLE[3][1] - ORACLE[0][1])
    # theirs divides by the variance of the scores of all units, ours by that of the judged ones
    assert slope * len(others) / (len(judged) + len(others)) == pytest.approx(own, rel=0.04)
    t = slope / np.sqrt(np.sum((right - np.polyval(np.polyfit(judged, right, 1), judged)) ** 2)
                        / (len(right) - 2) / np.sum((judged - judged.mean()) ** 2))  # fmt: skip
    assert found.weight == pytest.approx(slope * (1 - 1 / t**2))
    assert found.effective_units > len(right)


def crowd(seed: int, people: int = 8, units: int = 20) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    who, what = (index.ravel() for index in np.indices((people, units)))
    truth = rng.uniform(0.4, 1, units)
    return (rng.random(len(who)) < truth[what]).astype(float), who, what, truth


def of_crowd(seed: int, of_score, **scored) -> Powered:
    right, who, what, truth = crowd(seed)
    score = of_score(truth)
    units = len(truth)
    everyone = Scored(**({"mean": float(score.mean()), "variance": 1e-3, "n": 300} | scored))
    return powered(Judged(right, who, what, np.arange(units), np.zeros(units, dtype=int), score), everyone)


@pytest.mark.parametrize("of_score", [lambda truth: -truth, np.zeros_like, lambda truth: np.full_like(truth, 0.7)])
def test_a_machine_that_is_worth_nothing_changes_nothing(of_score) -> None:
    """Scores that fall with people's accuracy, or do not vary: the classical mean with its interval."""
    found = of_crowd(3, of_score, mean=0.2)
    assert found.weight == 0
    for name in ("estimate", "std_error", "df", "p"):
        assert getattr(found.powered, name) == getattr(found.classical, name)
    assert found.effective_units == 20


@pytest.mark.parametrize(("shift", "scale"), [(0.3, 1.0), (0.0, 0.01), (-5.0, 100.0)])
def test_bias_and_unit_of_the_score_do_not_matter(shift: float, scale: float) -> None:
    mean = crowd(4)[3].mean() - 0.02
    plain = of_crowd(4, lambda truth: truth, mean=mean)
    other = of_crowd(4, lambda truth: shift + scale * truth, mean=shift + scale * mean, variance=1e-3 * scale**2)
    for name in ("estimate", "std_error", "df"):
        assert getattr(other.powered, name) == pytest.approx(getattr(plain.powered, name))
    assert other.weight * scale == pytest.approx(plain.weight)
    assert plain.powered.std_error < plain.classical.std_error


def test_units_with_higher_scores_than_all_have_their_mean_lowered() -> None:
    higher = of_crowd(4, lambda truth: truth, mean=0.5)
    assert higher.powered.estimate == pytest.approx(
        higher.classical.estimate + higher.weight * (0.5 - crowd(4)[3].mean())
    )


def test_the_classical_mean_is_that_of_the_primary_test() -> None:
    """Over participants and units: as the difference from a baseline on which all are always wrong."""
    from exemplum.analysis.tests.difference import crossed

    right, who, what, _ = crowd(5)
    found = of_crowd(5, np.zeros_like)
    both = [np.r_[of, of] for of in (who, what)]
    oracle = crossed(np.r_[right, 0 * right], *both, np.repeat([True, False], len(right)))
    assert found.classical.estimate == pytest.approx(oracle.estimate)
    # a leverage of 1 / n each: HC3 divides by 1 − 1/n twice what the sample variance divides by once
    assert found.classical.std_error == pytest.approx(oracle.std_error, rel=0.03)


def test_differences_and_several_difficulties_are_means_over_difficulties() -> None:
    rng = np.random.default_rng(6)
    people, units = 10, 12
    who, what, which, level = (index.ravel() for index in np.indices((people, units, 2, 2)))
    kept = (who + what + which + level) % 3 > 0
    who, what, which, level = (of[kept] for of in (who, what, which, level))
    right = (rng.random(len(who)) < 0.9 - 0.2 * level - 0.1 * which).astype(float)
    item, codes = np.unique(2 * what + level, return_inverse=True)
    judged = Judged(right, who, codes, item // 2, item % 2, rng.random(len(item)), which == 1)
    found = powered(judged, Scored(0.5, 0.001, 100))
    table = pd.DataFrame({"right": right, "unit": what, "which": which, "level": level})
    wide = table.groupby(["level", "unit", "which"])["right"].mean().unstack()
    assert found.classical.estimate == pytest.approx((wide[1] - wide[0]).groupby("level").mean().mean())


@pytest.mark.parametrize(("people", "units"), [(1, 20), (9, 3)])
def test_too_few_people_or_units_give_no_interval(people: int, units: int) -> None:
    who, what = (index.ravel() for index in np.indices((people, units)))
    judged = Judged(
        np.ones(len(who)), who, what, np.arange(units), np.zeros(units, dtype=int), np.linspace(0, 1, units)
    )
    found = powered(judged, Scored(0.5, 0.01, 100))
    assert np.isnan([found.powered.std_error, found.weight, found.effective_units]).all()


def test_all_units_count_as_the_judged_ones_are_spread_over_layers() -> None:
    scores = pd.DataFrame({
        "unit": [f"a:{k}" for k in range(4)] + [f"b:{k}" for k in range(12)], "layer": ["a"] * 4 + ["b"] * 12,
        "score": [0.0] * 4 + [1.0] * 12,
    })  # fmt: skip
    found = prediction_powered.all_units(scores, ["a:0", "b:0"])
    assert (found.mean, found.variance, found.n) == (0.5, 0, 16)  # not 12 of 16
    branches = pd.Series({f"b:{k}": "1x1" if k < 3 else "pool" for k in range(12)})
    assert prediction_powered.all_units(scores, ["b:0"], branches).n == 3


def test_tables_show_both_intervals_and_the_gain() -> None:
    made = study(people=10, units=16)
    rows, compared = prediction_powered.powered_estimates(made.responses, made.machines.scores)
    one = rows[(rows["group"] == "similarity") & (rows["condition"] == "synthetic")]
    assert one["measure"].tolist() == ["accuracy", "accuracy", "effective_units", "ppi_weight"]
    assert one["interval"].tolist() == ["ppi", "t", "none", "none"]
    ours = made.responses[(made.responses["observer"] == "participants") & (made.responses["condition"] == "synthetic")]
    assert one["estimate"].iloc[1] == pytest.approx(ours["correct"].mean())
    assert (one["n_trials"].iloc[0], one["n_participants"].iloc[0]) == (160, 16)
    assert set(rows["group"]) == {"similarity", "luminance"}  # ideal has scored no unit
    both = compared[compared["group"] == "similarity"].set_index("test")
    assert both.loc["ppi", ["a", "b"]].tolist() == ["natural", "synthetic"]
    assert (both["effect_low"] < both["difference"]).all()
    assert (both["difference"] < both["effect_high"]).all()


@pytest.mark.parametrize("kind", ["no others", "one missing", "nulls only", "hand picked", "another method"])
def test_without_scores_of_all_judged_units_and_others_there_is_no_such_interval(kind: str) -> None:
    made = study(people=6, units=8)
    scores, responses = made.machines.scores, made.responses
    judged = scores["unit"].isin(responses["unit"])
    if kind == "no others":
        scores = scores[judged]
    elif kind == "one missing":
        scores = scores[scores["unit"] != responses["unit"].iloc[0]]
    elif kind == "nulls only":
        scores = scores.assign(null="untrained")
    elif kind == "hand picked":
        responses = responses.assign(selection="hand_picked")
    else:
        scores = scores.assign(method="crops")
    rows, compared = prediction_powered.powered_estimates(responses, scores)
    assert rows.empty
    assert compared.empty


def test_scores_are_those_of_the_references_and_difficulty_that_people_saw() -> None:
    asked = study(people=4, units=5).responses.assign(scheme="Min-Max-1", difficulty="0.95")
    rows = [
        score("mixed4a:0", "mixed4a", "natural", "similarity", 0.5, value, references=references, difficulty=difficulty)
        for value, references, difficulty in ((0.1, 1, "0.95"), (0.2, 9, "0.95"), (0.3, 1, "extreme"))
    ]
    from exemplum.analysis.machines.units import of_conditions

    found = of_conditions(SCORES.frame(rows), asked)
    assert found["score"].tolist() == [0.1]
    found = of_conditions(SCORES.frame(rows[1:]), asked)  # only 9 references: then those, at the right difficulty
    assert found["score"].tolist() in ([0.2], [0.3])
