"""Right or wrong by condition, with random effects of participants and units: logistic mixed models as tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from exemplum.analysis import laplace
from exemplum.analysis.mixed import (
    Sample,
    contrasts,
    fixed_terms,
    frames,
    samples,
    sd_terms,
    term,
    unfitted,
)

EFFECT = "odds_ratio"
ABSURD = (
    15.0  # log odds; beyond this the likelihood only grows, because participants or units separate right from wrong
)
SEPARATED = "participants or units separate right from wrong: no finite estimate"


def compare(
    responses: pd.DataFrame, by: str = "all", slopes: bool = False, interval: str = "wald"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit correct ~ condition + (1 | participant) + (1 | unit) to main trials: (MODELS, COMPARISONS).

    One model for each experiment, observer and group of `by`. Fixed effects are the conditions' log odds of a right
    answer for a typical participant and unit; each pair of conditions becomes a row of test `glmm` with its odds ratio
    and 95 % interval, Wald or with `interval="profile"` by profile likelihood (slower). With `slopes` (test
    `glmm_slopes`) participants and units also differ in how much each condition helps them, which is what a claim
    about new participants and new units needs (Barr et al. 2013, J. Mem. Lang. 68); the model is written
    (1 + h || participant) + (1 + h || unit) with orthonormal contrasts h of the conditions.

    One participant, fewer than two conditions with both right and wrong answers, or so few trials that participants or
    units separate right from wrong, give NaN with n, and MODELS says why. A standard deviation that collapsed to 0 is
    reported as such in MODELS.
    """
    name = "glmm_slopes" if slopes else "glmm"
    models, comparisons = [], []
    for sample in samples(responses, "accuracy", by):
        models += unfitted(sample, name)
        used = sample.usable() if sample.modelled else None
        if used is None:
            comparisons += contrasts(sample, name, np.empty(0), np.empty((0, 0)), EFFECT)
            continue
        found = fit(used, slopes)
        if found is None:
            models.append(term(used, name, "none", "", note=SEPARATED))
            comparisons += contrasts(replace(sample, note=SEPARATED), name, np.empty(0), np.empty((0, 0)), EFFECT)
            continue
        note = "" if found.converged else "did not converge"
        models += fixed_terms(used, name, found.beta, found.covariance, note)
        models += sd_terms(used, name, found.sd, found.sd_low, found.sd_high)
        rows = contrasts(sample, name, found.beta, found.covariance, EFFECT)
        if interval == "profile":
            _profile(rows, used, found, slopes)
        comparisons += rows
    return frames(models, comparisons)


def fit(sample: Sample, slopes: bool = False, sd_intervals: bool = True) -> laplace.Fit | None:
    """The model of a sample whose conditions all have right and wrong answers; None if it has no finite maximum."""
    try:
        ones = np.ones(len(sample.values))
        found = laplace.fit(sample.values, ones, sample.dummies(), sample.crossed(slopes), sd_intervals)
    except np.linalg.LinAlgError:
        return None
    return None if max(np.abs(found.beta).max(), found.sd.max()) > ABSURD else found


def _profile(rows: list[dict], sample: Sample, found: laplace.Fit, slopes: bool) -> None:
    """Replace the Wald intervals of the rows by profile intervals."""
    crossed, ones = sample.crossed(slopes), np.ones(len(sample.values))
    for row in rows:
        if np.isfinite(row["p"]):
            contrast = np.array([(name == row["a"]) - (name == row["b"]) for name in sample.names], dtype=float)
            ends = laplace.profile(sample.values, ones, sample.dummies(), crossed, contrast, found)
            row["effect_low"], row["effect_high"] = np.exp(ends)
