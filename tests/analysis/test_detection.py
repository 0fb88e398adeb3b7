"""d′, criterion and lapses against R, known counts and simulated truth."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from scipy.stats import norm, t

from exemplum.analysis import simulate
from exemplum.analysis.estimates import detection

COUNT = st.integers(0, 200)


def pick(frame: pd.DataFrame, measure: str, aggregate: str = "pooled", by: str = "all") -> pd.Series:
    rows = frame[(frame["measure"] == measure) & (frame["aggregate"] == aggregate) & (frame["by"] == by)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_unbiased_d_prime_is_that_of_r() -> None:
    # R: psyphy::dprime.mAFC(.92, 2): 1.987068, searched to 1e-5; so many trials that no correction shows
    n = 10**8
    found = detection.d_prime(np.array([0.92 * n]), np.array([n]), np.array([0.08 * n]), np.array([n]))
    assert found[0][0] == pytest.approx(1.987068, abs=1e-5)
    assert found[1][0] == pytest.approx(0, abs=1e-6)


def test_correction_keeps_perfect_answers_finite() -> None:
    # (20 + .5) / (20 + 1) and .5 / 21 by hand
    found = detection.d_prime(np.array([20]), np.array([20]), np.array([0]), np.array([20]))
    assert found[0][0] == pytest.approx(np.sqrt(2) * norm.ppf(20.5 / 21))


@given(COUNT, COUNT, COUNT, COUNT)
def test_swapping_the_sides_turns_the_bias_and_keeps_d_prime(hits: int, misses: int, false: int, right: int) -> None:
    if not (hits + misses and false + right):
        return
    one = detection.d_prime(np.array([hits]), np.array([hits + misses]), np.array([false]), np.array([false + right]))
    other = detection.d_prime(
        np.array([right]), np.array([false + right]), np.array([misses]), np.array([hits + misses])
    )
    assert one[0][0] == pytest.approx(other[0][0])
    assert one[1][0] == pytest.approx(-other[1][0])


def test_answering_top_always_is_all_bias(answers) -> None:
    trials = answers(("a", "natural", "1100"), ("b", "natural", "1100"))
    trials = trials.assign(max_side=["top", "top", "bottom", "bottom"] * 2, choice="top")
    found = detection.detection_estimates(trials)
    assert pick(found, "d_prime")["estimate"] == pytest.approx(0)
    assert pick(found, "criterion")["estimate"] < -1
    assert pick(found, "chose_top")["estimate"] == 1


def test_answers_below_chance_have_negative_d_prime(answers) -> None:
    trials = answers(("a", "none", "0001"), ("b", "none", "0100"))
    trials = trials.assign(max_side=["top", "top", "bottom", "bottom"] * 2)
    trials["choice"] = np.where(trials["correct"] == (trials["max_side"] == "top"), "top", "bottom")
    assert pick(detection.detection_estimates(trials), "d_prime")["estimate"] < 0


def test_a_side_without_trials_gives_nan_with_n(answers) -> None:
    found = detection.detection_estimates(answers(("a", "natural", "1101")))
    row = pick(found, "d_prime")
    assert np.isnan(row["estimate"])
    assert (row["n_trials"], row["n_participants"]) == (4, 1)
    assert detection.detection_estimates(answers(("a", "natural", "1"))[:0]).empty


def test_pooled_d_prime_has_the_interval_of_people_who_differ() -> None:
    """The standard error over participants is that of the jackknife, to a few percent."""
    rng = np.random.default_rng(8)
    frame = simulate.trials(20, 60, ["natural"], rng)
    trials = simulate.detection(frame, {"natural": 1.5}, simulate.Spread(participant=0.5), rng)
    table = detection.counts(trials).to_numpy()
    without = np.array([detection.d_prime(*part[:, None])[0][0] for part in table.sum(axis=0) - table])
    oracle = np.sqrt(19 / 20 * ((without - without.mean()) ** 2).sum())
    assert detection.clustered(table)[0] == pytest.approx(oracle, rel=0.04)
    row = pick(detection.detection_estimates(trials), "d_prime")
    assert row["interval"] == "t"
    assert (row["high"] - row["low"]) / 2 == pytest.approx(t.ppf(0.975, 19) * oracle, rel=0.04)


def test_posterior_of_d_prime_is_that_of_drawn_rates() -> None:
    """Against 400,000 draws of H and F from Beta(½ + right, ½ + wrong)."""
    rng = np.random.default_rng(1)
    hit, false = norm.ppf(rng.beta(20.5, 0.5, 400_000)), norm.ppf(rng.beta(1.5, 21.5, 400_000))
    found = detection.posterior(20, 20, 1, 22)
    assert found[0] == pytest.approx(np.quantile((hit - false) / np.sqrt(2), [0.025, 0.975]), abs=0.03)
    assert found[1] == pytest.approx(np.quantile(-(hit + false) / 2, [0.025, 0.975]), abs=0.03)


def test_people_without_an_error_have_an_interval_with_width(answers) -> None:
    trials = answers(*((name, "natural", "1111") for name in "abc"))
    trials = trials.assign(max_side=["top", "top", "bottom", "bottom"] * 3)
    trials["choice"] = trials["max_side"]
    found = detection.detection_estimates(trials)
    for aggregate in ("pooled", "participants"):
        row = pick(found, "d_prime", aggregate)
        assert row["interval"] == "bayes"
        assert 0 < row["low"] < row["estimate"] < row["high"] < np.inf


def test_repeated_sessions_of_a_machine_change_no_interval(answers) -> None:
    one, many = ([(f"s{k}", "natural", "110101110110") for k in range(sessions)] for sessions in (1, 6))
    machine = {"observer": "similarity", "observer_kind": "machine"}
    sides = ["top", "bottom", "bottom"] * 4
    found = []
    for runs in (one, many):
        trials = answers(*runs, **machine).assign(max_side=sides * len(runs))
        trials["choice"] = np.where(trials["correct"] == (trials["max_side"] == "top"), "top", "bottom")
        found.append(detection.detection_estimates(trials))
    pd.testing.assert_frame_equal(*found)
    assert set(found[0]["aggregate"]) == {"pooled", "units"}


def test_lapse_is_twice_the_share_of_missed_catch_trials() -> None:
    # R: binom::binom.wilson(3, 60) → [0.0171, 0.1370], doubled
    value, low, high = detection.lapse_rate(3, 60)
    assert value == pytest.approx(0.1)
    assert (low, high) == (pytest.approx(2 * 0.017145, abs=2e-4), pytest.approx(2 * 0.136985, abs=2e-4))
    assert np.isnan(detection.lapse_rate(0, 0)[0])


def test_lapses_lower_d_prime_and_are_corrected_for() -> None:
    rng = np.random.default_rng(3)
    frame = simulate.trials(40, 150, ["natural"], rng, catch=100)
    trials = simulate.detection(frame, {"natural": 2.0}, simulate.Spread(), rng, criterion=-0.3, lapse=0.1)
    found = detection.detection_estimates(trials)
    assert pick(found, "d_prime")["high"] < 1.9
    corrected = pick(found, "d_prime_no_lapse")
    assert corrected["low"] < 2.0 < corrected["high"]
    lapse = pick(found, "lapse")
    assert lapse["low"] < 0.1 < lapse["high"]
