"""Agreement of two answers beyond chance: Cohen's kappa."""

from __future__ import annotations

import numpy as np
from statsmodels.stats.inter_rater import cohens_kappa

from exemplum.analysis.crossed import Array


def cohen(table: Array) -> tuple[float, float]:
    """Kappa and its standard error of a table of counts (2, 2).

    NaN for fewer than two answers, or where all fall into one cell: there chance alone agrees on everything.
    """
    n = table.sum()
    if n < 2 or (table.sum(axis=0).max() == n and table.sum(axis=1).max() == n):
        return np.nan, np.nan
    with np.errstate(divide="ignore", invalid="ignore"):  # of variances that a small table leaves undefined: NaN
        found = cohens_kappa(table)
        return float(found.kappa), float(found.std_kappa)
