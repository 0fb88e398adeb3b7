"""Intervals of means over units. Oracles: statsmodels' Wilson interval, and simulated populations of units."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from exemplum.scores import summary

TASKS = 20


def table(accuracies: dict[tuple[str, str, str], np.ndarray], layer: str = "mixed4a") -> pd.DataFrame:
    """SCORES of units 0, 1, …, by method, null and observer."""
    parts = [
        pd.DataFrame({"unit": [f"{layer}:{k}" for k in range(len(of))], "layer": layer, "method": method, "null": null,
                      "observer": observer, "references": 9, "difficulty": "extreme", "accuracy": of, "score": of,
                      "evidence": of, "n_tasks": TASKS})
        for (method, null, observer), of in accuracies.items()
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_units_that_vary_like_single_answers_have_wilsons_interval():
    """Of many units with one task each the answers are independent, and t is nearly normal."""
    correct = np.r_[np.ones(700), np.zeros(300)]
    low, high = summary.interval(correct, np.ones(1000))
    assert (low, high) == pytest.approx(proportion_confint(700, 1000, method="wilson"), abs=2e-4)


def test_perfect_scores_have_a_width_that_falls_with_the_units():
    few, many = (summary.interval(np.ones(n), np.full(n, TASKS)) for n in (10, 1000))
    assert few[1] == many[1] == 1
    assert few[0] < 0.75
    assert 0.995 < many[0] < 1
    assert np.isnan(summary.interval(np.ones(1), np.ones(1))).all()


def test_differences_are_paired_over_units_that_both_have():
    rng = np.random.default_rng(0)
    natural = rng.uniform(0.5, 1, 40)
    scores = table({("natural", "", "similarity"): natural, ("crops", "", "similarity"): (natural - 0.1)[:30]})
    found = summary.differences(scores, "natural")
    row = found[found["layer"] == ""].iloc[0]
    assert (row["method"], row["against"], row["units"], row["paired"]) == ("crops", "natural", 30, True)
    assert row["difference"] == pytest.approx(-0.1)
    assert row["high"] < 0.1  # units vary by .14, their differences do not


def test_layers_of_a_null_count_as_they_do_in_the_network():
    """Random directions are at most 128 per layer: large layers must not count less than among the units."""
    rng = np.random.default_rng(2)
    parts = []
    for layer, mean, units, directions in (("small", 0.9, 40, 40), ("large", 0.6, 360, 40)):
        for null, count in (("", units), ("directions", directions)):
            parts.append(table({("natural", null, "s"): rng.binomial(TASKS, mean, count) / TASKS}, layer))
    scores = pd.concat(parts)
    whole = summary.differences(scores, "natural").query("layer == ''").iloc[0]
    assert whole["low"] < 0 < whole["high"]
    assert abs(whole["difference"]) < 0.03
    means = summary.summaries(scores).query("layer == ''").set_index("null")["accuracy"]
    assert means["directions"] == pytest.approx(0.63, abs=0.03)


def test_units_of_layers_that_the_null_lacks_are_not_compared():
    rng = np.random.default_rng(3)
    parts = [
        table({("natural", "", "s"): rng.binomial(TASKS, 0.7, 50) / TASKS,
               ("natural", "untrained", "s"): rng.binomial(TASKS, 0.7, 50) / TASKS}),
        table({("natural", "", "s"): np.ones(50)}, "sae"),
    ]  # fmt: skip
    whole = summary.differences(pd.concat(parts), "natural").query("layer == ''").iloc[0]
    assert (whole["units"], whole["units_against"]) == (50, 50)
    assert abs(whole["difference"]) < 0.1


def test_words_say_which_layers_are_above_their_null():
    rng = np.random.default_rng(1)
    parts = []
    for layer, gain in (("mixed3a", 0.0), ("mixed4a", 0.3), ("mixed5a", -0.3)):
        null = rng.binomial(TASKS, 0.5, 60) / TASKS
        real = rng.binomial(TASKS, 0.5 + gain, 60) / TASKS
        parts.append(table({("natural", "", "s"): real, ("natural", "untrained", "s"): null}, layer))
    found = summary.differences(pd.concat(parts), "natural")
    (said,) = summary.said_against_nulls(found, "natural", "s", "extreme")
    assert "above it in mixed4a, below it in mixed5a, not told from it in mixed3a" in said


@pytest.mark.slow
@pytest.mark.parametrize("units", [12, 60, 300])
@pytest.mark.parametrize("mean", [0.5, 0.8, 0.95, 0.98])
def test_intervals_cover_the_mean_of_the_population(units, mean):
    """Units with Beta-distributed accuracies, 20 tasks each: 95 % intervals hold the population's mean."""
    rng, runs, spread = np.random.default_rng(units), 4000, 8.0
    truth = rng.beta(mean * spread, (1 - mean) * spread, (runs, units))
    seen = rng.binomial(TASKS, truth) / TASKS
    ends = np.array([summary.interval(of, np.full(units, TASKS)) for of in seen])
    covered = ((ends[:, 0] <= mean) & (mean <= ends[:, 1])).mean()
    assert 0.92 <= covered <= 0.985, covered


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("units", [12, 100])
@pytest.mark.parametrize("mean", [0.6, 0.97])
def test_intervals_of_differences_cover_them(paired, units, mean):
    rng, runs, spread, gap = np.random.default_rng(units), 2000, 8.0, 0.03
    covered = 0
    for _ in range(runs):
        truth = rng.beta(mean * spread, (1 - mean) * spread, units)
        other = truth if paired else rng.beta(mean * spread, (1 - mean) * spread, units)
        seen = rng.binomial(TASKS, truth) / TASKS
        against = rng.binomial(TASKS, np.clip(other * (1 - gap / mean), 0, 1)) / TASKS
        frames = table({("natural", "", "s"): seen}), table({("natural", "x", "s"): against})
        found = summary.difference(*frames, paired=paired)
        covered += found["low"] <= gap <= found["high"]
    assert 0.92 <= covered / runs <= 0.985, covered / runs
