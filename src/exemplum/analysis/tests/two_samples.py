"""Tests of two conditions of the same participants, and of two groups of participants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import special, stats
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95


@dataclass(frozen=True)
class Effect:
    """An effect size with its 95 % interval; NaN where it is undefined."""

    name: str
    value: float
    low: float
    high: float


def dz(a: np.ndarray, b: np.ndarray) -> Effect:
    """Mean difference of pairs over the standard deviation of the differences (n − 1).

    Interval: exact, by inverting the noncentral t distribution (Cumming & Finch 2001, Educ. Psychol. Meas. 61,
    532-574), as R's MBESS::ci.sm. NaN for fewer than two pairs or when all differences are equal.

    >>> found = dz([0.93, 0.96, 0.89, 0.91, 0.96], [0.82, 0.87, 0.80, 0.84, 0.91])
    >>> round(found.value, 2), round(found.low, 2), round(found.high, 2)
    (3.6, 1.06, 6.13)
    """
    value, low, high = _standardized(np.asarray(a, float) - np.asarray(b, float))
    return Effect("dz", value, low, high)


def d_av(a: np.ndarray, b: np.ndarray) -> Effect:
    """Mean difference of pairs over the mean of the two standard deviations (Cumming 2012, eq. 11.10).

    Unlike dz it does not grow with the correlation between conditions, so it compares with designs between groups.
    Interval: normal with Bonett's variance (2008, Psychol. Methods 13, 99-109), d²/(2 df) + s_diff²/(s̄² (n − 1)),
    where df counts the mean of two correlated standard deviations. NaN as for dz, and when neither condition varies.

    >>> found = d_av([0.93, 0.96, 0.89, 0.91, 0.96], [0.82, 0.87, 0.80, 0.84, 0.91])
    >>> round(found.value, 2), round(found.low, 2), round(found.high, 2)
    (2.21, 0.66, 3.77)
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    difference, n = a - b, len(a)
    if n < 2 or is_constant(difference):
        return Effect("d_av", np.nan, np.nan, np.nan)
    (var_a, shared), (_, var_b) = np.cov(a, b)
    mean = (np.sqrt(var_a) + np.sqrt(var_b)) / 2
    value = difference.mean() / mean
    # of the mean sd: sds vary by s²/2(n − 1) and are correlated by r², here shared²/(s_a s_b)²
    common = shared**2 / np.sqrt(var_a * var_b) if var_a * var_b > 0 else 0.0
    df = (n - 1) * (2 * mean) ** 2 / (var_a + var_b + 2 * common)
    error = np.sqrt(value**2 / (2 * df) + difference.var(ddof=1) / (mean**2 * (n - 1)))
    reach = stats.norm.ppf((1 + LEVEL) / 2) * error
    return Effect("d_av", float(value), float(value - reach), float(value + reach))


