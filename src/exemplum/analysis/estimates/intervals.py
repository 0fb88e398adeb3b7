"""Intervals around shares and means: over trials, over participants or units, and over both at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import beta, t
from statsmodels.stats.proportion import proportion_confint

Limits = tuple[float, float]
LEVEL = 0.95
SHARE = (0.0, 1.0)  # the least and the most that a share can be
SAME = 1e-9  # relative difference below which two means are the same number
RESAMPLES = 10_000
CHUNK = 400  # cells bootstrapped at once: 400 × 10,000 means are 32 MB
FEW = 64  # participants; up to this number the draws are cached for each number of participants
DRAWN = 1000  # resamples drawn at once


def wilson(successes: np.ndarray, trials: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval of a share of independent trials: (low, high), NaN where trials are 0.

    `successes`, `trials`: counts, (n,). `level`: 0.95 if not given.

    Source: Wilson (1927), J. Am. Stat. Assoc. 22, 209-212; computed by statsmodels.

    >>> low, high = wilson(np.array([18]), np.array([24]))
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.551], [0.88])
    """
    successes, trials = np.atleast_1d(successes).astype(float), np.atleast_1d(trials).astype(float)
    low, high = np.full(trials.shape, np.nan), np.full(trials.shape, np.nan)
    some = trials > 0
    low[some], high[some] = proportion_confint(successes[some], trials[some], alpha=1 - level, method="wilson")
    return low, high


def of_mean(
    values: np.ndarray, limits: Limits | None = None, trials: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """95 % interval of a mean over participants, or over units: (cells, n) → names, low and high, each (cells,).

    - `t`: mean ± t·s/√n, s with n − 1 in the denominator, cut at the `limits` of the values (least, most) if given.
    - `wilson_t`, for shares, whose limits are SHARE: Wilson's score interval with the quantile of t (n − 1 degrees of
      freedom), and with the number of independent trials whose variance is s²/n. So it stays between 0 and 1, is skewed
      near them, and allows for people who differ (Franco, Little, Louis & Slud 2019, J. Surv. Stat. Methodol. 7).
    - `exact`, where all values are equal and s says nothing. For shares of `trials` trials (cells,) it is Clopper &
      Pearson's (1934, Biometrika 26) over all trials, as if of one person. Otherwise, if the values have limits, see
      `identical`; if not, there is no interval (NaN).

    NaN for n < 2: one participant says nothing about others.

    >>> names, low, high = of_mean([[0.8, 0.9, 0.85], [1, 1, 1]], SHARE, np.array([60, 60]))
    >>> names.tolist(), low.round(3).tolist(), high.round(3).tolist()
    (['wilson_t', 'exact'], [0.689, 0.94], [0.935, 1.0])
    """
    values = np.atleast_2d(np.asarray(values, dtype=float))
    cells, n = values.shape
    name = "wilson_t" if limits == SHARE else "t"
    names, low, high = np.full(cells, name, dtype=object), np.full(cells, np.nan), np.full(cells, np.nan)
    if n < 2:
        return names, low, high
    mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(n)
    flat = np.ptp(values, axis=1) <= SAME * np.maximum(np.abs(mean), 1)
    q = quantile(n - 1)
    if limits == SHARE:
        size = np.where(flat, 1.0, mean * (1 - mean) / np.where(flat, 1.0, error**2))  # of independent trials
        low, high = _wilson(mean, size, q)
    else:
        low, high = mean - q * error, mean + q * error
    low[flat], high[flat] = np.nan, np.nan
    if limits is not None:
        low, high = np.maximum(low, limits[0]), np.minimum(high, limits[1])
        names[flat] = "exact"
        if trials is None:
            low[flat], high[flat] = identical(mean[flat], n, limits)
        else:
            low[flat], high[flat] = clopper_pearson(mean[flat] * trials[flat], trials[flat])
    return names, low, high


def clopper_pearson(successes: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact 95 % interval of a share of independent trials: (low, high). R: binom.test(successes, trials)$conf.int.

    >>> low, high = clopper_pearson(np.array([0, 18]), np.array([10, 24]))
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.0, 0.5329], [0.3085, 0.9023])
    """
    tail = (1 - LEVEL) / 2
    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    with np.errstate(invalid="ignore"):
        low = np.where(k > 0, beta.ppf(tail, np.maximum(k, SAME), n - k + 1), 0.0)
        high = np.where(k < n, beta.ppf(1 - tail, k + 1, np.maximum(n - k, SAME)), 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def identical(value: np.ndarray, n: int, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of the mean of a bounded variable of which all of `n` draws gave the same value: (low, high).

    With n equal draws at least a share (1 − LEVEL)/2 to the power 1/n of all values is this one (Clopper & Pearson).
    The mean is farthest from it if all others lie at a limit. No assumption but independent draws.

    >>> low, high = identical(np.array([1.0]), 45, (0.0, 1.0))  # all of 45 units right
    >>> low.round(4).tolist(), high.tolist()
    ([0.9213], [1.0])
    """
    others = 1 - ((1 - LEVEL) / 2) ** (1 / n)
    return value - others * (value - limits[0]), value + others * (limits[1] - value)


