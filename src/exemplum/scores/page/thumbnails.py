"""Pictures of units for the page: the most extreme images of the corpus, as the network sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from exemplum import pages
from exemplum.index import ActivationIndex
from exemplum.records import Pole
from exemplum.runtime import track

LARGE, SMALL = 112, 44  # px: in the lists, and beside a point
PER_POLE = 4  # images of a unit in a list
BESIDE = ((2, 2), (1, 1), (1, 0))  # images of the poles max and min beside a point: the first that the limit allows
MOST_SMALL = 2000  # different images beside points: about 2 MB
ACROSS = 50  # images side by side on the sheet


@dataclass(frozen=True)
class Pictures:
    """Pictures by unit and pole."""

    large: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # data URIs
    small: dict[str, tuple[list[int], list[int]]] = field(default_factory=dict)  # places on the sheet: max, min
    sheet: str = ""  # data URI of all small ones
    across: int = ACROSS
    side: int = SMALL
    down: int = 0


def pictures(index: ActivationIndex | None, listed: Sequence[str], points: Sequence[str]) -> Pictures:
    """Large pictures of the units in lists, and small ones of those that are points, as many as the page bears.

    Without an index that has its images there are none. Each image of the corpus is decoded once, and is once on the
    sheet, however many units it activates.
    """
    if index is None or index.corpus is None or index.model is None:
        return Pictures()
    shown = {(unit, str(pole)): _rows(index, unit, pole, PER_POLE) for unit in dict.fromkeys(listed) for pole in Pole}
    beside, places = _beside(index, points)
    large: dict[int, str] = {}
    tiles = np.full((-(-len(places) // ACROSS) * SMALL, ACROSS * SMALL, 3), 255, np.uint8)
    wanted = {row for rows in shown.values() for row in rows}
    with track("pictures of the page", len(wanted | places.keys()), "images") as advance:
        for row in sorted(wanted | places.keys()):
            picture = Image.fromarray(index.model.crop(index.corpus.decode(row)))
            if row in places:
                down, right = (SMALL * at for at in divmod(places[row], ACROSS))
                tiles[down : down + SMALL, right : right + SMALL] = _fitted(picture)
            if row in wanted:
                large[row] = pages.embedded(picture, LARGE)
            advance(1)
    return Pictures(
        {key: [large[row] for row in rows] for key, rows in shown.items()},
        {unit: tuple([places[row] for row in rows] for rows in both) for unit, both in beside.items()},  # type: ignore[misc]
        pages.packed(Image.fromarray(tiles), quality=70) if places else "",
        down=len(tiles) // SMALL,
    )  # fmt: skip


def _rows(index: ActivationIndex, unit: str, pole: Pole, count: int) -> list[int]:
    return [int(row) for row in index.extreme(unit, pole)[0][:count]]


def _beside(
    index: ActivationIndex, units: Iterable[str]
) -> tuple[dict[str, tuple[list[int], list[int]]], dict[int, int]]:
    """The images beside each point, and the place of each of them on the sheet; none if they are too many."""
    units = list(dict.fromkeys(units))
    for high, low in BESIDE:
        found = {unit: (_rows(index, unit, Pole.MAX, high), _rows(index, unit, Pole.MIN, low)) for unit in units}
        rows = {row for both in found.values() for of_pole in both for row in of_pole}
        if len(rows) <= MOST_SMALL:
            return found, {row: place for place, row in enumerate(sorted(rows))}
    return {}, {}


def _fitted(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.resize((SMALL, SMALL), Image.Resampling.LANCZOS).convert("RGB"))
