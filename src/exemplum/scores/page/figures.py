"""The page's figures: curves by difficulty, distributions by layer, and one unit's score against another."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exemplum import pages
from exemplum.records import easiest_first
from exemplum.scores.page import drawings
from exemplum.scores.page.drawings import Curve, Frame, Spread
from exemplum.scores.page.labels import label
from exemplum.scores.page.ranked import View, unit_scores
from exemplum.scores.page.thumbnails import Pictures
from exemplum.scores.populations import NULLS
from exemplum.scores.summary import WHOLE

MOST_LAYERS = 60  # of a figure; the tables have all
MOST_COLUMNS = 4  # difficulties side by side
MOST_SCATTERS = 4
MOST_POINTS = 5000  # of a scatter: a sample of the units if there are more
CHANCE = 0.5


@dataclass(frozen=True)
class CurvePanel:
    """Accuracy over all layers by difficulty, of one observer."""

    observer: str
    frame: Frame
    curves: list[Curve]
    ticks: list[tuple[float, str]]  # px and text
    names: list[tuple[float, str]]
    chance: float
    alt: str


def curve_panels(summaries: pd.DataFrame, references: int, difficulties: Sequence[str]) -> list[CurvePanel]:
    """One panel per observer, all on the same axes."""
    own = summaries[(summaries["layer"] == WHOLE) & (summaries["references"] == references)]
    least = own[["accuracy", "low"]].min().min()
    low = min(0.4, math.floor(10 * least) / 10) if math.isfinite(least) else 0.4
    frame = Frame(400, 270, (-0.4, max(len(difficulties) - 0.6, 0.4)), (low, 1.0))
    found = []
    for observer, rows in own.groupby("observer", sort=False):
        drawn = drawings.curves(rows, difficulties, frame, 5.0 if len(difficulties) < 4 else 3.0)
        said = [
            f"{null or method} {', '.join(pages.percent(value) for value in of['accuracy'])}"
            for (method, null), of in rows.groupby(["method", "null"], sort=False)
        ]
        found.append(CurvePanel(
            str(observer), frame, drawn,
            [(frame.at_y(tick), f"{100 * tick:.0f} %") for tick in drawings.ticks(low, 1, 0.1 if low >= 0.4 else 0.2)],
            [(frame.at_x(place), name) for place, name in enumerate(difficulties)], frame.at_y(CHANCE),
            f"Accuracy of {observer} at {', '.join(difficulties)}: {'; '.join(said)}.",
        ))  # fmt: skip
    return found


@dataclass(frozen=True)
class LayerCell:
    """The distribution of the accuracies of a layer's units at one difficulty, above those of its nulls."""

    histogram: str
    mean: float  # percent of the width
    spreads: list[Spread]
    accuracy: str
    interval: str
    alt: str


@dataclass(frozen=True)
class LayerRow:
    layer: str
    units: int
    cells: list[LayerCell | None]  # None: no unit with tasks


@dataclass(frozen=True)
class LayerGrid:
    columns: list[str]
    rows: list[LayerRow]
    left_out: int
    low: float  # accuracy at the left end
    chance: float  # percent of the width


def layers(scores: pd.DataFrame, summaries: pd.DataFrame, view: View) -> LayerGrid:
    """A row per layer and a column per difficulty, the easiest to the hardest; at most MOST_COLUMNS of these."""
    of_view = view.rows(scores[scores["n_tasks"] > 0], null=None)
    means = view.rows(summaries).set_index(["layer", "difficulty"])
    columns = _some(easiest_first(of_view["difficulty"].unique()))
    names = list(map(str, of_view["layer"].unique()))
    parts = dict(list(of_view.groupby(["layer", "difficulty"], sort=False)))
    low = _lowest(of_view)
    rows = [
        LayerRow(
            name, int(of_view.loc[(of_view["layer"] == name) & (of_view["null"] == ""), "unit"].nunique()),
            [_layer_cell(name, level, parts.get((name, level)), means, low) for level in columns],
        )
        for name in names[:MOST_LAYERS]
    ]  # fmt: skip
    return LayerGrid(columns, rows, max(0, len(names) - MOST_LAYERS), low, drawings.across(CHANCE, low))


def _lowest(rows: pd.DataFrame) -> float:
    """The left end of the distributions: a tenth that nothing drawn lies below, at most 0.4."""
    own = rows.loc[rows["null"] == "", "accuracy"].min()
    nulls = rows[rows["null"] != ""].groupby(["layer", "difficulty", "null"])["accuracy"].quantile(0.05).min()
    least = min(value for value in (own, nulls, 0.4) if math.isfinite(value))
    return math.floor(10 * least + 1e-9) / 10


def _some(difficulties: Sequence[str]) -> list[str]:
    """At most MOST_COLUMNS of them, evenly spaced, with the first and the last."""
    places = np.linspace(0, len(difficulties) - 1, min(len(difficulties), MOST_COLUMNS)).round().astype(int)
    return [difficulties[place] for place in dict.fromkeys(places.tolist())]


def _layer_cell(
    layer: str, difficulty: str, rows: pd.DataFrame | None, means: pd.DataFrame, low: float
) -> LayerCell | None:
    own = None if rows is None else rows.loc[rows["null"] == "", "accuracy"].to_numpy()
    if rows is None or own is None or not len(own):
        return None
    spreads = [
        drawings.spread(null, of.to_numpy(), low)
        for null in NULLS if len(of := rows.loc[rows["null"] == null, "accuracy"])
    ]  # fmt: skip
    mean = means.loc[(layer, difficulty)]
    accuracy, interval = pages.percent(mean["accuracy"]), pages.interval(mean["low"], mean["high"])
    nulls = [
        f"{null} {pages.percent(rows.loc[rows['null'] == null, 'accuracy'].mean())}"
        for null in NULLS
        if (rows["null"] == null).any()
    ]
    quartiles = " and ".join(pages.percent(end) for end in np.quantile(own, [0.25, 0.75]))
    said = [f"mean {accuracy}", f"quartiles {quartiles}"]
    alt = f"{layer} at {difficulty}: {', '.join([*said, *nulls])}"
    return LayerCell(
        drawings.histogram(own, low), drawings.across(float(own.mean()), low), spreads, accuracy,
        "" if interval == pages.UNDEFINED else interval, alt,
    )  # fmt: skip