def rank_biserial(differences: np.ndarray) -> Effect:
    """Matched-pairs rank-biserial correlation: (positive − negative ranks) / all ranks, zeros dropped; -1 to 1.

    Source: Kerby (2014), Compr. Psychol. 3, 11.IT.3.1. Interval: see `_by_score`. NaN if all differences are 0.

    >>> rank_biserial(np.array([3.0, 1.0, -2.0])).value  # (3 + 1 - 2) / 6
    0.3333333333333333
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
    """Share of variance of a term, F·df1 / (F·df1 + df2), with the interval of the noncentral F (Steiger 2004).

    >>> round(partial_eta_sq(10.3, 1, 9).value, 3)
    0.534
    """
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
    """Whether values differ by rounding only: a variance of 1e-33 counts as 0."""
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))


def _noncentrality_t(t: float, df: float, share: float) -> float:
    """The noncentrality at which the given share of the distribution lies below t."""
    return float(special.nctdtrinc(df, share, t))


def _noncentrality_f(f: float, df1: float, df2: float, share: float) -> float:
    if stats.f.cdf(f, df1, df2) <= share:  # even without an effect less than this share is below F
        return 0.0
    return float(special.ncfdtrinc(df1, df2, share, f))


def _by_score(value: float, variance: float) -> tuple[float, float]:
    """Wilson's score interval of (1 + r)/2, with the number of trials at which a share has the variance of r at r = 0.

    The usual interval on Fisher's z (R's effectsize::rank_biserial) shrinks to nothing as r approaches ±1, as it does
    when every participant is better in one condition: in simulations with 10 to 60 participants it covered r in 30 to
    93 % of the samples, this one in 95 to 99 % (docs/reference/analysis.md).
    """
    low, high = proportion_confint((1 + value) / 2 / variance, 1 / variance, alpha=1 - LEVEL, method="wilson")
    return float(2 * low - 1), float(2 * high - 1)


NO_EFFECT = Effect("", np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Outcome:
    """One test of two conditions or of one term; NaN where the data do not determine a value."""

    test: str
    a: str
    b: str
    n: int
    difference: float = np.nan  # mean of a minus mean of b
    effect: Effect = NO_EFFECT
    statistic: float = np.nan
    df: str = ""
    p: float = np.nan
    p_adjusted: float = np.nan

    def between(self, a: str, b: str) -> Outcome:
        """The same outcome with the names of what was compared."""
        return replace(self, a=a, b=b)

    def row(self) -> dict[str, object]:
        """The columns of COMPARISONS that a test fills."""
        return {
            "a": self.a, "b": self.b, "test": self.test, "difference": self.difference, "effect": self.effect.value,
            "effect_name": self.effect.name, "effect_low": self.effect.low, "effect_high": self.effect.high,
            "statistic": self.statistic, "df": self.df, "p": self.p, "p_adjusted": self.p_adjusted, "n": self.n,
        }  # fmt: skip


def number(df: float) -> str:
    """Degrees of freedom as text: 18, 2.5."""
    return f"{df:.10g}"


EXACT_SIGNS = 14  # pairs up to which all 2ⁿ signs are tried
EXACT_RANKS = 200  # pairs up to which the exact distribution of the rank sum is computed
DRAWS = 10_000
CLOSE = 1e-9  # differences of shares that differ by less than this share are the same number, rounded
SAME = 1e-6  # sums of permuted differences that single precision may put apart although they are equal


def paired_t(a: np.ndarray, b: np.ndarray) -> Outcome:
    """Student's t test of pairs, two-sided, with effect dz. R: t.test(a, b, paired = TRUE).

    `a`, `b`: (participants,), in the same order. NaN with n for fewer than two pairs or equal differences.

    >>> natural, synthetic = [0.93, 0.96, 0.89, 0.91, 0.96], [0.82, 0.87, 0.80, 0.84, 0.91]
    >>> found = paired_t(natural, synthetic)
    >>> round(found.difference, 3), round(found.statistic, 2), round(found.p, 4)
    (0.082, 8.04, 0.0013)
    """
    difference = _differences(a, b)
    n = len(difference)
    if n < 2 or is_constant(difference):
        return _nothing("paired_t", difference)
    found = stats.ttest_1samp(difference, 0.0)
    return Outcome(
        "paired_t", "", "", n, float(difference.mean()), dz(a, b), float(found.statistic), number(n - 1),
        float(found.pvalue), float(found.pvalue),
    )  # fmt: skip


def wilcoxon(a: np.ndarray, b: np.ndarray) -> Outcome:
    """Wilcoxon's signed-rank test, two-sided, with the rank-biserial effect.

    Pairs without a difference are dropped (Wilcoxon 1945), ties get mid-ranks, and p comes from all 2ⁿ signs of the
    ranks with their ties, so it is exact: R's exactRankTests::wilcox.exact(a, b, paired = TRUE). Above
    200 pairs: normal approximation with ties and continuity. The statistic is V, the sum of positive ranks.

    >>> found = wilcoxon([0.93, 0.96, 0.89, 0.91, 0.96], [0.82, 0.87, 0.80, 0.84, 0.91])
    >>> found.statistic, found.p, found.effect.value
    (15.0, 0.0625, 1.0)
    """
    difference = _round_to_zero(_differences(a, b))
    kept = difference[difference != 0]
    if len(difference) < 2 or len(kept) == 0:
        return _nothing("wilcoxon", difference)
    ranks = stats.rankdata(np.abs(_merged(kept)))
    v = float(ranks[kept > 0].sum())
    p = _exact_ranks(ranks, v) if len(kept) <= EXACT_RANKS else _normal_ranks(ranks, v)
    effect = rank_biserial(_merged(kept))
    return Outcome("wilcoxon", "", "", len(difference), float(difference.mean()), effect, v, "", p, p)


def permutation(a: np.ndarray, b: np.ndarray, seed: int, draws: int = DRAWS) -> Outcome:
    """Test of the mean difference by flipping the signs of participants' differences, two-sided, with effect d_av.

    Up to 14 pairs all 2ⁿ sign patterns are tried and p is exact. Above that `draws` patterns are drawn and the observed
    one counts as one more, so p is never 0 (Phipson & Smyth 2010). The statistic is the mean difference.

    >>> permutation([0.93, 0.96, 0.89, 0.91, 0.96], [0.82, 0.87, 0.80, 0.84, 0.91], seed=1).p  # 2 of 2⁵ signs
    0.0625
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
    return Outcome("permutation", "", "", n, mean, d_av(a, b), mean, "", p, p)


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a, dtype=float) - np.asarray(b, dtype=float)