def jackknife(estimate: float, without: np.ndarray, limits: Limits = SHARE) -> tuple[str, float, float]:
    """Interval of any statistic from its values without each participant (or unit) in turn, `without` (n,).

    estimate ± t·√((n − 1)/n · Σ(value − mean)²), cut at the limits (Efron & Tibshirani 1993, ch. 11). If leaving out
    nobody changes it, see `identical`, which is `exact`. NaN for fewer than two, or an undefined value.

    >>> accuracy = np.array([0.8, 0.9, 0.85, 0.95])  # of four participants
    >>> without = (accuracy.sum() - accuracy) / 3
    >>> name, low, high = jackknife(accuracy.mean(), without)
    >>> name, round(float(low), 3), round(float(high), 3)
    ('jackknife', 0.772, 0.978)
    """
    n = len(without)
    if n < 2 or not np.isfinite([estimate, *without]).all():
        return "jackknife", np.nan, np.nan
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    if error <= SAME:
        low, high = identical(np.array([estimate]), n, limits)
        return "exact", float(low[0]), float(high[0])
    reach = quantile(n - 1) * error
    return "jackknife", max(estimate - reach, limits[0]), min(estimate + reach, limits[1])


def two_way(
    estimate: float,
    people: np.ndarray,
    items: np.ndarray,
    answers: np.ndarray,
    limits: Limits,
    raters: float | None = None,
    changes: bool = False,
) -> tuple[str, float, float]:
    """Interval for new participants and new items, from the statistic without each participant, item and answer.

    Variance: over participants + over items − over answers, which both contain; not below either (jackknife; Owen &
    Eckles 2012, Ann. Appl. Stat. 6, for crossed samples). Degrees of freedom by Satterthwaite. Cut at the limits. With
    `changes` the arrays hold how far each moves the statistic. With `raters` the statistic is a κ between so many, and
    the interval is symmetric in the log of (1 + (raters − 1)κ) / (1 − κ), the ratio of the variances between and within
    items, which is less skewed. `exact` by `identical` over the fewer of participants and items if nothing changes it;
    NaN where a part has fewer than two, or leaving out a participant or item makes it undefined.
    """
    sizes = len(people), len(items), int(np.isfinite(answers).sum())
    if min(sizes) < 2 or not np.isfinite([estimate, *people, *items]).all():
        return "jackknife", np.nan, np.nan
    parts = (people, items, answers[np.isfinite(answers)])
    if changes:
        spread = [n / (n - 1) * float((part**2).sum()) for n, part in zip(sizes, parts, strict=True)]
    else:
        spread = [(n - 1) / n * float(((part - part.mean()) ** 2).sum()) for n, part in zip(sizes, parts, strict=True)]
    total = max(spread[0] + spread[1] - spread[2], spread[0], spread[1])
    if total <= SAME**2:
        ends = identical(np.array([estimate]), min(sizes[:2]), limits)
        return "exact", float(ends[0][0]), float(ends[1][0])
    freedom = [sizes[0] - 1, sizes[1] - 1, (sizes[0] - 1) * (sizes[1] - 1)]
    df = total**2 / sum(part**2 / n for part, n in zip(spread, freedom, strict=True))
    reach = quantile(max(1.0, min(df, freedom[0] + freedom[1]))) * float(np.sqrt(total))
    low, high = estimate - reach, estimate + reach
    if raters is not None and (raters - 1) * estimate > -1 and estimate < 1:
        between, within = 1 + (raters - 1) * estimate, 1 - estimate
        stretch = reach * ((raters - 1) / between + 1 / within)
        ratios = between / within * np.exp([-stretch, stretch])
        low, high = map(float, (ratios - 1) / (ratios + raters - 1))
    return "jackknife", max(low, limits[0]), min(high, limits[1])


