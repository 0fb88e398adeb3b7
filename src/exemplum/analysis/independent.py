"""Tests of two groups of participants, experts and lay people for one."""

from __future__ import annotations

import numpy as np
from scipy import stats

from exemplum.analysis import effects
from exemplum.analysis.outcome import Outcome

EXACT = 50  # participants up to which the exact distribution is computed


def mann_whitney(a: np.ndarray, b: np.ndarray) -> Outcome:
    """Mann and Whitney's U test, two-sided, with the rank-biserial effect.

    `a`, `b`: (participants of the group,). Ties get mid-ranks. Up to 50 participants p comes from all ways to choose
    the first group from the ranks as they are, ties included: R's exactRankTests::wilcox.exact(a, b), or
    coin::wilcox_test(distribution = "exact"). Above: normal approximation with ties and continuity, as R's
    wilcox.test(exact = FALSE). The statistic is U of a (R's W). n counts both groups. NaN for an empty group, or when
    all values are alike.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    n = len(a) + len(b)
    difference = float(a.mean() - b.mean()) if len(a) and len(b) else np.nan
    if min(len(a), len(b)) < 1 or n < 3 or effects.is_constant(np.concatenate([a, b])):
        return Outcome("mann_whitney", "", "", n, difference)
    ranks = stats.rankdata(np.round(np.concatenate([a, b]), 9))
    rank_sum = float(ranks[: len(a)].sum())
    u = rank_sum - len(a) * (len(a) + 1) / 2
    p = _exact(ranks, len(a), rank_sum) if n <= EXACT else float(stats.mannwhitneyu(a, b, method="asymptotic").pvalue)
    effect = effects.rank_biserial_groups(u, len(a), len(b))
    return Outcome("mann_whitney", "", "", n, difference, effect, u, "", p, p)


def _exact(ranks: np.ndarray, size: int, rank_sum: float) -> float:
    """Share of the choices of `size` ranks whose sum is as far from its mean as the observed one."""
    doubled = np.rint(2 * ranks).astype(int)
    ways = np.zeros((size + 1, doubled.sum() + 1))  # by how many are chosen and what they sum to
    ways[0, 0] = 1.0
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    chance = ways[size] / ways[size].sum()
    off = np.abs(np.arange(len(chance)) - size * doubled.mean())
    return float(min(1.0, chance[off >= abs(2 * rank_sum - size * doubled.mean()) - 1e-6].sum()))
