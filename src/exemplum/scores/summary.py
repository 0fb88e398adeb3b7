"""Summaries of scores over units: of layers and of the network, against their nulls and between methods.

Units vary, so intervals and tests are over units; a unit's tasks are not independent of each other. A machine is one
observer: nothing is repeated with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from exemplum.scores.populations import NULLS, OF_UNITS
from exemplum.tables import SCORE_DIFFERENCES, SCORE_SUMMARIES

WHOLE = ""  # the layer of rows over all layers
OF = ["method", "references", "difficulty", "observer"]
LEVEL = 0.95


def summaries(scores: pd.DataFrame) -> pd.DataFrame:
    """SCORE_SUMMARIES of SCORES: each layer, and after these all layers together."""
    scores = scores[scores["n_tasks"] > 0]
    rows = []
    for layer, of_layer in _by_layer(scores):
        parts = dict(list(of_layer.groupby([*OF, "null"], sort=False)))
        for names, own in parts.items():
            real = parts.get((*names[:-1], ""), own)
            weights = _weights(own, real)
            mean, low, high = estimate(own, real, LEVEL)
            rows.append({
                "layer": layer, **dict(zip([*OF, "null"], names, strict=True)), "units": len(own), "accuracy": mean,
                "low": low, "high": high, "score": np.average(own["score"], weights=weights),
                "evidence": np.average(own["evidence"], weights=weights),
            })  # fmt: skip
    return SCORE_SUMMARIES.frame(pd.DataFrame(rows, columns=list(SCORE_SUMMARIES.columns)))


def estimate(own: pd.DataFrame, like: pd.DataFrame, level: float) -> tuple[float, float, float]:
    """The mean accuracy of units with its interval, each layer having the weight that it has among the units of `like`.

    A null may have other numbers of units per layer than the network. Then the intervals of the layers are combined
    (Zou & Donner 2008, Statistics in Medicine 27); else the interval is that of all units.
    """
    weights = _weights(own, like)
    mean = float(np.average(own["accuracy"], weights=weights))
    if np.ptp(weights) < 1e-9 * weights.max():
        return mean, *interval(own["accuracy"].to_numpy(), own["n_tasks"].to_numpy(), level)
    below = above = 0.0
    for _, of_layer in own.assign(weight=weights / weights.sum()).groupby("layer"):
        low, high = interval(of_layer["accuracy"].to_numpy(), of_layer["n_tasks"].to_numpy(), level)
        share, middle = float(of_layer["weight"].sum()), float(of_layer["accuracy"].mean())
        below += (share * (middle - low)) ** 2
        above += (share * (high - middle)) ** 2
    return mean, mean - math.sqrt(below), mean + math.sqrt(above)


def _weights(own: pd.DataFrame, like: pd.DataFrame) -> np.ndarray:
    """A weight per unit, so that layers count as they do in `like`; layers that are not in `like` do not count."""
    wanted, there = like["layer"].value_counts(), own["layer"].value_counts()
    return own["layer"].map(wanted / there).fillna(0).to_numpy()


def interval(accuracies: np.ndarray, tasks: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Interval of the mean accuracy over units, each the mean of some tasks.

    Wilson's interval at the effective number of answers: as many independent ones as would vary as the units' mean
    does, at least one and at most all tasks per unit (Korn & Graubard 1998, Survey Methodology 24), with Student's t
    for n − 1 units. So it has a width at accuracies of 0 and 1 also. Where nearly all units are perfect and a few in a
    hundred fail it covers in 89 to 92 % instead of 95 %. NaN with fewer than two units.

    >>> [round(end, 3) for end in interval(np.array([0.9, 1.0, 0.95, 0.85]), np.full(4, 20))]
    [0.758, 0.98]
    """
    count, mean = len(accuracies), float(np.mean(accuracies)) if len(accuracies) else math.nan
    if count < 2:
        return math.nan, math.nan
    t = float(stats.t.ppf((1 + level) / 2, count - 1))
    variance = float(np.var(accuracies, ddof=1)) / count
    effective = mean * (1 - mean) / variance if variance > 0 else 0.0
    effective = min(max(effective, count), float(np.sum(tasks)))
    centre = (mean + t**2 / (2 * effective)) / (1 + t**2 / effective)
    half = t / (1 + t**2 / effective) * math.sqrt(mean * (1 - mean) / effective + t**2 / (4 * effective**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def differences(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """SCORE_DIFFERENCES of SCORES: of every method its nulls subtracted, and from the other methods the baseline."""
    scores = scores[scores["n_tasks"] > 0]
    layers = max(1, scores["layer"].nunique())
    rows = []
    for layer, of_layer in _by_layer(scores):
        count = 1 if layer == WHOLE else layers
        parts = dict(list(of_layer.groupby([*OF, "null"], sort=False)))
        for (method, k, difficulty, observer, null), own in parts.items():
            of = {"layer": layer, "method": method, "references": k, "difficulty": difficulty, "observer": observer}
            real = parts.get((method, k, difficulty, observer, ""))
            first = parts.get((baseline, k, difficulty, observer, ""))
            if null and real is not None:
                rows.append(of | {"against": null} | difference(real, own, paired=null in OF_UNITS, layers=count))
            elif not null and method != baseline and first is not None:
                rows.append(of | {"against": baseline} | difference(own, first, paired=True, layers=count))
    return SCORE_DIFFERENCES.frame(pd.DataFrame(rows, columns=list(SCORE_DIFFERENCES.columns)))


def difference(
    real: pd.DataFrame, other: pd.DataFrame, *, paired: bool, layers: int = 1
) -> dict[str, float | int | bool]:
    """The difference of mean accuracies over units with its 95 % interval, and one for `layers` comparisons together.

    Paired: the interval of the mean of a unit's differences, which lie between −1 and 1, as `interval` has it for means
    between 0 and 1. Unpaired: of the layers that both have, weighted as in `real`; the intervals of the two means,
    combined as in `estimate`. NaN with fewer than two units.
    """
    levels = LEVEL, 1 - (1 - LEVEL) / layers
    if paired:
        both = real.merge(other, on="unit", suffixes=("", "_other"))
        gaps = (both["accuracy"] - both["accuracy_other"]).to_numpy()
        (low, high), (low_all, high_all) = (_of_paired(gaps, level) for level in levels)
        count = count_other = len(gaps)
        gap = float(gaps.mean()) if count else math.nan
    else:
        real = real[real["layer"].isin(other["layer"])]
        (gap, low, high), (_, low_all, high_all) = (_of_two(real, other, level) for level in levels)
        count, count_other = len(real), len(other)
    return {
        "paired": paired, "units": count, "units_against": count_other, "difference": gap, "low": low, "high": high,
        "low_all": low_all, "high_all": high_all,
    }  # fmt: skip


def _of_paired(gaps: np.ndarray, level: float) -> tuple[float, float]:
    low, high = interval((gaps + 1) / 2, np.full(len(gaps), np.inf), level)
    return 2 * low - 1, 2 * high - 1


def _of_two(real: pd.DataFrame, other: pd.DataFrame, level: float) -> tuple[float, float, float]:
    if not len(real):
        return math.nan, math.nan, math.nan
    (mean, low, high), (mean_other, low_other, high_other) = (estimate(of, real, level) for of in (real, other))
    gap = mean - mean_other
    below, above = math.hypot(mean - low, high_other - mean_other), math.hypot(high - mean, mean_other - low_other)
    return gap, gap - below, gap + above


def _by_layer(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield from ((str(layer), own) for layer, own in scores.groupby("layer", sort=False))
    yield WHOLE, scores


def said_against_nulls(table: pd.DataFrame, method: str, observer: str, difficulty: str) -> list[str]:
    """What SCORE_DIFFERENCES say of a network and its nulls, one sentence per null.

    A layer counts as above (below) a null if the interval for all layers together is. Of several numbers of references
    the largest is told.
    """
    own = table[(table["method"] == method) & (table["observer"] == observer) & (table["difficulty"] == difficulty)]
    own = own[own["references"] == own["references"].max()]
    said = []
    for null in [name for name in NULLS if (own["against"] == name).any()]:
        rows = own[(own["against"] == null) & (own["layer"] != WHOLE)]
        above, below = rows[rows["low_all"] > 0], rows[rows["high_all"] < 0]
        rest = rows[~rows.index.isin([*above.index, *below.index])]
        parts = [f"{what} {_named(of['layer'], len(rows))}" for what, of in (
            ("above it in", above), ("below it in", below), ("not told from it in", rest)) if len(of)]  # fmt: skip
        whole = own[(own["against"] == null) & (own["layer"] == WHOLE)].iloc[0]
        gap = f"{whole['difference']:+.3f} ({whole['low']:+.3f} to {whole['high']:+.3f})"
        said.append(f"{null}: {gap} over all layers; {', '.join(parts)}")
    return said


def _named(layers: Sequence[str] | pd.Series, count: int) -> str:
    """The names of some of `count` layers."""
    names = list(layers)
    if len(names) == count > 1:
        return f"all {count} layers"
    return names[0] if len(names) == 1 else f"{len(names)} layers ({', '.join(names)})"
