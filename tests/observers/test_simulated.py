"""The simulated observer's truth is found again in its answers. Oracles: binomial tests, signal detection theory."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, norm

from exemplum.observers import ObserverError, SimulatedSection
from exemplum.observers.simulated import Simulated
from exemplum.observers.stage import answers
from exemplum.records import Design

ACCURACY = {"natural": 0.9, "synthetic": 0.75, "none": 0.46}


def mains(design: Design, **section) -> pd.DataFrame:
    observer = Simulated(SimulatedSection(accuracy=ACCURACY, **{"spread": 0.0, **section}), seed=9)
    table = answers(observer, design, seed=9)
    return table[table["trial_kind"] == "main"]


def within(table: pd.DataFrame, column: str, share: float) -> bool:
    """Whether a share is compatible with the column's trues (p > 0.001)."""
    return binomtest(int(table[column].sum()), len(table), share).pvalue > 0.001


def test_accuracy_is_recovered_in_every_condition(design):
    table = mains(design)
    for condition, share in ACCURACY.items():
        of = table[table["condition"] == condition]
        assert len(of) == 720
        assert within(of, "correct", share)


def test_lapses_lower_accuracy_as_they_should(design):
    table = mains(design, lapse=0.3)
    natural = table[table["condition"] == "natural"]
    share = 0.7 * 0.9 + 0.3 * 0.5
    assert within(natural, "correct", share)
    lapse = (0.9 - natural["correct"].mean()) / (0.9 - 0.5)
    assert abs(lapse - 0.3) < 0.13  # three standard errors


def test_bias_is_recovered_as_the_criterion(design):
    """c = −[z(P(top | top right)) + z(P(top | bottom right))]/2 times √2 is −bias in d′ units."""
    for bias in (-0.8, 0.0, 0.8):
        table = mains(design, bias=bias)
        natural = table[table["condition"] == "natural"]
        said_top = natural["choice"] == "top"
        on_top = natural["max_side"] == "top"
        hits, false_alarms = said_top[on_top].mean(), said_top[~on_top].mean()
        criterion = -(norm.ppf(hits) + norm.ppf(false_alarms)) / 2
        sensitivity = norm.ppf(hits) - norm.ppf(false_alarms)
        assert abs(-criterion * 2**0.5 - bias) < 0.35
        assert abs(sensitivity / 2**0.5 - 2**0.5 * norm.ppf(0.9)) < 0.35


def test_participants_differ_as_much_as_the_spread_says(design):
    """Oracle: by the delta method accuracy varies over participants by φ(z)/√2 · spread, beside binomial noise."""

    def variance(spread: float) -> float:
        none = mains(design, spread=spread)
        none = none[none["condition"] != "natural"]
        return none.groupby("participant")["correct"].mean().var()

    binomial = np.mean([share * (1 - share) for share in (0.46, 0.75)]) / 36
    of_spread = np.mean([norm.pdf(norm.ppf(share)) for share in (0.46, 0.75)]) / 2**0.5
    assert 0.3 < variance(0.0) / binomial < 2
    assert 0.5 < variance(1.0) / (binomial + of_spread**2) < 1.8


def test_right_and_confident_answers_are_faster(design):
    table = mains(design)
    times = table.groupby("confidence")["rt_ms"].median()
    assert times[1] > times[2] > times[3]
    natural = np.log(table.loc[table["condition"] == "natural"].set_index("correct")["rt_ms"])
    assert natural[False].mean() > natural[True].mean()
    assert abs(times[2] / 3500 - 1) < 0.1


def test_confident_answers_are_more_often_right(design):
    table = mains(design)
    right = table[table["condition"] == "synthetic"].groupby("confidence")["correct"].mean()
    assert right[1] < right[2] < right[3]


def test_catch_trials_and_schemes_may_have_their_own_accuracy(design):
    section = SimulatedSection(accuracy=ACCURACY | {"catch": 0.999, "natural Min-Max-9": 0.6}, spread=0)
    table = answers(Simulated(section, seed=9), design, seed=9)
    assert table.loc[table["trial_kind"] == "catch", "correct"].mean() > 0.99
    natural = table[(table["trial_kind"] == "main") & (table["condition"] == "natural")]
    assert within(natural, "correct", 0.6)


def test_a_condition_without_accuracy_is_named(design):
    observer = Simulated(SimulatedSection(accuracy={"natural": 0.9}), seed=0)
    told = r"no accuracy for none; add it to study.toml: \[observers.simulated\] accuracy"
    with pytest.raises(ObserverError, match=told):
        answers(observer, design, seed=0)
