"""Right or wrong by condition, averaged over the population: generalized estimating equations."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from statsmodels.genmod.cov_struct import Exchangeable
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_estimating_equations import GEE

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
        order = np.argsort(used.participant, kind="stable")
        model = GEE(
            used.values[order],
            used.dummies()[order],
            groups=used.participant[order],
            family=Binomial(),
            cov_struct=Exchangeable(),
        )
        few = used.sizes()["n_participants"] < FEW
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = model.fit(cov_type="bias_reduced" if few else "robust")
        note = "did not converge" if any("terminating at iteration" in str(w.message) for w in caught) else ""
        beta, covariance = np.asarray(found.params), np.asarray(found.cov_params())
        models += fixed_terms(used, "gee", beta, covariance, note)
        models.append(term(used, "gee", "correlation", "participant", float(np.asarray(model.cov_struct.dep_params))))
        comparisons += contrasts(sample, "gee", beta, covariance, EFFECT)
    return frames(models, comparisons)
