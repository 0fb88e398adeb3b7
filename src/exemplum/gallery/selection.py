"""Which images of the corpus the gallery shows, and for which unit: exemplars, and one image per percentile.

An image is in the gallery once, by a number, however many units show it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exemplum.index import ActivationIndex, ties
from exemplum.records import Pole

POLES = (Pole.MAX, Pole.MIN)
MOST_IMAGES = 20_000  # different exemplars; units show fewer where they have more
PER_POLE = ((9, 9), (9, 4), (4, 4), (4, 1), (1, 1), (1, 0))  # max, min: the first that MOST_IMAGES allows
IN_GRID = 4  # images of a unit in the grid
PERCENTILES = 101  # 0, 1, … 100
BINS = 60  # of the distribution of a unit's activations, from its lowest to its highest
POOL = 4096  # images of the index's sample that percentiles are taken from, and that say how frequent a label is
NO_IMAGE = -1
BOX = ("top", "left", "bottom", "right")


@dataclass(frozen=True)
class Selection:
    """The gallery's images, and where each unit shows them."""

    rows: np.ndarray  # int64 (images,): row in the corpus of each; those of the grid come first
    exemplars: np.ndarray  # int32 (units, 2, most per pole): numbers of images, poles max and min; NO_IMAGE for none
    activations: np.ndarray  # float32, of these
    boxes: np.ndarray  # int16 (units, 2, most per pole, 4): top, left, bottom, right, as in EXTREMES
    ladder: np.ndarray  # int32 (units, 101): the image at each percentile of the unit's activation
    ladder_activations: np.ndarray  # float32, of these
    along: np.ndarray  # int32 (units, BINS): an image of each bin of the distribution; NO_IMAGE for an empty one
    along_activations: np.ndarray  # float32, of these
    of_grid: int  # so many images, the first ones, are all that the grid needs

    def numbers(self) -> dict[int, int]:
        """Row in the corpus → number in the gallery."""
        return {row: number for number, row in enumerate(self.rows.tolist())}


def select(index: ActivationIndex, extra: Iterable[int] = ()) -> Selection:
    """The images of all units of an index; `extra` are rows of the corpus that the gallery shows besides."""
    shown = _responding(index, index.extremes[index.extremes["rank"] < max(PER_POLE[0])])
    per_pole = next((counts for counts in PER_POLE if _different(shown, counts) <= MOST_IMAGES), PER_POLE[-1])
    rows, activations, boxes = _exemplars(index, shown, per_pole)
    (ladder, ladder_activations), (along, along_activations) = _placed(index, rows.reshape(len(rows), -1))
    first = np.unique(rows[:, 0, :IN_GRID])
    grid = first[first >= 0]
    others = np.setdiff1d(np.unique(rows[rows >= 0]), grid)
    placed = np.concatenate([ladder.ravel(), along.ravel(), np.fromiter(extra, np.int64)])
    rest = np.setdiff1d(placed[placed >= 0], np.union1d(grid, others))
    order = np.concatenate([grid, others, rest]).astype(np.int64)
    return Selection(
        order, _numbered(rows, order), activations, boxes, _numbered(ladder, order), ladder_activations,
        _numbered(along, order), along_activations, len(grid),
    )  # fmt: skip


def _responding(index: ActivationIndex, extremes: pd.DataFrame) -> pd.DataFrame:
    """EXTREMES without images that are said to activate a unit most but do so no more than the least activating one.

    A feature that is zero for all but two images has two exemplars of the pole max, not any seven others.
    """
    low = dict(zip(index.units["unit"], index.units["low"].astype(np.float32), strict=True))
    lowest = extremes["unit"].astype("str").map(low).to_numpy(np.float32)
    return extremes[(extremes["pole"] != str(Pole.MAX)) | (extremes["activation"] > lowest)]


def highest(index: ActivationIndex, top: int) -> pd.DataFrame:
    """EXTREMES of each unit's `top` highest images, as far as it responds to them, with its `place` in the index."""
    extremes = index.extremes
    table = _responding(index, extremes[(extremes["pole"] == str(Pole.MAX)) & (extremes["rank"] < top)])
    return table.assign(place=_places(index, table["unit"]))


def _places(index: ActivationIndex, units: pd.Series) -> np.ndarray:
    """The place of each of these units in the index."""
    place = {name: number for number, name in enumerate(index.units["unit"])}
    return units.astype("str").map(place).to_numpy(np.int64)


