"""Reaction time by condition, with random effects of participants and units: linear mixed models of ln RT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from exemplum.analysis import reml
from exemplum.analysis.mixed import contrasts, fixed_terms, frames, samples, sd_terms, term, unfitted

EFFECT = "rt_ratio"
SINGULAR = "too few reaction times for this model"


def compare(
    responses: pd.DataFrame, by: str = "all", subset: str = "all", slopes: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit ln RT ~ condition + (1 | participant) + (1 | unit) to main trials by REML: (MODELS, COMPARISONS).

    Reaction times of 0 or below are left out. Each pair of conditions becomes a row of test `lmm` (`lmm_slopes` with
    `slopes`, as in glmm) on the measure rt_s: `difference` is of the means in seconds, `effect` the ratio of geometric
    means with its 95 % interval (Wald, normal), `statistic` z. One participant, too few reaction times, or reaction
    times that do not vary give NaN with n, and MODELS says why.
    """
    name = "lmm_slopes" if slopes else "lmm"
    models, comparisons = [], []
    for sample in samples(responses, "rt_s", by, subset):
        models += unfitted(sample, name)
        if not sample.modelled:
            comparisons += contrasts(sample, name, np.empty(0), np.empty((0, 0)), EFFECT)
            continue
        used = sample.usable()
        try:
            found = reml.fit(np.log(used.values), used.dummies(), used.crossed(slopes))
        except np.linalg.LinAlgError:
            models.append(term(used, name, "none", "", note=SINGULAR))
            comparisons += contrasts(replace(sample, note=SINGULAR), name, np.empty(0), np.empty((0, 0)), EFFECT)
            continue
        note = "" if found.converged else "did not converge"
        models += fixed_terms(used, name, found.beta, found.covariance, note)
        models += sd_terms(used, name, found.sd, found.sd_low, found.sd_high)
        sigma, low, high = found.residual
        models.append(term(used, name, "sd", "residual", sigma, np.nan, low, high))
        comparisons += contrasts(sample, name, found.beta, found.covariance, EFFECT)
    return frames(models, comparisons)
