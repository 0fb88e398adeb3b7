"""Tests of two conditions that the same participants answered: values in, one per participant; an Outcome out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import stats

from exemplum.analysis import effects
from exemplum.analysis.outcome import Outcome, number

EXACT_SIGNS = 14  # pairs up to which all 2ⁿ signs are tried
EXACT_RANKS = 200  # pairs up to which the exact distribution of the rank sum is computed
DRAWS = 10_000
CLOSE = 1e-9  # differences of shares that differ by less than this share are the same number, rounded
SAME = 1e-6  # sums of permuted differences: as far apart as single precision may put equal ones


def paired_t(a: np.ndarray, b: np.ndarray) -> Outcome:
    """Student's t test of pairs, two-sided, with effect dz. R: t.test(a, b, paired = TRUE).

    `a`, `b`: (participants,), in the same order. NaN with n for fewer than two pairs or differences all alike.
    """
    difference = _differences(a, b)
    n = len(difference)
    if n < 2 or effects.is_constant(difference):
        return _nothing("paired_t", difference)
    found = stats.ttest_1samp(difference, 0.0)
    return Outcome(
        "paired_t", "", "", n, float(difference.mean()), effects.dz(a, b), float(found.statistic), number(n - 1),
        float(found.pvalue), float(found.pvalue),
    )  # fmt: skip


def wilcoxon(a: np.ndarray, b: np.ndarray) -> Outcome:
    """Wilcoxon's signed-rank test, two-sided, with the rank-biserial effect.

    Pairs without a difference are dropped (Wilcoxon 1945), ties get mid-ranks, and p comes from all 2ⁿ signs of the
    ranks as they are, ties included, so it is exact: R's exactRankTests::wilcox.exact(a, b, paired = TRUE). Above
    200 pairs: normal approximation with ties and continuity. The statistic is V, the sum of positive ranks.
    """
    difference = _round_to_zero(_differences(a, b))
    kept = difference[difference != 0]
    if len(difference) < 2 or len(kept) == 0:
        return _nothing("wilcoxon", difference)
    ranks = stats.rankdata(np.abs(_merged(kept)))
    v = float(ranks[kept > 0].sum())
    p = _exact_ranks(ranks, v) if len(kept) <= EXACT_RANKS else _normal_ranks(ranks, v)
    effect = effects.rank_biserial(_merged(kept))
    return Outcome("wilcoxon", "", "", len(difference), float(difference.mean()), effect, v, "", p, p)


def permutation(a: np.ndarray, b: np.ndarray, seed: int, draws: int = DRAWS) -> Outcome:
    """Test of the mean difference by flipping the signs of participants' differences, two-sided, with effect d_av.

    Up to 14 pairs all 2ⁿ sign patterns are tried and p is exact. Above that `draws` patterns are drawn and the observed
    one counts as one more, so p is never 0 (Phipson & Smyth 2010). The statistic is the mean difference.
    """
    difference = _differences(a, b)
    n = len(difference)
    if n < 2:
        return _nothing("permutation", difference)
    exact = n <= EXACT_SIGNS
    signs = _all_signs(n) if exact else _drawn_signs(2 ** int(n - 1).bit_length(), seed, draws)[:n]
    null = np.abs(difference.astype(signs.dtype) @ signs)
    as_large = int((null >= abs(difference.sum()) - SAME * np.abs(difference).sum()).sum())
    # +1: the observed statistic is itself one permutation, so p is never 0
    p = as_large / len(null) if exact else (1 + as_large) / (1 + len(null))
    mean = float(difference.mean())
    return Outcome("permutation", "", "", n, mean, effects.d_av(a, b), mean, "", p, p)


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a, dtype=float) - np.asarray(b, dtype=float)


def _nothing(test: str, difference: np.ndarray) -> Outcome:
    mean = float(difference.mean()) if len(difference) else np.nan
    return Outcome(test, "", "", len(difference), mean)


def _round_to_zero(difference: np.ndarray) -> np.ndarray:
    """41/45 − 40/45 − 1/45 is not 0 in binary; as a difference of two shares it is."""
    size = np.abs(difference).max(initial=0.0)
    return np.where(np.abs(difference) <= CLOSE * size, 0.0, difference)


def _merged(values: np.ndarray) -> np.ndarray:
    """Values rounded to 9 digits of the largest, so that equal differences of shares tie."""
    return np.round(values / np.abs(values).max(), 9)


def _exact_ranks(ranks: np.ndarray, v: float) -> float:
    """Two-sided p of V when every sign is as likely: the distribution of sums of doubled mid-ranks, built up."""
    doubled = np.rint(2 * ranks).astype(int)
    chance = np.zeros(doubled.sum() + 1)
    chance[0] = 1.0
    for rank in doubled:
        moved = np.zeros_like(chance)
        moved[rank:] = chance[: len(chance) - rank]
        chance = (chance + moved) / 2
    place = round(2 * v)
    return float(min(1.0, 2 * min(chance[: place + 1].sum(), chance[place:].sum())))


def _normal_ranks(ranks: np.ndarray, v: float) -> float:
    """R's wilcox.test(exact = FALSE, correct = TRUE)."""
    off = v - ranks.sum() / 2
    z = (off - 0.5 * np.sign(off)) / np.sqrt((ranks**2).sum() / 4)
    return float(2 * stats.norm.sf(abs(z)))


@lru_cache(maxsize=EXACT_SIGNS)
def _all_signs(n: int) -> np.ndarray:
    """Every pattern of signs: (n, 2ⁿ)."""
    signs: np.ndarray = 1.0 - 2.0 * ((np.arange(2**n) >> np.arange(n)[:, None]) & 1)
    return signs


@lru_cache(maxsize=4)  # 2,048 × 10,000 signs are 80 MB, and each size below half of it
def _drawn_signs(n: int, seed: int, draws: int) -> np.ndarray:
    """Patterns of signs at random: (n, patterns), in single precision since it is memory that takes the time."""
    rng = np.random.default_rng(seed)
    signs = np.empty((n, draws), dtype=np.float32)
    for row in signs:  # so that the first rows are the same whatever n
        row[:] = 1 - 2 * rng.integers(0, 2, size=draws, dtype=np.int8)
    return signs
