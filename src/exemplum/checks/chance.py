"""Whether what was found is more than chance: exact tests, corrected for how many there are of a kind.

A fair study must rarely be accused. All tests of one kind share a false-alarm rate, FALSE_ALARM: no larger share of
fair studies has any finding of the kind. Units are what a study samples, so they are what is resampled: a unit's pairs
of queries may resemble one another, and so may the pictures that explain it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, binomtest

FALSE_ALARM = 0.0025  # of each kind of test; there are four: 1 % of fair studies over the whole audit
CERTAIN = 1e-6  # corrected p from which a finding is no matter of luck at all
ENUMERATED = 13  # units up to which all 2^units flips are tried
FLIPS = 20_000  # with more units, so many at random
NEARLY = 1e-9  # two sums of the same numbers in another order are equal


@dataclass(frozen=True)
class Flipped:
    """The result of sign flips, one entry per test."""

    mean: np.ndarray  # over units, NaN without units
    allowed: np.ndarray  # how far from 0 the mean of a fair study may be
    p: np.ndarray  # corrected for all tests: single-step maxT of Westfall & Young (1993)
    units: np.ndarray  # that have a value
    can_tell: np.ndarray  # whether there are enough units for a finding, were it as strong as can be


def flip_signs(differences: np.ndarray, *, two_sided: bool, seed: int, alpha: float = FALSE_ALARM) -> Flipped:
    """Test whether the mean over units is 0, for many measures at once: `differences` is (units, tests), NaN for none.

    In a fair study the sign of a unit's differences is a coin toss, since which of its two queries is the right one (or
    which references are maximal) has nothing to do with them. Each flip of all signs of a unit is then as likely as
    what was found. The statistic of a test is sum / √(sum of squares), and p counts the flips in which the largest of
    all tests is no smaller. Exact for up to ENUMERATED units, however the tests are related.

    >>> found = flip_signs(np.array([[0.5, 0.1]] * 6 + [[0.5, -0.1]] * 6), two_sided=True, seed=0)
    >>> found.p.round(5).tolist(), found.can_tell.tolist()
    ([0.00098, 1.0], [True, True])
    """
    known = np.isfinite(differences)
    values = np.where(known, differences, 0.0)
    units, norm = known.sum(0), np.sqrt((values**2).sum(0))
    scaled = np.divide(values, norm, out=np.zeros_like(values), where=norm > 0)
    found, null = scaled.sum(0), _largest(scaled, two_sided, seed)
    reached = np.abs(found) if two_sided else found
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = values.sum(0) / units
        allowed = _critical(null, alpha) * norm / units
    p = 1 - np.searchsorted(null, reached - NEARLY) / len(null)
    # a finding as strong as can be, the same in all units, is reached by at least its own flips
    own = 2.0 ** (two_sided - units)
    reachable = 1 - np.searchsorted(null, np.sqrt(units) - NEARLY) / len(null)
    return Flipped(mean, allowed, p, units, np.maximum(own, reachable) <= alpha)


def _largest(scaled: np.ndarray, two_sided: bool, seed: int) -> np.ndarray:
    """The largest statistic of all tests in each flip, sorted; the study as it is counts as one of the flips."""
    used = scaled[(scaled != 0).any(1)]
    if not used.size:
        return np.zeros(1)
    if len(used) <= ENUMERATED:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(used))))
    else:
        signs = np.random.default_rng(seed).choice((1.0, -1.0), size=(FLIPS, len(used)))
        signs[0] = 1.0
    sums = signs @ used
    return np.sort((np.abs(sums) if two_sided else sums).max(1))


def _critical(null: np.ndarray, alpha: float) -> float:
    """The largest value that a share of more than `alpha` of the flips reaches: what is above it is beyond chance."""
    return float(null[len(null) - 1 - int(alpha * len(null) + NEARLY)])


@dataclass(frozen=True)
class Tossed:
    """Counts of a fair coin, one entry per count."""

    share: np.ndarray
    low: np.ndarray  # what a fair coin allows, with all other counts beside it
    high: np.ndarray
    p: np.ndarray  # corrected by Bonferroni


def toss(counts: Sequence[int], totals: Sequence[int], alpha: float = FALSE_ALARM) -> Tossed:
    """Test whether counts out of totals (each at least 1) are those of a fair coin: exact binomial, two-sided.

    Bonferroni's correction holds however the counts are related: they may be of the same trials.

    >>> found = toss([50, 90], [100, 100])
    >>> found.p.round(4).tolist(), found.high.round(2).tolist()
    ([1.0, 0.0], [0.66, 0.66])
    """
    n, tests = np.asarray(totals), max(len(totals), 1)
    exact = np.array([binomtest(count, total).pvalue for count, total in zip(counts, totals, strict=True)])
    below, above = (tail(alpha / 2 / tests, n, 0.5) / n for tail in (binom.ppf, binom.isf))
    return Tossed(np.asarray(counts) / n, below, above, np.minimum(1, tests * exact))