@lru_cache(maxsize=4096)
def quantile(df: float) -> float:
    """The quantile of t with `df` degrees of freedom that a two-sided 95 % interval reaches to.

    >>> round(quantile(9), 3)
    2.262
    """
    return float(t.ppf((1 + LEVEL) / 2, df))


def _wilson(share: np.ndarray, size: np.ndarray, q: float) -> tuple[np.ndarray, np.ndarray]:
    middle = (share + q**2 / (2 * size)) / (1 + q**2 / size)
    reach = q * np.sqrt(share * (1 - share) / size + (q / (2 * size)) ** 2) / (1 + q**2 / size)
    return middle - reach, middle + reach


def sem2(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean ± 2 standard errors over the last axis (cells, participants) → (low, high), each (cells,).

    The standard error is the population's standard deviation over √n (numpy's std, n in the denominator), as in the
    published figures (docs/explanation/reproduction.md). It is too short by a factor of √((n − 1)/n); the other
    intervals are not.
    NaN for fewer than two participants.

    >>> low, high = sem2(np.array([0.8, 0.9, 0.85, 0.95]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.819], [0.931])
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

    >>> percentile, bca = bootstrap(np.array([0.8, 0.9, 0.85, 0.95]), None, seed=1)
    >>> percentile.round(2).tolist(), bca.round(2).tolist()
    ([[0.82, 0.92]], [[0.82, 0.92]])
    """
    numerators = np.atleast_2d(np.asarray(numerators, dtype=float))
    denominators = np.ones_like(numerators) if denominators is None else np.atleast_2d(denominators).astype(float)
    cells, n = numerators.shape
    percentile, bca = np.full((cells, 2), np.nan), np.full((cells, 2), np.nan)
    if n < 2:
        return percentile, bca
    weights = draws(n, resamples, seed)
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


def draws(n: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of n participants, or units, is in each resample, (n, resamples): the same for the same seed."""
    return (_few_draws if n <= FEW else _many_draws)(n, resamples, seed)


@dataclass(frozen=True)
class Resampled:
    """A statistic of n units (or participants), with its values in resamples and without each of them.

    Interval: BCa with the quantiles of t, n − 1 degrees of freedom, of √(n / (n − 1)) standard errors: the bootstrap's
    spread is too small by that factor, and the normal quantiles are too short for few units (Efron & Tibshirani 1993,
    ch. 14; Hesterberg 2015, Am. Stat. 69, 371-386).
    """

    estimate: float
    drawn: np.ndarray  # (resamples,), without NaN
    without: np.ndarray  # (n,)

    def interval(self, limits: Limits) -> tuple[str, float, float]:
        """`bca_t`, cut at the limits; NaN for fewer than three, or a statistic that does not vary."""
        bias, acceleration = self._skew()
        reach = np.sqrt(len(self.without) / max(len(self.without) - 1, 1)) * quantile(max(len(self.without) - 1, 1))
        shifted = bias + reach * np.array([-1.0, 1.0])
        most = 0.9 / np.abs(shifted).max()  # beyond 1 / |z| the order of the quantiles is lost
        shares = ndtr(bias + shifted / (1 - np.clip(acceleration, -most, most) * shifted))
        if not np.isfinite([self.estimate, *shares]).all():
            return "bca_t", np.nan, np.nan
        low, high = np.quantile(self.drawn, shares)
        return "bca_t", max(float(low), limits[0]), min(float(high), limits[1])

    def _skew(self) -> tuple[float, float]:
        """Bias and acceleration."""
        influence = self.without.mean() - self.without
        spread = float((influence**2).sum())
        if len(self.without) < 3 or not np.isfinite(self.estimate) or spread <= SAME**2:
            return np.nan, np.nan
        below = ((self.drawn < self.estimate).mean() + (self.drawn <= self.estimate).mean()) / 2
        least = 1 / (len(self.drawn) + 1)
        return float(ndtri(np.clip(below, least, 1 - least))), float((influence**3).sum() / (6 * spread**1.5))


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
