"""Shapes of the page's figures: paths in the coordinates of an SVG, whose labels and colours the template adds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

BINS = 20  # of the distribution of accuracy: as many as tasks by default, each around a multiple of 1/20
HEIGHT = 26.0  # of a distribution, in px
RAMP = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (181, 222, 43))  # viridis, without its yellow end


@dataclass(frozen=True)
class Spread:
    """Where the middle 50 and 90 % of the units of a null lie, and their mean; in percent of the width."""

    null: str
    ends: tuple[float, float]  # 5th and 95th percentile
    middle: tuple[float, float]  # quartiles
    mean: float


def histogram(accuracies: np.ndarray, low: float = 0.0) -> str:
    """A path over 0 … 100 × 0 … HEIGHT: the share of units in each bin, the largest of them at full height.

    From `low` on, a multiple of 1 / BINS.

    >>> histogram(np.array([1.0, 1.0, 0.5]))[-19:]
    'V26H95.24V0H100V26Z'
    """
    bins = np.clip(np.floor(np.asarray(accuracies) * BINS + 0.5), 0, BINS).astype(int)
    counts = np.bincount(bins, minlength=BINS + 1)[round(low * BINS) :]
    tops = HEIGHT * (1 - counts / max(counts.max(), 1))
    edges = 100 * np.arange(len(counts) + 1) / len(counts)
    steps = "".join(f"V{top:.4g}H{edge:.4g}" for top, edge in zip(tops, edges[1:], strict=True))
    return f"M0 {HEIGHT:g}{steps}V{HEIGHT:g}Z"


def across(share: float, low: float = 0.0) -> float:
    """Where an accuracy is in a distribution, in percent of its width: bins are as wide at the ends as elsewhere."""
    return round(100 * (share - low + 0.5 / BINS) / (1 - low + 1 / BINS), 2)


def spread(null: str, accuracies: np.ndarray, low: float = 0.0) -> Spread:
    ends = [across(float(end), low) for end in np.quantile(accuracies, [0.05, 0.25, 0.75, 0.95])]
    return Spread(null, (ends[0], ends[3]), (ends[1], ends[2]), across(float(np.mean(accuracies)), low))


@dataclass(frozen=True)
class Frame:
    """The axes of a figure: from its coordinates to px."""

    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 46
    right: float = 14
    top: float = 12
    bottom: float = 44

    def at_x(self, value: float) -> float:
        share = (value - self.x[0]) / (self.x[1] - self.x[0])
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def at_y(self, value: float) -> float:
        share = (value - self.y[0]) / (self.y[1] - self.y[0])
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)


def ticks(low: float, high: float, step: float) -> list[float]:
    """Multiples of `step` from `low` to `high`.

    >>> ticks(0.37, 1.0, 0.2)
    [0.4, 0.6, 0.8, 1.0]
    """
    return [round(k * step, 6) for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Curve:
    """A method or a null by difficulty: points with intervals, joined."""

    method: str
    null: str
    line: str  # path
    points: list[tuple[float, float]]
    bars: str  # path of the intervals


def curves(summaries: pd.DataFrame, difficulties: Sequence[str], frame: Frame, dodge: float = 5.0) -> list[Curve]:
    """One per method and null of SCORE_SUMMARIES of one observer and number of references, slightly side by side."""
    groups = list(summaries.groupby(["method", "null"], sort=False))
    found = []
    for number, ((method, null), rows) in enumerate(groups):
        shift = dodge * (number - (len(groups) - 1) / 2)
        own = rows.set_index("difficulty").reindex(difficulties)
        points, bars = [], []
        for place, row in enumerate(own.itertuples()):
            if not math.isfinite(row.accuracy):
                continue
            x = round(frame.at_x(place) + shift, 1)
            points.append((x, frame.at_y(row.accuracy)))
            if math.isfinite(row.low):
                bars.append(f"M{x:g} {frame.at_y(row.low):g}V{frame.at_y(row.high):g}")
        found.append(Curve(str(method), str(null), path(points), points, "".join(bars)))
    return found


def path(points: Iterable[tuple[float, float]]) -> str:
    """A line through points.

    >>> path([(0, 1), (2, 3)])
    'M0 1L2 3'
    """
    return "L".join(f"{x:g} {y:g}" for x, y in points).join(("M", "")) if points else ""


def dots(x: np.ndarray, y: np.ndarray) -> str:
    """A path of lines without length, one per point: with round ends they are dots, in a tenth of the text."""
    return "".join(f"M{a:g} {b:g}h0" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def depth_colours(count: int) -> list[str]:
    """A colour per layer, from dark for the first to light for the last; ordered also without colour vision.

    >>> depth_colours(2)
    ['#440154', '#b5de2b']
    """
    found = []
    for number in range(count):
        place = (len(RAMP) - 1) * number / max(count - 1, 1)
        at = min(int(place), len(RAMP) - 2)
        mixed = (round(a + (place - at) * (b - a)) for a, b in zip(RAMP[at], RAMP[at + 1], strict=True))
        found.append("#" + "".join(f"{channel:02x}" for channel in mixed))
    return found
