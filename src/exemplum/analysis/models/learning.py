"""Learning: trends of accuracy and reaction time within a condition's trials."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from statsmodels.genmod.families import Binomial, Gaussian

from exemplum import tables
from exemplum.analysis.estimates import cells
from exemplum.analysis.models.crossed import Array
from exemplum.analysis.models.fits import fit_gee
from exemplum.analysis.models.mixed import Sample, samples, standard_errors

PER_TRIALS = 100


def learning_estimates(responses: pd.DataFrame) -> pd.DataFrame:
    """Trends within each condition's main trials: rows of ESTIMATES, interval normal, NaN with n where undefined.

    - `learning_log_odds_per_100_trials`: change of the log odds of a right answer over 100 trials of the session;
    - `learning_log_odds_per_block`: the same from one block of the condition to its next;
    - `learning_ln_rt_per_100_trials`: change of ln reaction time; −0.1 is about a tenth faster.

    One model over the conditions together, a level and a slope for each: GEE with the answers of a participant
    exchangeably correlated and robust errors (see gee). Units come in random order, so they add noise but no trend.
    """
    responses = responses.reset_index(drop=True)
    block = _block_of_condition(responses)
    rows: list[dict[str, Any]] = []
    for sample in samples(responses, "accuracy"):
        trial = responses["trial"].to_numpy(dtype=float)[sample.rows] / PER_TRIALS
        rows += _trend(sample, "learning_log_odds_per_100_trials", trial)
        rows += _trend(sample, "learning_log_odds_per_block", block[sample.rows])
    for sample in samples(responses, "rt_s"):
        trial = responses["trial"].to_numpy(dtype=float)[sample.rows] / PER_TRIALS
        rows += _trend(sample, "learning_ln_rt_per_100_trials", trial)
    return tables.ESTIMATES.frame(rows)


def _trend(sample: Sample, measure: str, time: Array) -> list[dict[str, Any]]:
    """One row per condition: its slope over `time`, or NaN."""
    fitted = _slopes(sample, time)
    rows = []
    for place, name in enumerate(sample.names):
        where = {"experiment": sample.experiment, "observer": sample.observer, "condition": name, "trial_kind": "main"}
        inside = sample.condition == place
        n = int(inside.sum()), len(np.unique(sample.participant[inside]))
        slope, error = fitted.get(name, (np.nan, np.nan))
        rows.append(cells.row(where, measure, slope, cells.normal(slope, error), n))
    return rows


def _slopes(sample: Sample, time: Array) -> dict[str, tuple[float, float]]:
    """Slope and standard error of each condition with several times, several participants, and both answers."""
    if len(np.unique(sample.participant)) < 2:
        return {}
    names = []
    for place, name in enumerate(sample.names):
        inside = sample.condition == place
        if name not in sample.problems and np.ptp(time[inside]) > 0 and np.ptp(sample.values[inside]) > 0:
            names.append(place)
    if not names:
        return {}
    use = np.isin(sample.condition, names)
    dummies = (sample.condition[use, None] == np.array(names)).astype(float)
    # time centred within each condition makes level and slope uncorrelated
    middle = np.array([time[sample.condition == place].mean() for place in names])
    fixed = np.hstack([dummies, dummies * (time[use, None] - middle)])
    values, family = (sample.values[use], Binomial()) if sample.measure == "accuracy" else (
        np.log(sample.values[use]), Gaussian())  # fmt: skip
    found = fit_gee(values, fixed, sample.participant[use], family)
    errors = standard_errors(found.covariance)
    k = len(names)
    return {sample.names[place]: (float(found.beta[k + j]), float(errors[k + j])) for j, place in enumerate(names)}


def _block_of_condition(responses: pd.DataFrame) -> Array:
    """Each trial's block counted within participant, condition and kind, from 0."""
    keys = [responses[name] for name in ("experiment", "observer", "participant", "condition", "trial_kind")]
    return (responses["block"].groupby(keys).rank(method="dense") - 1).to_numpy(dtype=float)
