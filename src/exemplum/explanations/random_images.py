"""Random images of the corpus as explanations, whatever the unit: the null of an explanation.

The images of a batch are drawn without regard to activations, and then divided between the poles at random. So every
assignment is equally likely, and the references do not tell which query activates the unit more.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exemplum import store
from exemplum.errors import UserError
from exemplum.explanations.request import AskedImages, Request
from exemplum.images import identical, thumbnail
from exemplum.index import ActivationIndex
from exemplum.records import Picture, Pole, Unit
from exemplum.runtime import track
from exemplum.study import Section


class RandomParameters(Section):
    """The method has none: the study's seed draws the images."""


def pictures(request: Request, _parameters: RandomParameters) -> Iterator[Picture]:
    """For every number of references and batch of a unit as many images per pole, all of them different.

    None is a query of the unit, of any batch and difficulty, or a near-duplicate of one.
    """
    with track("random images", len(request.units), "units") as advance:
        for unit in request.units:
            lot, known = _Lot(request, unit), _activations(request.index, unit)
            for k in request.references:
                for batch in request.batches(unit, references=k):
                    rng = np.random.default_rng([request.seed, k, batch, unit.channel, *unit.layer.encode()])
                    for place, row in enumerate(lot.draw(2 * k, rng)):
                        record = request.corpus.record(row)
                        yield Picture(
                            unit, Pole.MAX if place < k else Pole.MIN, place % k, request.image(row), references=k,
                            batch=batch, image_id=record.image_id, group=record.group, activation=known.get(row),
                        )  # fmt: skip
            advance(1)


class _Lot:
    """The images of the corpus that may be drawn for a unit."""

    def __init__(self, request: Request, unit: Unit) -> None:
        self.request, self.unit = request, unit
        asked = request.asked.get(unit, AskedImages())
        rows = sorted({image.row for image in request.corpus_images.deal(unit).queries})
        own = [request.corpus.record(row) for row in rows]  # dealt images that look the same are in groups of their own
        self.ids = {*asked.ids, *(record.image_id for record in own), *request.index.broken["image"]}
        self.groups = {*asked.groups, *(record.group for record in own)} - {""}
        self.looks = [request.thumbnail(row) for row in rows] + [thumbnail(store.read_png(p)) for p in asked.paths]

    def draw(self, count: int, rng: np.random.Generator) -> list[int]:
        """So many rows, no two of them near-duplicates. Raises UserError if there are too few."""
        chosen: list[int] = []
        groups: set[str] = set()
        looks: list[np.ndarray] = []
        for row in map(int, rng.permutation(len(self.request.corpus))):
            record = self.request.corpus.record(row)
            if record.image_id in self.ids or (record.group and record.group in self.groups | groups):
                continue
            look = self.request.thumbnail(row)
            if not identical([look], [*self.looks, *looks]).any():
                chosen.append(row)
                groups.add(record.group)
                looks.append(look)
            if len(chosen) == count:
                # again: of near-duplicates only the first was taken, so that the order is not quite random
                return rng.permutation(chosen).tolist()
        raise UserError(
            f"random images of {self.unit}: the corpus has only {len(chosen)} that are no near-duplicates of the "
            f"unit's queries or of one another, and {count} are needed; use more images"
        )


def _activations(index: ActivationIndex, unit: Unit) -> dict[int, float]:
    """Row of the corpus → the unit's activation, where the index has them all; else pictures are measured."""
    if not index.exact:
        return {}
    rows, values = index.ranked(unit)
    return dict(zip(rows.tolist(), values.tolist(), strict=True))
