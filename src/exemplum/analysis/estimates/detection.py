"""Signal detection: d′, criterion and lapses, and how well confidence predicts right answers (type-2 ROC)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import beta, norm

from exemplum import tables
from exemplum.analysis.estimates import cells, intervals

Array = np.ndarray
COUNTS = ["top_hits", "on_top", "top_false", "on_bottom"]


def detection_estimates(responses: pd.DataFrame) -> pd.DataFrame:
    """d′, criterion, share of answers `top`, and lapse rate by condition: rows of ESTIMATES.

    `d_prime` and `criterion` of main trials: pooled over trials (interval t over participants, see `clustered`), each
    participant separately (by = participant, interval normal), and the mean of participants' values (interval t). The
    latter is of values that the correction pulls towards 0, the more the fewer trials each participant has: for d′ near
    100 % right read the pooled row. d′ may be negative: if the most extreme images mislead, observers without
    references answer below chance. `chose_top` is the share of answers top. With catch trials also `lapse`, see
    `lapse_rate`, and pooled `d_prime_no_lapse`, see `without_lapses`. NaN with n where there are no trials of a side.
    The sample of a machine is units, its stimuli count once, and it has no rows by participant (cells.sampled).
    """
    rows = []
    for where, trials in cells.each_condition(responses):
        rows += _sensitivity(where, trials)
    for where, trials in cells.each_condition(responses, "catch"):
        weight = cells.weights(trials)
        wrong, n = float(weight[~trials["correct"].to_numpy()].sum()), float(weight.sum())
        value, low, high = lapse_rate(wrong, n)
        rows.append(cells.row(where, "lapse", value, ("wilson", low, high), cells.size(trials)))
        main = _same(responses, where)
        if len(main):
            total = counts(main).sum()
            hits, on_top, false, on_bottom = (float(total[name]) for name in COUNTS)
            value, error = without_lapses(hits, on_top, false, on_bottom, wrong, n)
            rows.append(
                cells.row(where | {"trial_kind": "main"}, "d_prime_no_lapse", value, cells.normal(value, error),
                         cells.size(main))
            )  # fmt: skip
    return tables.ESTIMATES.frame(rows)


def d_prime(hits: Array, on_top: Array, false: Array, on_bottom: Array) -> tuple[Array, Array, Array, Array]:
    """d′ and criterion of two-alternative forced choice, with their standard errors: each of the counts' shape.

    `hits`: answers top of `on_top` trials with the maximal query on top; `false`: answers top of `on_bottom` trials
    with it at the bottom. With H = (hits + ½)/(on_top + 1), F likewise (log-linear correction, Hautus 1995, Behav. Res.
    Meth. 27): d′ = (z(H) − z(F))/√2, c = −(z(H) + z(F))/2; c below 0 is a preference for the top (Macmillan & Creelman
    2005, Detection Theory, ch. 7). Standard errors by the delta method (Gourevitch & Galanter 1967, Psychometrika 32).
    NaN where either side had no trials.

    >>> sensitivity, criterion, *_ = d_prime(np.array([19]), np.array([22]), np.array([4]), np.array([23]))
    >>> sensitivity.round(2).tolist(), criterion.round(2).tolist()
    ([1.35], [-0.07])
    """
    variances, scores = [], []
    for chosen, n in ((hits, on_top), (false, on_bottom)):
        n = np.asarray(n, dtype=float)
        share = (np.asarray(chosen) + 0.5) / np.where(n > 0, n + 1, np.nan)
        z = ndtri(share)
        scores.append(z)
        variances.append(share * (1 - share) / (n + 1) / norm.pdf(z) ** 2)
    spread = variances[0] + variances[1]
    hit, alarm = scores
    return (hit - alarm) / np.sqrt(2), -(hit + alarm) / 2, np.sqrt(spread / 2), np.sqrt(spread / 4)


def lapse_rate(wrong: float, n: float) -> tuple[float, float, float]:
    """Share of trials answered at random, if only lapses miss catch trials: 2 × errors, with Wilson's interval.

    A lapse is wrong half the time, so the share of errors is half the lapse rate. Ends at 1; NaN for n = 0.

    >>> rate, low, high = lapse_rate(1, 50)  # one of 50 catch trials was missed
    >>> rate, round(low, 3), round(high, 3)
    (0.04, 0.007, 0.21)
    """
    low, high = intervals.wilson(np.array([wrong]), np.array([n]))
    value = 2 * wrong / n if n else np.nan
    return min(value, 1.0) if n else value, min(2 * float(low[0]), 1.0), min(2 * float(high[0]), 1.0)


def without_lapses(
    hits: float, on_top: float, false: float, on_bottom: float, wrong: float, catch: float
) -> tuple[float, float]:
    """d′ of the answers that were not lapses, and its standard error, from the counts of main and of catch trials.

    Lapses pull both rates towards ½: H = λ/2 + (1 − λ)H′, so H′ = (H − λ/2)/(1 − λ) with λ from the catch trials
    (log-linear correction there too). Delta method over H, F and λ. NaN if a rate is impossible given λ.
    Source: Wichmann & Hill (2001), Percept. Psychophys. 63, for why lapses bias the slope if ignored.

    >>> found, error = without_lapses(19, 22, 4, 23, wrong=1, catch=50)
    >>> round(float(found), 2), round(error, 2)
    (1.48, 0.37)
    """
    if not (on_top and on_bottom and catch):
        return np.nan, np.nan
    miss = (wrong + 0.5) / (catch + 1)
    rate = 2 * miss
    variance_rate = 4 * miss * (1 - miss) / (catch + 1)
    score, variance, by_rate = [], 0.0, []
    for chosen, n in ((hits, on_top), (false, on_bottom)):
        share = (chosen + 0.5) / (n + 1)
        clean = (share - rate / 2) / (1 - rate) if rate < 1 else np.nan
        if not 0 < clean < 1:
            return np.nan, np.nan
        z = float(ndtri(clean))
        slope = 1 / (norm.pdf(z) * (1 - rate))
        score.append(z)
        variance += share * (1 - share) / (n + 1) * slope**2
        by_rate.append((clean - 0.5) * slope)
    variance += (by_rate[0] - by_rate[1]) ** 2 * variance_rate
    return (score[0] - score[1]) / np.sqrt(2), float(np.sqrt(variance / 2))


def _same(responses: pd.DataFrame, where: dict[str, Any]) -> pd.DataFrame:
    """Main trials of the same experiment, observer and condition."""
    chosen = responses["trial_kind"] == "main"
    for key in cells.KEYS:
        chosen &= responses[key] == where[key]
    return responses[chosen]


def counts(trials: pd.DataFrame) -> pd.DataFrame:
    """Answers top by side of the maximal query, per participant: columns top_hits, on_top, top_false, on_bottom.

    For a machine per unit, each stimulus with the weight 1 over all its showings.
    """
    top, upper = trials["choice"] == "top", trials["max_side"] == "top"
    table = pd.DataFrame(dict(zip(COUNTS, (top & upper, upper, top & ~upper, ~upper), strict=True)))
    return table.mul(cells.weights(trials), axis=0).groupby(trials[cells.sampled(trials)], sort=True).sum()


def clustered(table: Array) -> Array:
    """Standard errors of the pooled d′ and criterion over participants who differ, from counts (n, 4): (2,).

    The delta method on participants' sums: participant i moves z(H) by (hits_i − H·on_top_i) / (on_top + 1) / φ(z(H)),
    z(F) likewise, and the variance is n/(n − 1) times the sum of squares (linearization; Binder 1983, Int. Stat. Rev.
    51). NaN for fewer than two participants, or a side without trials.
    """
    people = len(table)
    if people < 2:
        return np.full(2, np.nan)
    moved = []
    for chosen, n in (table[:, :2].T, table[:, 2:].T):
        total = n.sum() + 1 if n.sum() > 0 else np.nan
        share = (chosen.sum() + 0.5) / total
        moved.append((chosen - share * n) / total / norm.pdf(ndtri(share)))
    hit, alarm = moved
    each = np.array([(hit - alarm) / np.sqrt(2), -(hit + alarm) / 2])
    return np.sqrt((each**2).sum(axis=1) * people / (people - 1))


def posterior(hits: float, on_top: float, false: float, on_bottom: float) -> Array:
    """95 % intervals of d′ and criterion where no participant was wrong, or none differs: [[low, high]] × 2.

    Bayesian, with Jeffreys' prior for H and for F, Beta(½, ½), of which the correction of `d_prime` is the mean:
    quantiles over a grid of 400 × 400 quantiles of the two posteriors. NaN where a side has no trials.
    """
    if not (on_top > 0 and on_bottom > 0):
        return np.full((2, 2), np.nan)
    place = (np.arange(400) + 0.5) / 400
    hit = ndtri(beta.ppf(place, hits + 0.5, on_top - hits + 0.5))[:, None]
    alarm = ndtri(beta.ppf(place, false + 0.5, on_bottom - false + 0.5))
    tails = [(1 - intervals.LEVEL) / 2, (1 + intervals.LEVEL) / 2]
    return np.array([np.quantile(values, tails) for values in ((hit - alarm) / np.sqrt(2), -(hit + alarm) / 2)])


def _sensitivity(where: dict[str, Any], trials: pd.DataFrame) -> list[dict[str, Any]]:
    table, sample = counts(trials), cells.sampled(trials)
    total = table.sum().to_numpy()
    pooled, made = d_prime(*total[:, None]), pooled_intervals(table.to_numpy())
    each = d_prime(*table.to_numpy().T)
    n = cells.size(trials)
    rows: list[dict[str, Any]] = []
    for k, measure in enumerate(("d_prime", "criterion")):
        rows.append(cells.row(where, measure, float(pooled[k][0]), made[k], n))
        if sample == "unit":
            continue
        mean, interval = cells.over_sample(each[k])
        if len(table) > 1 and np.isfinite(mean) and not np.isfinite(interval[1]):  # nobody differs
            interval = _bayes(total, k)
        rows.append(cells.row(where, measure, mean, interval, n, "participants"))
        for name, own, error, size in zip(
            table.index, each[k], each[k + 2], table["on_top"] + table["on_bottom"], strict=True
        ):
            interval = cells.normal(float(own), float(error))
            rows.append(cells.row(where, measure, float(own), interval, (int(size), 1), "pooled", "participant", name))
    return rows + _chose_top(where, table, n, sample)


def pooled_intervals(table: Array) -> list[tuple[str, float, float]]:
    """Intervals of pooled d′ and criterion, from counts (n, 4) by participant: each name, low and high.

    t over participants, see `clustered`; bayes where a rate is 0 or 1, and so has no spread, see `posterior`; normal
    over trials for one participant.
    """
    total, df = table.sum(axis=0), len(table) - 1
    values, alone = np.split(np.array(d_prime(*total[:, None]))[:, 0], 2)
    if df < 1:
        return [cells.normal(float(value), float(error)) for value, error in zip(values, alone, strict=True)]
    hits, on_top, false, on_bottom = total
    if min(hits, on_top - hits, false, on_bottom - false) < intervals.SAME:
        return [_bayes(total, k) for k in range(2)]
    reach = intervals.quantile(df) * clustered(table)
    return [("t", float(value - far), float(value + far)) for value, far in zip(values, reach, strict=True)]


def _bayes(total: Array, k: int) -> tuple[str, float, float]:
    low, high = posterior(*total)[k]
    return "bayes", float(low), float(high)


def _chose_top(where: dict[str, Any], table: pd.DataFrame, n: tuple[int, int], sample: str) -> list[dict[str, Any]]:
    chosen = (table["top_hits"] + table["top_false"]).to_numpy()
    answers = (table["on_top"] + table["on_bottom"]).to_numpy()
    low, high = intervals.wilson(np.array([chosen.sum()]), np.array([answers.sum()]))
    interval = ("wilson", float(low[0]), float(high[0]))
    trials = answers.sum() if sample == "participant" else None
    mean, over = cells.over_sample(chosen / answers, intervals.SHARE, trials)
    return [
        cells.row(where, "chose_top", float(chosen.sum() / answers.sum()), interval, n),
        cells.row(where, "chose_top", mean, over, n, f"{sample}s"),
    ]


RATINGS = 3


def calibration_estimates(responses: pd.DataFrame) -> pd.DataFrame:
    """The type-2 ROC of each condition's main trials and the area below it: rows of ESTIMATES.

    `type2_hit` and `type2_false_alarm` with by = confidence, group = rating k: the shares of right and of wrong answers
    rated k or above, the points of the curve. `type2_auc`: area, pooled over trials (jackknife over participants) and
    mean over participants (t). ½ means that confidence carries no information. NaN with n if every answer is right, or
    wrong. The sample of a machine is units, as in `detection_estimates`.

    Source: Galvin, Podd, Drga & Whitmore (2003), Psychon. Bull. Rev. 10, 843-876.
    """
    rows = []
    for where, trials in cells.each_condition(responses):
        table, n = rating_counts(trials), cells.size(trials)
        total = table.sum(axis=0)
        for measure, side in (("type2_false_alarm", 0), ("type2_hit", 1)):
            points = np.cumsum(total[side][::-1])[::-1]
            for rating, above in enumerate(points, start=1):
                share = above / points[0] if points[0] else np.nan
                rows.append(cells.row(where, measure, share, n=n, by="confidence", group=str(rating)))
        whole = float(area(total))
        rows.append(cells.row(where, "type2_auc", whole, intervals.jackknife(whole, area(total - table)), n))
        if cells.sampled(trials) == "participant":
            mean, interval = cells.over_sample(area(table), intervals.SHARE)
            defined = int(np.isfinite(area(table)).sum())
            rows.append(cells.row(where, "type2_auc", mean, interval, (n[0], defined), "participants"))
    return tables.ESTIMATES.frame(rows)


def rating_counts(trials: pd.DataFrame) -> Array:
    """Answers by participant (a machine's by unit), wrong (0) or right (1), and rating: (participants, 2, RATINGS)."""
    person, names = pd.factorize(trials[cells.sampled(trials)], sort=True)
    cell = (person * 2 + trials["correct"].to_numpy(dtype=int)) * RATINGS + trials["confidence"].to_numpy() - 1
    found = np.bincount(cell, cells.weights(trials), len(names) * 2 * RATINGS)
    return found.reshape(len(names), 2, RATINGS).astype(float)


def area(table: Array) -> Array:
    """Area below the type-2 ROC of counts (…, 2, ratings) by trapezoids: P(right rated higher) + ½ P(same) → (…).

    >>> counts = np.array([[5, 3, 2], [5, 10, 25]])  # wrong and right answers, rated 1, 2 and 3
    >>> float(area(counts))
    0.75625
    """
    wrong, right = table[..., 0, :], table[..., 1, :]
    below = np.cumsum(wrong, axis=-1) - wrong
    won = (right * (below + wrong / 2)).sum(axis=-1)
    pairs = right.sum(axis=-1) * wrong.sum(axis=-1)
    return np.divide(won, pairs, out=np.full(np.shape(pairs), np.nan), where=pairs > 0)
