"""Trends that were put into simulated answers are found, and others are not."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from exemplum.analysis import simulate
from exemplum.analysis.models import learning

TRIALS, BLOCKS, RT = (
    "learning_log_odds_per_100_trials", "learning_log_odds_per_block", "learning_ln_rt_per_100_trials",
)  # fmt: skip


@pytest.fixture(scope="module")
def practised() -> pd.DataFrame:
    """Natural gets better by 1 log odds in 100 trials, synthetic does not; everyone gets a tenth faster."""
    rng = np.random.default_rng(8)
    frame = simulate.trials(60, 60, ["natural", "synthetic"], rng)
    trend = np.where(frame["condition"] == "natural", (frame["trial"] - 60) / 100, 0.0)
    trials = simulate.answer(frame, rng.random(len(frame)) < expit(1 + trend), rng)
    return trials.assign(rt_ms=trials["rt_ms"] * np.exp(-0.1 * trials["trial"] / 100))


def test_trends_are_recovered(practised) -> None:
    found = learning.learning_estimates(practised).set_index(["measure", "condition"])
    for measure, condition, truth in ((TRIALS, "natural", 1.0), (TRIALS, "synthetic", 0.0), (RT, "natural", -0.1)):
        row = found.loc[(measure, condition)]
        assert row["low"] < truth < row["high"]
    assert found.loc[(TRIALS, "natural"), "low"] > 0
    assert found.loc[(BLOCKS, "natural"), "estimate"] == pytest.approx(0.15, abs=0.06)  # 15 trials a block


def test_slope_of_independent_answers_is_logistic_regression(practised) -> None:
    """With no correlation within people GEE and maximum likelihood estimate the same slope, nearly."""
    own = practised[practised["condition"] == "natural"]
    design = sm.add_constant(own["trial"].to_numpy() / 100)
    oracle = sm.Logit(own["correct"].to_numpy(dtype=float), design).fit(disp=0).params[1]
    found = learning.learning_estimates(practised).set_index(["measure", "condition"])
    assert found.loc[(TRIALS, "natural"), "estimate"] == pytest.approx(oracle, abs=0.02)


def test_undefined_trends_are_nan_with_n(answers) -> None:
    one = learning.learning_estimates(answers(("a", "natural", "1101"))).set_index("measure")
    assert np.isnan(one.loc[TRIALS, "estimate"])
    assert one.loc[TRIALS, "n_trials"] == 4
    perfect = answers(("a", "natural", "1111"), ("b", "natural", "1111"))
    perfect = learning.learning_estimates(perfect).set_index("measure")
    assert np.isnan(perfect.loc[TRIALS, "estimate"])
    assert learning.learning_estimates(answers(("a", "natural", "1"))[:0]).empty
