"""Signal detection: d′, criterion and lapses, and how well confidence predicts right answers (type-2 ROC)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import norm

from exemplum import tables
from exemplum.analysis.estimates import cells, intervals

Array = np.ndarray
COUNTS = ["top_hits", "on_top", "top_false", "on_bottom"]


def detection_estimates(responses: pd.DataFrame) -> pd.DataFrame:
    """d′, criterion, share of answers `top`, and lapse rate by condition: rows of ESTIMATES.

    `d_prime` and `criterion` of main trials: pooled over trials (interval normal, trials as independent), each
    participant separately (by = participant), and the mean over participants (interval t). d′ may be negative: if the
    most extreme images mislead, observers without references answer below chance. `chose_top` is the share of
    answers top (Wilson; t over participants). With catch trials also `lapse`, see `lapse_rate`, and pooled
    `d_prime_no_lapse`, see `without_lapses`. NaN with n where there are no trials of a side.
    """
    rows = []
    for where, trials in cells.each_condition(responses):
        rows += _sensitivity(where, trials)
    for where, trials in cells.each_condition(responses, "catch"):
        wrong, n = int((~trials["correct"]).sum()), len(trials)
        value, low, high = lapse_rate(wrong, n)
        rows.append(cells.row(where, "lapse", value, ("wilson", low, high), cells.size(trials)))
        main = _same(responses, where)
        if len(main):
            total = counts(main).sum()
            hits, on_top, false, on_bottom = (int(total[name]) for name in COUNTS)
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


def lapse_rate(wrong: int, n: int) -> tuple[float, float, float]:
    """Share of trials answered at random, if only lapses miss catch trials: 2 × errors, with Wilson's interval.

    A lapse is wrong half the time, so the share of errors is half the lapse rate. Ends at 1; NaN for n = 0.
    """
    low, high = intervals.wilson(np.array([wrong]), np.array([n]))
    value = 2 * wrong / n if n else np.nan
    return min(value, 1.0) if n else value, min(2 * float(low[0]), 1.0), min(2 * float(high[0]), 1.0)


def without_lapses(hits: int, on_top: int, false: int, on_bottom: int, wrong: int, catch: int) -> tuple[float, float]:
    """d′ of the answers that were not lapses, and its standard error, from the counts of main and of catch trials.

    Lapses pull both rates towards ½: H = λ/2 + (1 − λ)H*, so H* = (H − λ/2)/(1 − λ) with λ from the catch trials
    (log-linear correction there too). Delta method over H, F and λ. NaN if a rate is impossible given λ.
    Source: Wichmann & Hill (2001), Percept. Psychophys. 63, for why lapses bias the slope if ignored.
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
    """Answers top by side of the maximal query, per participant: columns top_hits, on_top, top_false, on_bottom."""
    top, upper = trials["choice"] == "top", trials["max_side"] == "top"
    table = pd.DataFrame(dict(zip(COUNTS, (top & upper, upper, top & ~upper, ~upper), strict=True)))
    return table.groupby(trials["participant"], sort=True).sum()


def _sensitivity(where: dict[str, Any], trials: pd.DataFrame) -> list[dict[str, Any]]:
    table = counts(trials)
    rows: list[dict[str, Any]] = []
    n = cells.size(trials)
    pooled = d_prime(*(table[[name]].sum().to_numpy() for name in COUNTS))
    each = d_prime(*(table[name].to_numpy() for name in COUNTS))
    for k, measure in enumerate(("d_prime", "criterion")):
        value, error = float(pooled[k][0]), float(pooled[k + 2][0])
        rows.append(cells.row(where, measure, value, cells.normal(value, error), n))
        mean, interval = cells.over_participants(each[k])
        rows.append(cells.row(where, measure, mean, interval, n, "participants"))
        for name, value, error, size in zip(
            table.index, each[k], each[k + 2], table["on_top"] + table["on_bottom"], strict=True
        ):
            interval = cells.normal(float(value), float(error))
            rows.append(
                cells.row(where, measure, float(value), interval, (int(size), 1), "pooled", "participant", name)
            )
    chosen, answers = table["top_hits"] + table["top_false"], table["on_top"] + table["on_bottom"]
    low, high = intervals.wilson(np.array([chosen.sum()]), np.array([answers.sum()]))
    share = float(chosen.sum() / answers.sum())
    rows.append(cells.row(where, "chose_top", share, ("wilson", float(low[0]), float(high[0])), n))
    mean, interval = cells.over_participants((chosen / answers).to_numpy())
    rows.append(cells.row(where, "chose_top", mean, interval, n, "participants"))
    return rows


RATINGS = 3
CALIBRATION_RESAMPLES = 2000


def calibration_estimates(responses: pd.DataFrame, seed: int, resamples: int = CALIBRATION_RESAMPLES) -> pd.DataFrame:
    """The type-2 ROC of each condition's main trials and the area below it: rows of ESTIMATES.

    `type2_hit` and `type2_false_alarm` with by = confidence, group = rating k: the shares of right and of wrong answers
    rated k or above, the points of the curve. `type2_auc`: area, pooled over trials (percentile interval, participants
    drawn with replacement) and mean over participants (t). ½ means that confidence carries no information. NaN with n
    if every answer is right, or wrong.

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
        rng = np.random.default_rng([seed, len(table)])
        rows.append(cells.row(where, "type2_auc", float(area(total)), _bootstrap(table, rng, resamples), n))
        mean, interval = cells.over_participants(area(table))
        defined = int(np.isfinite(area(table)).sum())
        rows.append(cells.row(where, "type2_auc", mean, interval, (n[0], defined), "participants"))
    return tables.ESTIMATES.frame(rows)


def rating_counts(trials: pd.DataFrame) -> Array:
    """Answers by participant, wrong (0) or right (1), and rating: (participants, 2, RATINGS)."""
    person, names = pd.factorize(trials["participant"], sort=True)
    cell = (person * 2 + trials["correct"].to_numpy(dtype=int)) * RATINGS + trials["confidence"].to_numpy() - 1
    return np.bincount(cell, minlength=len(names) * 2 * RATINGS).reshape(len(names), 2, RATINGS).astype(float)


def area(table: Array) -> Array:
    """Area below the type-2 ROC of counts (…, 2, ratings) by trapezoids: P(right rated higher) + ½ P(same) → (…)."""
    wrong, right = table[..., 0, :], table[..., 1, :]
    below = np.cumsum(wrong, axis=-1) - wrong
    won = (right * (below + wrong / 2)).sum(axis=-1)
    pairs = right.sum(axis=-1) * wrong.sum(axis=-1)
    return np.divide(won, pairs, out=np.full(np.shape(pairs), np.nan), where=pairs > 0)


def _bootstrap(table: Array, rng: np.random.Generator, resamples: int) -> tuple[str, float, float]:
    n = len(table)
    if n < 2:
        return "percentile", np.nan, np.nan
    weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    drawn = area((weights @ table.reshape(n, -1)).reshape(resamples, 2, RATINGS))
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return "percentile", float(low), float(high)
