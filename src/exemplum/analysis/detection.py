"""Signal detection: how well observers tell the queries apart (d′), which side they lean to, how often they lapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import norm

from exemplum import tables
from exemplum.analysis import intervals, tidy

Array = np.ndarray
COUNTS = ["top_hits", "on_top", "top_false", "on_bottom"]


def estimates(responses: pd.DataFrame) -> pd.DataFrame:
    """d′, criterion, share of answers `top`, and lapse rate by condition: rows of ESTIMATES.

    `d_prime` and `criterion` of main trials: pooled over trials (interval normal, trials as independent), each
    participant by itself (by = participant), and the mean over participants (interval t). Negative d′ is meant: where
    the most extreme images mislead, observers without references answer below chance. `chose_top` is the share of
    answers top (Wilson; t over participants). With catch trials also `lapse`, see `lapse_rate`, and pooled
    `d_prime_no_lapse`, see `without_lapses`. NaN with n where there are no trials of a side.
    """
    rows = []
    for where, trials in tidy.by_condition(responses):
        rows += _sensitivity(where, trials)
    for where, trials in tidy.by_condition(responses, "catch"):
        wrong, n = int((~trials["correct"]).sum()), len(trials)
        value, low, high = lapse_rate(wrong, n)
        rows.append(tidy.row(where, "lapse", value, ("wilson", low, high), tidy.size(trials)))
        main = _same(responses, where)
        if len(main):
            total = counts(main).sum()
            hits, on_top, false, on_bottom = (int(total[name]) for name in COUNTS)
            value, error = without_lapses(hits, on_top, false, on_bottom, wrong, n)
            rows.append(
                tidy.row(where | {"trial_kind": "main"}, "d_prime_no_lapse", value, tidy.normal(value, error),
                         tidy.size(main))
            )  # fmt: skip
    return tables.ESTIMATES.frame(rows)


def d_prime(hits: Array, on_top: Array, false: Array, on_bottom: Array) -> tuple[Array, Array, Array, Array]:
    """d′ and criterion of two-alternative forced choice, with their standard errors: each of the counts' shape.

    `hits`: answers top of `on_top` trials with the maximal query on top; `false`: answers top of `on_bottom` trials
    with it at the bottom. With H = (hits + ½)/(on_top + 1), F likewise (log-linear correction, Hautus 1995, Behav. Res.
    Meth. 27): d′ = (z(H) − z(F))/√2, c = −(z(H) + z(F))/2; c below 0 leans to the top (Macmillan & Creelman 2005,
    Detection Theory, ch. 7). Standard errors by the delta method (Gourevitch & Galanter 1967, Psychometrika 32). NaN
    where either side had no trials.
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
    (log-linear correction there too). Delta method over H, F and λ. NaN where a rate is beyond what λ leaves room for.
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
    for key in tidy.KEYS:
        chosen &= responses[key] == where[key]
    return responses[chosen]


def counts(trials: pd.DataFrame) -> pd.DataFrame:
    """Answers top by side of the maximal query, a row a participant: columns top_hits, on_top, top_false, on_bottom."""
    top, upper = trials["choice"] == "top", trials["max_side"] == "top"
    table = pd.DataFrame(dict(zip(COUNTS, (top & upper, upper, top & ~upper, ~upper), strict=True)))
    return table.groupby(trials["participant"], sort=True).sum()


def _sensitivity(where: dict[str, Any], trials: pd.DataFrame) -> list[dict[str, Any]]:
    table = counts(trials)
    rows: list[dict[str, Any]] = []
    n = tidy.size(trials)
    pooled = d_prime(*(table[[name]].sum().to_numpy() for name in COUNTS))
    each = d_prime(*(table[name].to_numpy() for name in COUNTS))
    for k, measure in enumerate(("d_prime", "criterion")):
        value, error = float(pooled[k][0]), float(pooled[k + 2][0])
        rows.append(tidy.row(where, measure, value, tidy.normal(value, error), n))
        mean, interval = tidy.over_participants(each[k])
        rows.append(tidy.row(where, measure, mean, interval, n, "participants"))
        for name, value, error, size in zip(
            table.index, each[k], each[k + 2], table["on_top"] + table["on_bottom"], strict=True
        ):
            interval = tidy.normal(float(value), float(error))
            rows.append(tidy.row(where, measure, float(value), interval, (int(size), 1), "pooled", "participant", name))
    chosen, answers = table["top_hits"] + table["top_false"], table["on_top"] + table["on_bottom"]
    low, high = intervals.wilson(np.array([chosen.sum()]), np.array([answers.sum()]))
    share = float(chosen.sum() / answers.sum())
    rows.append(tidy.row(where, "chose_top", share, ("wilson", float(low[0]), float(high[0])), n))
    mean, interval = tidy.over_participants((chosen / answers).to_numpy())
    rows.append(tidy.row(where, "chose_top", mean, interval, n, "participants"))
    return rows