def _nothing(test: str, difference: np.ndarray) -> Outcome:
    mean = float(difference.mean()) if len(difference) else np.nan
    return Outcome(test, "", "", len(difference), mean)


def _round_to_zero(difference: np.ndarray) -> np.ndarray:
    """Set differences of shares that are 0 except for rounding to 0: 41/45 − 40/45 − 1/45 is not 0 in binary."""
    size = np.abs(difference).max(initial=0.0)
    return np.where(np.abs(difference) <= CLOSE * size, 0.0, difference)


def _merged(values: np.ndarray) -> np.ndarray:
    """Values rounded to 9 digits of the largest, so that equal differences of shares tie."""
    return np.round(values / np.abs(values).max(), 9)


def _exact_ranks(ranks: np.ndarray, v: float) -> float:
    """Two-sided p of V when all signs are equally likely, from the distribution of sums of doubled mid-ranks."""
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


@lru_cache(maxsize=4)  # 2,048 × 10,000 signs are 80 MB; smaller sizes take at most half
def _drawn_signs(n: int, seed: int, draws: int) -> np.ndarray:
    """Patterns of signs at random: (n, patterns), in single precision, since memory bandwidth is the limit."""
    rng = np.random.default_rng(seed)
    signs = np.empty((n, draws), dtype=np.float32)
    for row in signs:  # so that the first rows are the same whatever n
        row[:] = 1 - 2 * rng.integers(0, 2, size=draws, dtype=np.int8)
    return signs


EXACT = 50  # participants up to which the exact distribution is computed


def mann_whitney(a: np.ndarray, b: np.ndarray) -> Outcome:
    """Mann and Whitney's U test, two-sided, with the rank-biserial effect.

    `a`, `b`: (participants of the group,). Ties get mid-ranks. Up to 50 participants p comes from all ways to choose
    the first group from the ranks with their ties: R's exactRankTests::wilcox.exact(a, b), or
    coin::wilcox_test(distribution = "exact"). Above: normal approximation with ties and continuity, as R's
    wilcox.test(exact = FALSE). The statistic is U of a (R's W). n counts both groups. NaN for an empty group, or when
    all values are equal.

    >>> found = mann_whitney([0.93, 0.96, 0.89], [0.82, 0.87, 0.80, 0.84])
    >>> found.statistic, round(found.p, 4)
    (12.0, 0.0571)
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    n = len(a) + len(b)
    difference = float(a.mean() - b.mean()) if len(a) and len(b) else np.nan
    if min(len(a), len(b)) < 1 or n < 3 or is_constant(np.concatenate([a, b])):
        return Outcome("mann_whitney", "", "", n, difference)
    ranks = stats.rankdata(np.round(np.concatenate([a, b]), 9))
    rank_sum = float(ranks[: len(a)].sum())
    u = rank_sum - len(a) * (len(a) + 1) / 2
    p = _exact(ranks, len(a), rank_sum) if n <= EXACT else float(stats.mannwhitneyu(a, b, method="asymptotic").pvalue)
    effect = rank_biserial_groups(u, len(a), len(b))
    return Outcome("mann_whitney", "", "", n, difference, effect, u, "", p, p)


def _exact(ranks: np.ndarray, size: int, rank_sum: float) -> float:
    """Share of the choices of `size` ranks whose sum is as far from its mean as the observed one."""
    doubled = np.rint(2 * ranks).astype(int)
    ways = np.zeros((size + 1, doubled.sum() + 1))  # by the number chosen and their sum
    ways[0, 0] = 1.0
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    chance = ways[size] / ways[size].sum()
    off = np.abs(np.arange(len(chance)) - size * doubled.mean())
    return float(min(1.0, chance[off >= abs(2 * rank_sum - size * doubled.mean()) - 1e-6].sum()))
