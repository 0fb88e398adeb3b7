"""Natural exemplars: each unit's most extreme images, dealt into batches of equal extremity.

The most extreme bins × batches images of a pole are cut by rank into bins, and each bin's images are dealt over the
batches: every batch has one image a bin, so all batches are alike in extremity (Borowski, Zimmermann et al. 2021).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from exemplum.activations import ActivationIndex
from exemplum.errors import UserError
from exemplum.explanations.base import Picture, Request
from exemplum.progress import track
from exemplum.records import Pole, Unit


@dataclass(frozen=True)
class Exemplar:
    """An image of the corpus and its place in a trial: one of each pole and position a batch."""

    unit: Unit
    pole: Pole
    position: int  # rank bin: max_k (k references a pole) and min_0 are the most extreme
    batch: int
    row: int  # in the corpus
    image_id: str
    group: str
    activation: float


def exemplars(index: ActivationIndex, unit: Unit, references: int, batches: int, seed: int) -> list[Exemplar]:
    """Deal a unit's extremes into at most `batches` batches of references + 1 images a pole.

    No batch holds two images of one group, and no image stands for both poles. Where the corpus or the index is too
    small there are fewer batches. Raises UserError where there is not even one.
    """
    bins = references + 1
    candidates = _candidates(index, unit)
    for count in range(batches, 0, -1):
        chosen = _choose(candidates, bins * count, count)
        if chosen:
            rng = np.random.default_rng([seed, references, unit.channel, *unit.layer.encode()])
            return _deal(chosen, bins, count, rng)
    row = index.units[index.units["unit"] == str(unit)]
    if row["dead"].any():
        raise UserError(f"{unit} is dead: it has the same activation for every image; choose another unit")
    raise UserError(
        f"{unit} has too few images for {references} references a pole: it needs {bins} for each pole, none for "
        f"both and no two of one group; use more images, or raise [index] keep"
    )


def references(index: ActivationIndex, unit: Unit, batch: int = 0, count: int = 9, seed: int = 0) -> list[Exemplar]:
    """The `count` reference images a pole of one batch: the exemplars but for the most extreme, which are queries."""
    query = {Pole.MAX: count, Pole.MIN: 0}
    dealt = exemplars(index, unit, count, 20, seed)
    return [image for image in dealt if image.batch == batch and image.position != query[image.pole]]


def pictures(request: Request) -> Iterator[Picture]:
    """The exemplars of every batch, the queries among them, in the model's geometry."""
    section, seed = request.config.explanations, request.config.seed
    with track("exemplars", len(request.units), "units") as advance:
        for unit in request.units:
            shown: dict[int, np.ndarray] = {}
            for k in request.references:
                for image in exemplars(request.index, unit, k, section.batches, seed):
                    if image.row not in shown:
                        shown[image.row] = request.model.crop(request.corpus.decode(image.row))
                    yield Picture(
                        unit, image.pole, image.position, shown[image.row], references=k, batch=image.batch,
                        image_id=image.image_id, group=image.group, activation=image.activation,
                    )  # fmt: skip
            advance(1)


def _candidates(index: ActivationIndex, unit: Unit) -> list[Exemplar]:
    """The unit's extremes, most extreme first, the poles taking turns; an image stands only for its nearer pole."""
    tops = {pole: index.top(unit, pole) for pole in Pole}
    ranked = [
        (rank, pole, row, image, group, activation)
        for pole, top in tops.items()
        for rank, row, image, group, activation in zip(
            top["rank"], top["row"], top["image"], top["group"], top["activation"], strict=True
        )
    ]
    ranked.sort(key=lambda entry: (entry[0], entry[1]))
    taken: set[int] = set()
    found = []
    for _, pole, row, image, group, activation in ranked:
        if row not in taken:
            taken.add(row)
            found.append(Exemplar(unit, pole, -1, -1, int(row), image, group, float(activation)))
    return found


def _choose(candidates: list[Exemplar], number: int, limit: int) -> dict[Pole, list[Exemplar]] | None:
    """The first `number` of each pole with at most `limit` of a group in both together; None if there are too few."""
    chosen: dict[Pole, list[Exemplar]] = {pole: [] for pole in Pole}
    groups: Counter[str] = Counter()
    for image in candidates:
        mine = chosen[image.pole]
        if len(mine) < number and groups[image.group] < limit:
            mine.append(image)
            groups[image.group] += bool(image.group)
    return chosen if all(len(mine) == number for mine in chosen.values()) else None


def _deal(chosen: dict[Pole, list[Exemplar]], bins: int, batches: int, rng: np.random.Generator) -> list[Exemplar]:
    """Deal bins over batches at random, no group twice in a batch.

    Bins and groups with images as edges are a bipartite multigraph of degree ≤ batches, whose edges can always be
    coloured with that many colours (König 1916): one batch after the other takes a matching of all bins that covers
    every group with as many images left as there are batches left.
    """
    left: list[dict[str, list[Exemplar]]] = []  # by bin, then group
    places: list[tuple[Pole, int]] = []
    for pole, images in chosen.items():
        for rank_bin in range(bins):
            held: dict[str, list[Exemplar]] = {}
            for image in images[rank_bin * batches : (rank_bin + 1) * batches]:
                held.setdefault(image.group or f"row {image.row}", []).append(image)
            left.append(held)
            places.append((pole, bins - 1 - rank_bin if pole is Pole.MAX else rank_bin))
    dealt = []
    for batch in range(batches):
        for (pole, position), image in zip(places, _take(left, batches - batch, rng), strict=True):
            dealt.append(replace(image, pole=pole, position=position, batch=batch))
    return dealt


def _take(left: list[dict[str, list[Exemplar]]], batches_left: int, rng: np.random.Generator) -> list[Exemplar]:
    """Take one image of every bin, of different groups, at random but so that the rest can still be dealt."""
    counts = Counter(group for held in left for group, images in held.items() for _ in images)
    groups = {group: column for column, group in enumerate(counts)}
    absent, due = 1e6, 1e3
    cost = np.full((len(left), len(groups)), absent)
    for row, held in enumerate(left):
        for group in held:
            cost[row, groups[group]] = rng.random() - due * (counts[group] == batches_left)
    names = list(groups)
    taken = []
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        images = left[row][names[column]]
        taken.append(images.pop(rng.integers(len(images))))
        if not images:
            del left[row][names[column]]
    return taken
