"""Agreement of people on units: κ, and how well answers can be predicted at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.stats import binom

from exemplum import tables
from exemplum.analysis.estimates import cells, intervals
from exemplum.analysis.kappa import LIMITS
from exemplum.analysis.models.crossed import Array

SHARED = 10  # items that two participants must share for a κ between them
Interval = tuple[str, float, float]


def agreement_estimates(responses: pd.DataFrame) -> pd.DataFrame:
    """Agreement by condition on main trials: rows of ESTIMATES.

    Items are unit, scheme and difficulty; the judgement is which query, the maximal or the minimal one, was chosen. The
    natural images differ between participants (equally extreme batches), so this is agreement about units, not images.

    - `kappa_fleiss`: over all participants;
    - `kappa_cohen`: mean over pairs of participants with 10 shared items or more, aggregate participants;
    - `noise_ceiling_low`, `noise_ceiling_high` by unit (exact) and their mean over units: see `noise_ceiling`.

    Intervals are for new participants and new items, see `intervals.two_way`. NaN with n if nobody shares an item or
    all answers are equal. A machine is one observer, whose sessions cannot agree: see machines/consistency.py.
    """
    rows = []
    for where, trials in cells.each_condition(responses):
        if cells.sampled(trials) == "unit":
            continue
        item, names = pd.factorize(trials["unit"] + "|" + trials["scheme"] + "|" + trials["difficulty"])
        person, people = pd.factorize(trials["participant"])
        right, size = trials["correct"].to_numpy(dtype=float), cells.size(trials)
        estimate, interval = _crossed(
            _fleiss_sums, _fleiss_kappa, item, person, right, LIMITS, len(trials) / len(names)
        )
        rows.append(cells.row(where, "kappa_fleiss", estimate, interval, size))
        estimate, interval = pairwise_cohen(item, person, right, len(names), len(people))
        rows.append(cells.row(where, "kappa_cohen", estimate, interval, size, "participants"))
        rows += _ceilings(where, trials, person, right)
    return tables.ESTIMATES.frame(rows)


def fleiss(right: Array, n: Array) -> Array:
    """Fleiss' κ of two categories: `right` of `n` raters per item, (…, items) → (…). The number of raters may vary.

    Items with fewer than two raters are left out; P̄ is the unweighted mean over items, chance agreement is computed
    from all answers. NaN when all answers are equal. Source: Fleiss (1971), Psychol. Bull. 76, 378-382; unequal
    numbers: Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, ch. 18.3.

    >>> round(float(fleiss(np.array([10, 9, 3, 8]), np.array([10, 10, 10, 10]))), 3)
    0.319
    """
    return _fleiss_kappa(_fleiss_sums(np.asarray(right, dtype=float), np.asarray(n, dtype=float)).sum(axis=-1))


def _fleiss_sums(right: Array, n: Array) -> Array:
    """What each item adds: agreement, 1, right answers, answers; 0 for fewer than two answers: (4, …, items)."""
    rated = n > 1
    wrong = n - right
    agree = (right * (right - 1) + wrong * (wrong - 1)) / np.where(rated, n * (n - 1), 1)
    return np.where(rated, np.stack([agree, np.ones_like(n), right, n]), 0)


def _fleiss_kappa(sums: Array) -> Array:
    agree, items, right, answers = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        share = right / answers
        chance = share**2 + (1 - share) ** 2
        return np.where(chance < 1 - intervals.SAME, (agree / items - chance) / (1 - chance), np.nan)


def _crossed(
    sums: Callable[[Array, Array], Array],
    finish: Callable[[Array], Array],
    item: Array,
    person: Array,
    right: Array,
    limits: intervals.Limits,
    raters: float | None = None,
) -> tuple[float, Interval]:
    """A statistic of sums over items, with its interval for new participants and new items.

    `sums` of right answers and raters by item: (k, items), `finish` of (k, …) totals: (…). It is computed again without
    each participant, each item, and each participant's answers to one item.
    """
    key, pair = np.unique(np.stack([person, item]), axis=1, return_inverse=True)
    who, what = key
    x, m = np.bincount(pair.ravel(), right), np.bincount(pair.ravel()).astype(float)
    k, n = np.bincount(what, x), np.bincount(what, m)
    each = sums(k, n)
    total = each.sum(axis=1, keepdims=True)
    change = each[:, what] - sums(k[what] - x, n[what] - m)
    people = np.stack([np.bincount(who, row) for row in change])
    estimate = float(finish(total)[0])
    without = [finish(total - part) for part in (people, each, change)]
    return estimate, intervals.two_way(estimate, without[0], without[1], without[2], limits, raters)


def pairwise_cohen(item: Array, person: Array, right: Array, items: int, people: int) -> tuple[float, Interval]:
    """Mean Cohen's κ over pairs of people who share at least SHARED items, one answer per item; NaN for no such pair.

    Pairs who both always give the same answer have no κ and are left out. With its interval for new participants and
    items: the infinitesimal jackknife, how far each participant, item and answer moves the mean.
    """
    shape = (items, people)
    seen = csr_array((np.ones(len(item)), (item, person)), shape=shape)
    chose = csr_array((right, (item, person)), shape=shape)
    if seen.nnz < len(item):  # an item answered twice by one person: keep its mean, rounded to an answer
        chose.data = np.round(chose.data / seen.data)
        seen.data[:] = 1
    shared = (seen.T @ seen).toarray().astype(np.float32)
    both = (chose.T @ chose).toarray().astype(np.float32)
    mine = (chose.T @ seen).toarray().astype(np.float32)  # right answers of the row's person on shared items
    used = shared >= SHARED
    np.fill_diagonal(used, False)
    n = np.where(used, shared, 1)
    r, s = mine / n, mine.T / n
    observed = 1 - r - s + 2 * both / n
    chance = r * s + (1 - r) * (1 - s)
    used &= chance < 1 - 1e-6
    if not used.any():
        return np.nan, ("jackknife", np.nan, np.nan)
    rest = np.where(used, 1 - chance, 1)
    kappa = np.where(used, 1 - (1 - observed) / rest, 0)
    mean = float(kappa[used].mean())
    # an item answered x and y adds to a pair's κ: weight · (a + b·x + b'·y + 2·x·y), by the derivative of κ
    weight = np.where(used, 2 / float(used.sum()) / n / rest, 0)  # a plain float: the arrays stay float32
    slope = (1 - observed) / rest
    a = weight * (1 - observed + slope * ((2 * s - 1) * r + (2 * r - 1) * s))
    b = -weight * (1 + slope * (2 * s - 1))
    x = chose.toarray()
    answer = (seen @ a + chose @ b + x * (seen @ b.T + 2 * (chose @ weight))) * seen.toarray()
    moved = 2 * np.where(used, kappa - mean, 0).sum(axis=1) / used.sum()
    parts = moved, answer.sum(axis=1) / 2, answer[seen.toarray() > 0]
    return mean, intervals.two_way(mean, *parts, limits=LIMITS, raters=len(item) / items, changes=True)


def noise_ceiling(right: Array, n: Array) -> tuple[Array, Array]:
    """How often the best guess from others' answers equals a single answer, by item: (low, high).

    High: always predicting the majority, including the answer itself, max(k, n − k)/n: no predictor that knows only the
    unit does better. Low: predicting each answer from the majority of the others (ties count half). NaN for n < 2.
    `right` and `n`: right answers and all answers by item, (items,).

    >>> low, high = noise_ceiling([10, 6], [10, 10])
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([1.0, 0.6], [1.0, 0.6])
    """
    right, n = np.asarray(right, dtype=float), np.asarray(n, dtype=float)
    others = np.where(n > 1, n - 1, np.nan)

    def majority(k: Array) -> Array:
        return np.where(np.isnan(others), np.nan, (np.sign(2 * k - others) + 1) / 2)

    low = (right * majority(right - 1) + (n - right) * (1 - majority(right))) / n
    high = np.where(n > 1, np.maximum(right, n - right) / n, np.nan)
    return low, high


def _ceilings(where: dict[str, str], trials: pd.DataFrame, person: Array, right: Array) -> list[dict[str, object]]:
    unit, names = pd.factorize(trials["unit"], sort=True)
    k, n = np.bincount(unit, right), np.bincount(unit)
    people = trials.groupby("unit", sort=True)["participant"].nunique()
    rows = []
    for place, name in enumerate(("low", "high")):

        def sums(right: Array, n: Array, place: int = place) -> Array:
            values = noise_ceiling(right, n)[place]
            return np.stack([np.nan_to_num(values), np.isfinite(values)])

        with np.errstate(invalid="ignore", divide="ignore"):
            mean, interval = _crossed(sums, lambda s: s[0] / s[1], unit, person, right, intervals.SHARE)
        rows.append(cells.row(where, f"noise_ceiling_{name}", mean, interval, cells.size(trials)))
        values = noise_ceiling(k, n)[place]
        ends = ceiling_interval(k, n)[place]
        for unit_name, value, low, high, size, who in zip(names, values, *ends, n, people, strict=True):
            exact = ("exact", float(low), float(high))
            rows.append(
                cells.row(where, f"noise_ceiling_{name}", float(value), exact, (int(size), int(who)), by="unit",
                          group=unit_name)
            )  # fmt: skip
    return rows


def ceiling_interval(right: Array, n: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Intervals of the low and of the high noise ceiling of each item: ((low, high), (low, high)), NaN for n < 2.

    Both grow with the distance of the item's true share of right answers from ½, for which Clopper and Pearson's
    interval stands. High: max(p, 1 − p). Low: how often an answer equals the majority of n − 1 others, a tie half. They
    reach as far as the estimates, which by chance can lie outside of what any p gives.
    """
    right, n = np.asarray(right, dtype=float), np.asarray(n, dtype=float)
    low, high = intervals.clopper_pearson(right, n)
    far = np.maximum(np.abs(low - 0.5), np.abs(high - 0.5))
    near = np.where((low < 0.5) & (high > 0.5), 0, np.minimum(np.abs(low - 0.5), np.abs(high - 0.5)))
    others = np.where(n > 1, n - 1, np.nan)

    def expected(p: Array) -> Array:
        majority = binom.sf(others / 2, others, p) + binom.pmf(others / 2, others, p) / 2
        return p * majority + (1 - p) * (1 - majority)

    estimate = noise_ceiling(right, n)
    at = (expected(0.5 + near), expected(0.5 + far)), (0.5 + near + 0 * others, 0.5 + far + 0 * others)
    ends = [(np.minimum(a, e), np.maximum(b, e)) for (a, b), e in zip(at, estimate, strict=True)]
    return ends[0], ends[1]