@dataclass(frozen=True)
class Scatter:
    """Mean scores of units by one view against those by another."""

    name: str
    x: str
    y: str
    units: list[str]
    frame: Frame
    places: np.ndarray  # px, (units, 2)
    values: np.ndarray  # (units, 2)
    layers: list[tuple[str, str]]  # with their colours
    paths: list[tuple[str, str]]  # colour and dots
    ticks: tuple[list[tuple[float, str]], list[tuple[float, str]]]  # px along x and along y, and text
    diagonal: str  # path
    said: str
    sampled: int  # units of which these are a sample; 0 if they are all


def scatters(scores: pd.DataFrame, view: View, rivals: Sequence[View]) -> list[Scatter]:
    """The view against each of its rivals that has scored at least two of its units, at most MOST_SCATTERS."""
    own = unit_scores(scores, view)
    found: list[Scatter] = []
    layer = scores.drop_duplicates("unit").set_index("unit")["layer"].astype(str)
    for rival in rivals:
        both = pd.concat([own, unit_scores(scores, rival)], axis=1, join="inner", keys=["x", "y"])
        if len(both) >= 2 and len(found) < MOST_SCATTERS:
            same = rival.observer == view.observer
            names = (view.method, rival.method) if same else (view.observer, rival.observer)
            found.append(_scatter(f"scatter{len(found)}", both, layer, *names))
    return found


def _scatter(name: str, both: pd.DataFrame, layer: pd.Series, x: str, y: str) -> Scatter:
    total, rho = len(both), float(both["x"].rank().corr(both["y"].rank()))
    if total > MOST_POINTS:
        both = both.sample(MOST_POINTS, random_state=0).sort_index()
    values = both[["x", "y"]].to_numpy()
    lows, highs = np.floor(20 * values.min(0)) / 20, np.ceil(20 * values.max(0)) / 20
    highs = np.maximum(highs, lows + 0.05)
    frame = Frame(440, 440, (lows[0], highs[0]), (lows[1], highs[1]), left=60, bottom=52)
    places = np.array([[frame.at_x(a), frame.at_y(b)] for a, b in values.tolist()])
    names = list(dict.fromkeys(layer[layer.index.isin(both.index)]))
    colours = dict(zip(names, drawings.depth_colours(len(names)), strict=True))
    paths = list(_dots(places, layer.reindex(both.index).map(colours).to_numpy()))
    ticks = (
        [(frame.at_x(tick), f"{tick:.2g}") for tick in _ticks(*frame.x)],
        [(frame.at_y(tick), f"{tick:.2g}") for tick in _ticks(*frame.y)],
    )
    ends = [(frame.at_x(end), frame.at_y(end)) for end in (lows.max(), highs.min())]
    diagonal = drawings.path(ends) if lows.max() < highs.min() else ""
    said = f"Spearman's correlation {pages.number(rho)}{_fisher(rho, total)} over {total:,} units"
    return Scatter(
        name, x, y, [str(unit) for unit in both.index], frame, places, values,
        list(colours.items()), paths, ticks, diagonal, said,
        total if total > len(both) else 0,
    )  # fmt: skip


LAYERED = 6  # parts that a scatter is drawn in, so that no layer hides the others


def _dots(places: np.ndarray, colours: np.ndarray) -> Iterator[tuple[str, str]]:
    part = np.random.default_rng(0).permutation(len(places)) % LAYERED
    for number in range(LAYERED):
        for colour in dict.fromkeys(colours.tolist()):
            own = places[(part == number) & (colours == colour)]
            if len(own):
                yield colour, drawings.dots(*own.T)


def _ticks(low: float, high: float) -> list[float]:
    return drawings.ticks(low, high, 0.1 if high - low > 0.25 else 0.05)


def _fisher(rho: float, count: int) -> str:
    """The 95 % interval of a rank correlation over units, by Fisher's z (Bonett & Wright 2000), in brackets."""
    if count < 5 or not abs(rho) < 1:
        return ""
    half = 1.959964 * math.sqrt((1 + rho**2 / 2) / (count - 3))
    ends = (math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half))
    return f" ({pages.interval(*ends, share=False, digits=2)})"


def data(scatters: Sequence[Scatter], images: Pictures) -> str:
    """What the script needs to show a unit beside its point, as JSON that is safe within a page."""
    units = list(dict.fromkeys(name for one in scatters for name in one.units))
    place = {name: number for number, name in enumerate(units)}
    held = {
        "units": units,
        "pictures": [images.small.get(name, ([], [])) for name in units],
        "across": images.across,
        "side": images.side,
        "scatters": [
            {
                "name": one.name, "x": label(one.x), "y": label(one.y), "unit": [place[name] for name in one.units],
                "at": list(_pairs(one.places)), "value": list(_pairs(one.values)),
            }
            for one in scatters
        ],
    }  # fmt: skip
    return json.dumps(held, separators=(",", ":")).replace("<", "\\u003c")


def _pairs(values: np.ndarray) -> Iterator[list[float]]:
    yield from ([round(number, 3) for number in pair] for pair in values.tolist())