def _different(extremes: pd.DataFrame, counts: tuple[int, int]) -> int:
    """How many different images are among so many per pole."""
    kept = [
        extremes.loc[(extremes["pole"] == str(pole)) & (extremes["rank"] < count), "row"]
        for pole, count in zip(POLES, counts, strict=True)
    ]
    return int(pd.concat(kept).nunique())


def _exemplars(
    index: ActivationIndex, table: pd.DataFrame, per_pole: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, activations and boxes of the most extreme images of every unit, in the order of `index.units`."""
    shape = (len(index.units), len(POLES), max(per_pole))
    rows, activations = np.full(shape, NO_IMAGE, np.int64), np.full(shape, np.nan, np.float32)
    boxes = np.zeros((*shape, len(BOX)), np.int16)
    for pole, (name, count) in enumerate(zip(POLES, per_pole, strict=True)):
        of = table[(table["pole"] == str(name)) & (table["rank"] < count)]
        at = _places(index, of["unit"]), pole, of["rank"].to_numpy()
        rows[at], activations[at] = of["row"], of["activation"]
        boxes[at] = of[list(BOX)].to_numpy()
    return rows, activations, boxes


Placed = tuple[np.ndarray, np.ndarray]  # rows and activations, (units, places)


def _placed(index: ActivationIndex, exemplars: np.ndarray) -> tuple[Placed, Placed]:
    """The image nearest to each percentile of each unit, and one in each bin.

    They are of at most POOL images of the index's sample, and of the unit's `exemplars`, which are shown in any case:
    at the ends are its extremes.
    """
    units, sample, of_pool = len(index.units), index.sample, pool(index)
    found = [
        (np.full((units, places), NO_IMAGE, np.int64), np.full((units, places), np.nan, np.float32))
        for places in (PERCENTILES, BINS)
    ]
    if not len(sample):
        return found[0], found[1]
    wanted = len(sample) - 1 - np.rint((len(sample) - 1) * np.arange(PERCENTILES) / 100).astype(int)
    ends, sampled = index.units[["low", "high"]].to_numpy(), np.asarray(sample.rows)
    for unit, name in enumerate(index.units["unit"]):
        values = sample.values(unit)
        order = sample.order(values, ties.offset(name))
        is_candidate = np.isin(sampled, exemplars[unit])
        is_candidate[of_pool] = True
        ranks = np.flatnonzero(is_candidate[order])  # of the candidates among all images, the highest first
        rows, values = sampled[order[ranks]], values[order[ranks]]
        places = _nearest(ranks, wanted), _in_bins(values, *ends[unit])
        for (shown, activations), at in zip(found, places, strict=True):
            shown[unit] = np.where(at >= 0, rows[at], NO_IMAGE)
            activations[unit] = np.where(at >= 0, values[at], np.nan)
    return found[0], found[1]


def _nearest(ascending: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The place of the number that is nearest to each wanted one.

    >>> _nearest(np.array([0, 3, 10]), np.array([0, 2, 6, 9, 12]))
    array([0, 1, 1, 2, 2])
    """
    after = np.searchsorted(ascending, wanted).clip(0, len(ascending) - 1)
    before = (after - 1).clip(0)
    return np.where(wanted - ascending[before] <= np.abs(ascending[after] - wanted), before, after)


def _in_bins(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Of each bin from `low` to `high` the value nearest to its centre, by its place among falling values; -1 for none.

    >>> _in_bins(np.array([60.0, 30.6, 30.5, 0.2]), 0.0, 60.0)[[0, 1, 30, 59]]
    array([ 3, -1,  2,  0])
    """
    if not high > low:
        return np.full(BINS, -1)
    width = (high - low) / BINS
    centres = low + width * (np.arange(BINS) + 0.5)
    after = np.searchsorted(-values, -centres)  # the first value that is not above the centre
    near = np.stack([after.clip(0, len(values) - 1), (after - 1).clip(0, len(values) - 1)])
    gaps = np.abs(values[near] - centres)
    nearest = near[gaps.argmin(0), np.arange(BINS)]
    return np.where(gaps.min(0) <= width / 2 * (1 + 1e-6), nearest, -1)


def pool(index: ActivationIndex) -> np.ndarray:
    """Places in the sample, ascending and evenly spaced: at most POOL of them."""
    count = len(index.sample)
    return np.arange(count) if count <= POOL else np.linspace(0, count - 1, POOL).astype(int)


def _numbered(rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The place of each row in `order`; NO_IMAGE stays."""
    by_row = np.argsort(order)
    place = by_row[np.searchsorted(order, rows, sorter=by_row).clip(0, max(len(order) - 1, 0))]
    return np.where(rows >= 0, place, NO_IMAGE).astype(np.int32)
