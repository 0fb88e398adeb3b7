"""Harder queries: images from a window of a unit's ranking, as in Zimmermann, Klein & Brendel (NeurIPS 2023).

With B batches, the queries at percentile .95 are the B images nearest to the 95th percentile of the unit's activation
(pole max) and the B nearest to the 5th (pole min). References are the extremes as ever, all of them more extreme than
every image of every window, so the corpus must be large enough: references fill (k + 1) · B ranks of a pole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exemplum.errors import UserError
from exemplum.images import ImageRecord
from exemplum.index import ActivationIndex
from exemplum.queries import dealing
from exemplum.queries.dealing import IN_WINDOW, DealtImage, Thumbnails
from exemplum.records import Pole, Unit

Records = Callable[[int], ImageRecord]  # of a row of the corpus


@dataclass(frozen=True)
class Deal:
    """How the images of the corpus are distributed over a unit's batches."""

    exemplars: Mapping[int, list[DealtImage]]  # references per pole → extremes of every batch, queries among them
    windows: Mapping[float, list[DealtImage]]  # percentile → one query per pole and batch

    @property
    def queries(self) -> list[DealtImage]:
        """The query images of every batch, number of references and window; some may be there more than once."""
        extreme = [image for k, images in self.exemplars.items() for image in images if dealing.is_query(image, k)]
        return [*extreme, *(image for images in self.windows.values() for image in images)]


def deal(
    index: ActivationIndex, unit: Unit, references: Sequence[int], batches: int, seed: int,
    percentiles: Sequence[float], records: Records, thumbnails: Thumbnails | None = None,
) -> Deal:  # fmt: skip
    """Distribute a unit's images over at most `batches` batches: extremes (`dealing.exemplars`) and queries of windows.

    There are fewer batches if otherwise an extreme would not be more extreme than all queries of the windows. Raises
    UserError if there is not even one, with the number of images that would suffice.
    """
    if not percentiles:
        return Deal({k: dealing.exemplars(index, unit, k, batches, seed, thumbnails) for k in references}, {})
    ranked = index.ranked(unit)
    for count in range(batches, 0, -1):
        drawn = {percentile: _draw(ranked, unit, percentile, count, seed, records) for percentile in percentiles}
        if found := _extremes(index, unit, references, count, seed, thumbnails, drawn):
            return Deal(found, drawn)
    raise _too_small(index, unit, max(references), percentiles)


def _extremes(
    index: ActivationIndex, unit: Unit, references: Sequence[int], batches: int, seed: int,
    thumbnails: Thumbnails | None, windows: Mapping[float, list[DealtImage]],
) -> dict[int, list[DealtImage]]:  # fmt: skip
    """The extremes of every number of references beside these windows; none if a window or the extremes lack images."""
    shown = [image for images in windows.values() for image in images]
    distinct = len({image.row for image in shown}) == len(shown)
    if not all(windows.values()) or not distinct:
        return {}
    try:
        return {k: dealing.exemplars(index, unit, k, batches, seed, thumbnails, shown) for k in references}
    except UserError:
        return {}


def _draw(
    ranked: tuple[np.ndarray, np.ndarray], unit: Unit, percentile: float, batches: int, seed: int, records: Records
) -> list[DealtImage]:
    """One image per pole and batch, nearest to the percentile, no two of one group; none if there are too few."""
    rows, activations = ranked
    found: list[DealtImage] = []
    groups: set[str] = set()
    rng = np.random.default_rng([seed, round(1e4 * percentile), unit.channel, *unit.layer.encode()])
    for pole in Pole:
        # of two images that are equally near the less extreme one, which leaves more ranks to the references
        inwards = 1e-6 if pole is Pole.MAX else -1e-6
        centre = (1 - percentile if pole is Pole.MAX else percentile) * len(rows) - 0.5 + inwards
        half = np.arange(len(rows)) < len(rows) / 2
        own = np.flatnonzero(half if pole is Pole.MAX else ~half)
        chosen: list[tuple[int, ImageRecord, float]] = []
        for place in own[np.argsort(np.abs(own - centre), kind="stable")][: 10 * batches + 100].tolist():
            if len(chosen) == batches:
                break
            record = records(int(rows[place]))
            if not record.group or record.group not in groups:
                groups.add(record.group)
                chosen.append((int(rows[place]), record, float(activations[place])))
        if len(chosen) < batches:
            return []
        for batch, (row, record, activation) in zip(rng.permutation(batches).tolist(), chosen, strict=True):
            found.append(DealtImage(unit, pole, IN_WINDOW, batch, row, record.image_id, record.group, activation))
    return found


def pairs(images: Iterable[DealtImage]) -> dict[int, dict[Pole, DealtImage]]:
    """The queries of each batch, by pole."""
    found: dict[int, dict[Pole, DealtImage]] = {}
    for image in images:
        found.setdefault(image.batch, {})[image.pole] = image
    return found


def _too_small(index: ActivationIndex, unit: Unit, references: int, percentiles: Sequence[float]) -> UserError:
    return UserError(f"{unit}: {too_small(int(index.units['count'].max()), references, max(percentiles))}")


def least(references: int, percentile: float) -> int:
    """How many images one batch takes, so that all references are more extreme than the queries at the percentile.

    >>> least(9, 0.95), least(9, 0.85)
    (200, 67)
    """
    return math.ceil(round((references + 1) / (1 - percentile), 6))


def too_small(images: int, references: int, percentile: float) -> str:
    """What is wrong with a corpus of so many images, and what to do."""
    return (
        f"with {images:,} images, the {references + 1} most extreme of a pole are not all more extreme than the "
        f"queries at {percentile:g}; use at least {least(references, percentile):,} images per batch of queries (more "
        "if some are near-duplicates), fewer references, or a lower percentile in study.toml: [queries] difficulty"
    )
