"""Right or wrong by condition, averaged over the population: generalized estimating equations."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.genmod.cov_struct import Exchangeable
from statsmodels.genmod.families import Binomial, Family
from statsmodels.genmod.generalized_estimating_equations import GEE

from exemplum.analysis.crossed import Array
from exemplum.analysis.mixed import contrasts, fixed_terms, frames, samples, term, unfitted

EFFECT = "odds_ratio"
FEW = 50  # below so many participants the sandwich is too narrow, and Mancl and DeRouen's correction is used


def compare(responses: pd.DataFrame, by: str = "all") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit correct ~ condition by GEE, answers of one participant exchangeably correlated: (MODELS, COMPARISONS).

    The odds ratios (test `gee`) are between population shares, so nearer to 1 than those of `glmm`, which hold for a
    typical participant and unit. Standard errors are robust (the sandwich); with fewer than 50 participants with the
    bias correction of Mancl & DeRouen (2001), Biometrics 57. Units are taken as fixed: the claim is about these units.
    Undefined cases as in `glmm`.
    """
    models, comparisons = [], []
    for sample in samples(responses, "accuracy", by):
        models += unfitted(sample, "gee")
        if not sample.modelled:
            comparisons += contrasts(sample, "gee", np.empty(0), np.empty((0, 0)), EFFECT)
            continue
        used = sample.usable()
        found = fit(used.values, used.dummies(), used.participant, Binomial())
        models += fixed_terms(used, "gee", found.beta, found.covariance, found.note)
        models.append(term(used, "gee", "correlation", "participant", found.correlation))
        comparisons += contrasts(sample, "gee", found.beta, found.covariance, EFFECT)
    return frames(models, comparisons)


@dataclass(frozen=True)
class Fit:
    beta: Array
    covariance: Array  # robust
    correlation: float  # between two answers of a participant
    note: str  # empty if all is well


def fit(values: Array, fixed: Array, participant: Array, family: Family) -> Fit:
    """Estimate values (n,) from columns `fixed` (n, k), answers of one participant exchangeably correlated."""
    order = np.argsort(participant, kind="stable")
    model = GEE(values[order], fixed[order], groups=participant[order], family=family, cov_struct=Exchangeable())
    few = len(np.unique(participant)) < FEW
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            found = model.fit(cov_type="bias_reduced" if few else "robust")
        except np.linalg.LinAlgError:
            k = fixed.shape[1]
            return Fit(np.full(k, np.nan), np.full((k, k), np.nan), np.nan, "too few answers for this model")
    note = "did not converge" if any("terminating at iteration" in str(w.message) for w in caught) else ""
    correlation = float(np.asarray(model.cov_struct.dep_params))
    return Fit(np.asarray(found.params), np.asarray(found.cov_params()), correlation, note)
