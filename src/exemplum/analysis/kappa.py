"""Cohen's κ of two columns of answers, with its interval over participants, units or both."""

from __future__ import annotations

import numpy as np
import pandas as pd
from statsmodels.stats.inter_rater import cohens_kappa

from exemplum.analysis.estimates import cells, intervals
from exemplum.analysis.models.crossed import Array

LIMITS = (-1.0, 1.0)
Interval = tuple[str, float, float]


def clustered(pairs: pd.DataFrame, first: str, second: str, by: tuple[str, ...]) -> tuple[float, Interval]:
    """Cohen's κ of two columns of answers, with its interval over the clusters named by the columns `by`.

    The jackknife over participants, over units, or both; over answers (normal) where there is only one of them.
    """
    code = 2 * pairs[first].to_numpy(dtype=int) + pairs[second].to_numpy(dtype=int)
    total = np.bincount(code, minlength=4).reshape(2, 2)
    kappa, error = cohen(total)
    without = []
    for column in by:
        cluster, names = pd.factorize(pairs[column])
        counts = np.bincount(4 * cluster + code, minlength=4 * len(names)).reshape(-1, 2, 2)
        if len(names) > 1:
            without.append(_kappas(total - counts))
    interval = ("none", np.nan, np.nan)
    if len(without) == 2:
        kinds = np.eye(4)[np.flatnonzero(total.ravel())].reshape(-1, 2, 2)
        answers = np.repeat(_kappas(total - kinds), total.ravel()[total.ravel() > 0])
        interval = intervals.two_way(kappa, without[0], without[1], answers, LIMITS, raters=2)
    elif without:
        interval = intervals.jackknife(kappa, without[0], LIMITS)
    if not np.isfinite(interval[1]) and error > intervals.SAME:
        interval = cells.normal(kappa, error)
    return kappa, interval


def _kappas(tables: Array) -> Array:
    """Cohen's κ of tables of counts (…, 2, 2) → (…); NaN where all answers are in one cell."""
    n = tables.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = (tables.sum(axis=-1) * tables.sum(axis=-2)).sum(axis=-1) / n**2
        observed = np.trace(tables, axis1=-2, axis2=-1) / n
        return np.where(chance < 1, (observed - chance) / (1 - chance), np.nan)


def cohen(table: Array) -> tuple[float, float]:
    """Cohen's κ and its standard error from counts (2, 2): rows are the first judgement, columns the second.

    NaN for fewer than two answers, or if all are in one cell, where chance agreement is 1.

    >>> kappa, error = cohen(np.array([[10, 5], [5, 30]]))
    >>> round(kappa, 3), round(error, 3)
    (0.524, 0.132)
    """
    n = table.sum()
    if n < 2 or (table.sum(axis=0).max() == n and table.sum(axis=1).max() == n):
        return np.nan, np.nan
    with np.errstate(divide="ignore", invalid="ignore"):  # variances that a small table leaves undefined are NaN
        found = cohens_kappa(table)
        return float(found.kappa), float(found.std_kappa)
