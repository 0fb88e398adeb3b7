"""Standardized effects with 95 % intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95


@dataclass(frozen=True)
class Effect:
    name: str
    value: float
    low: float
    high: float


def dz(a: np.ndarray, b: np.ndarray) -> Effect:
    """Mean difference of pairs over the standard deviation of the differences (n − 1).

    Interval: exact, by inverting the noncentral t distribution (Cumming & Finch 2001, Educ. Psychol. Meas. 61,
    532-574), as R's MBESS::ci.sm. NaN for fewer than two pairs or when all differences are alike.
    """
    value, low, high = _standardized(np.asarray(a, float) - np.asarray(b, float))
    return Effect("dz", value, low, high)


def d_av(a: np.ndarray, b: np.ndarray) -> Effect:
    """Mean difference of pairs over the mean of the two standard deviations (Cumming 2012, eq. 11.10).

    Unlike dz it does not grow with the correlation between conditions, so it compares with designs between groups.
    Interval: that of dz, rescaled (Algina & Keselman 2003, Educ. Psychol. Meas. 63, 537-553). NaN as for dz, and
    when neither condition varies.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    ends = np.array(_standardized(a - b))
    if np.isnan(ends[0]):
        return Effect("d_av", np.nan, np.nan, np.nan)
    scale = np.std(a - b, ddof=1) / ((np.std(a, ddof=1) + np.std(b, ddof=1)) / 2)
    value, low, high = ends * scale
    return Effect("d_av", float(value), float(low), float(high))


def rank_biserial(differences: np.ndarray) -> Effect:
    """Matched-pairs rank-biserial correlation: (positive − negative ranks) / all ranks, zeros dropped; -1 to 1.

    Source: Kerby (2014), Compr. Psychol. 3, 11.IT.3.1. Interval: see `_by_score`. NaN if no difference is
    other than 0.
    """
    kept = differences[differences != 0]
    n = len(kept)
    if n == 0:
        return Effect("rank_biserial", np.nan, np.nan, np.nan)
    ranks = stats.rankdata(np.abs(kept))
    most = n * (n + 1) / 2
    value = float((ranks * np.sign(kept)).sum() / most)
    return Effect("rank_biserial", value, *_by_score(value, (n * (n + 1) * (2 * n + 1) / 6) / most**2))


def rank_biserial_groups(u: float, n_a: int, n_b: int) -> Effect:
    """Rank-biserial correlation of two groups from Mann and Whitney's U of the first: 2U/(n_a n_b) − 1."""
    value = 2 * u / (n_a * n_b) - 1
    return Effect("rank_biserial", value, *_by_score(value, (n_a + n_b + 1) / (3 * n_a * n_b)))


def partial_eta_sq(f: float, df1: float, df2: float) -> Effect:
    """Share of variance of a term, F·df1 / (F·df1 + df2), with the interval of the noncentral F (Steiger 2004)."""
    value = f * df1 / (f * df1 + df2)
    tail = (1 - LEVEL) / 2
    low, high = (_noncentrality_f(f, df1, df2, 1 - tail), _noncentrality_f(f, df1, df2, tail))
    return Effect("partial_eta_sq", value, low / (low + df1 + df2 + 1), high / (high + df1 + df2 + 1))


def _standardized(differences: np.ndarray) -> tuple[float, float, float]:
    n = len(differences)
    if n < 2 or is_constant(differences):
        return np.nan, np.nan, np.nan
    value = differences.mean() / differences.std(ddof=1)
    t, tail = value * np.sqrt(n), (1 - LEVEL) / 2
    low, high = _noncentrality_t(t, n - 1, 1 - tail), _noncentrality_t(t, n - 1, tail)
    return float(value), float(low / np.sqrt(n)), float(high / np.sqrt(n))


def is_constant(values: np.ndarray) -> bool:
    """Whether values differ by no more than rounding: a variance of 1e-33 is none."""
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))


def _noncentrality_t(t: float, df: float, share: float) -> float:
    """The noncentrality at which the given share of the distribution lies below t."""
    return float(special.nctdtrinc(df, share, t))


def _noncentrality_f(f: float, df1: float, df2: float, share: float) -> float:
    if stats.f.cdf(f, df1, df2) <= share:  # even without an effect less than that lies below F
        return 0.0
    return float(special.ncfdtrinc(df1, df2, share, f))


def _by_score(value: float, variance: float) -> tuple[float, float]:
    """Wilson's score interval of (1 + r)/2, for as many trials as have the variance of r when r is 0.

    The usual interval on Fisher's z (R's effectsize::rank_biserial) shrinks to nothing as r nears ±1, as it does when
    every participant is better in one condition: in simulations with 10 to 60 participants it held r in 30 to 93 %
    of the samples, this one in 95 to 99 % (docs/analysis.md).
    """
    low, high = proportion_confint((1 + value) / 2 / variance, 1 / variance, alpha=1 - LEVEL, method="wilson")
    return float(2 * low - 1), float(2 * high - 1)
