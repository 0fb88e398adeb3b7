"""Intervals around shares and means: Wilson, two standard errors, and the bootstrap over participants."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95
RESAMPLES = 10_000
CHUNK = 400  # cells bootstrapped at once: 400 × 10,000 means are 32 MB
FEW = 64  # participants; up to this number the draws are cached for each number of participants
DRAWN = 1000  # resamples drawn at once


def wilson(successes: np.ndarray, trials: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval of a share of independent trials: (low, high), NaN where trials are 0.

    Source: Wilson (1927), J. Am. Stat. Assoc. 22, 209-212; computed by statsmodels.
    """
    successes, trials = np.atleast_1d(successes).astype(float), np.atleast_1d(trials).astype(float)
    low, high = np.full(trials.shape, np.nan), np.full(trials.shape, np.nan)
    some = trials > 0
    low[some], high[some] = proportion_confint(successes[some], trials[some], alpha=1 - level, method="wilson")
    return low, high


def sem2(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean ± 2 standard errors over the last axis (cells, participants) → (low, high), each (cells,).

    The standard error is the population's standard deviation over √n (numpy's std, n in the denominator), as in the
    published figures (docs/reproduction.md). It is too short by a factor of √((n − 1)/n); the other intervals are not.
    NaN for fewer than two participants.
    """
    values = np.atleast_2d(np.asarray(values, dtype=float))
    n = values.shape[-1]
    mean = values.mean(axis=-1) if n else np.full(values.shape[:-1], np.nan)
    error = values.std(axis=-1) / np.sqrt(n) if n > 1 else np.full(values.shape[:-1], np.nan)
    return mean - 2 * error, mean + 2 * error


def bootstrap(
    numerators: np.ndarray,
    denominators: np.ndarray | None,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile and BCa intervals of Σ numerators / Σ denominators, drawing participants with replacement.

    `numerators`, `denominators`: (cells, participants). With denominators None the statistic is the mean over
    participants; with sums and counts of trials it is the mean over trials, with whole participants drawn. A
    denominator of 0 is a participant without answers in the cell, who adds nothing when drawn. Every cell uses the same
    draws, which depend only on the seed and the number of participants. Returns two arrays (cells, 2); NaN for fewer
    than two participants, and for BCa if the participants do not differ.

    Sources: Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13-14; the share of draws below the
    estimate counts ties half, as in scipy.stats.bootstrap.
    """
    numerators = np.atleast_2d(np.asarray(numerators, dtype=float))
    denominators = np.ones_like(numerators) if denominators is None else np.atleast_2d(denominators).astype(float)
    cells, n = numerators.shape
    percentile, bca = np.full((cells, 2), np.nan), np.full((cells, 2), np.nan)
    if n < 2:
        return percentile, bca
    weights = _few_draws(n, resamples, seed) if n <= FEW else _many_draws(n, resamples, seed)
    tail = (1 - level) / 2
    tails = np.array([tail, 1 - tail])
    for start in range(0, cells, CHUNK):
        part = slice(start, start + CHUNK)
        num, den = numerators[part], denominators[part]
        with np.errstate(invalid="ignore"):  # a resample without answers in the cell is NaN, sorted last
            drawn = np.sort((num @ weights) / (den @ weights), axis=1)
        percentile[part] = _quantiles(drawn, np.broadcast_to(tails, (len(drawn), 2)))
        bca[part] = _quantiles(drawn, _bca_tails(num, den, drawn, ndtri(tails)))
    return percentile, bca


@lru_cache(maxsize=FEW)  # every size once: 64 × 10,000 draws are 5 MB
def _few_draws(n: int, resamples: int, seed: int) -> np.ndarray:
    return _draws(n, resamples, seed)


@lru_cache(maxsize=1)  # 1,900 × 10,000 draws are 150 MB
def _many_draws(n: int, resamples: int, seed: int) -> np.ndarray:
    return _draws(n, resamples, seed)


def _draws(n: int, resamples: int, seed: int) -> np.ndarray:
    """How often each participant is in each resample: (n, resamples)."""
    rng = np.random.default_rng([seed, n])
    weights = np.empty((n, resamples))
    for start in range(0, resamples, DRAWN):
        size = min(DRAWN, resamples - start)
        chosen = rng.integers(0, n, size=(size, n)) + n * np.arange(size)[:, None]
        weights[:, start : start + size] = np.bincount(chosen.ravel(), minlength=n * size).reshape(size, n).T
    return weights


def _bca_tails(num: np.ndarray, den: np.ndarray, drawn: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Which quantiles of the draws are the ends of the BCa interval, from bias and acceleration: (cells, 2)."""
    total_num, total_den = num.sum(axis=1, keepdims=True), den.sum(axis=1, keepdims=True)
    estimate = total_num / total_den
    with np.errstate(invalid="ignore", divide="ignore"):
        here = den > 0
        left_out = np.where(here, (total_num - num) / (total_den - den), 0)
        mean = left_out.sum(axis=1, keepdims=True) / here.sum(axis=1, keepdims=True)
        influence = np.where(here, mean - left_out, 0)
        spread = (influence**2).sum(axis=1)
        flat = spread <= (1e-12 * np.maximum(np.abs(estimate[:, 0]), 1e-300)) ** 2
        acceleration = np.where(flat, np.nan, (influence**3).sum(axis=1) / (6 * spread**1.5))
        below = ((drawn < estimate).mean(axis=1) + (drawn <= estimate).mean(axis=1)) / 2
        bias = ndtri(below)[:, None]
        shifted = bias + normal
        return ndtr(bias + shifted / (1 - acceleration[:, None] * shifted))


def _quantiles(drawn: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Quantiles (linear between draws) of each sorted row: (cells, draws), (cells, k) → (cells, k)."""
    last = drawn.shape[1] - 1
    undefined = ~np.isfinite(shares) | ~np.isfinite(drawn[:, -1:])
    place = np.where(undefined, 0.0, shares) * last
    lower = np.floor(place).astype(int)
    upper = np.minimum(lower + 1, last)
    low, high = np.take_along_axis(drawn, lower, 1), np.take_along_axis(drawn, upper, 1)
    return np.where(undefined, np.nan, low + (place - lower) * (high - low))
