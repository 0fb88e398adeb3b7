"""Choose the natural images of a unit's trials: queries and references.

The bins × batches most extreme images of a pole are cut by rank into bins, and each bin's images are distributed over
the batches: every batch has one image per bin, so all batches are equally extreme (Borowski, Zimmermann et al. 2021).
The most extreme image of a batch is its query, the others are its references.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.optimize import linear_sum_assignment

from exemplum.errors import UserError
from exemplum.images import identical
from exemplum.index import ActivationIndex
from exemplum.records import Pole, Unit

Thumbnails = Callable[[int], np.ndarray]  # of a row of the corpus
Chosen = dict[Pole, list["DealtImage"]]
IN_WINDOW = -2  # position of an image that no rank bin holds, since it is a query of a window


@dataclass(frozen=True)
class DealtImage:
    """An image of the corpus and its place in a trial: each batch has one per pole and position.

    No Picture: it may be a query, and its row in the corpus stands for its image.
    """

    unit: Unit
    pole: Pole
    position: int  # rank bin: max_k (k references per pole) and min_0 are the most extreme; of a window IN_WINDOW
    batch: int
    row: int  # in the corpus
    image_id: str
    group: str
    activation: float


def exemplars(
    index: ActivationIndex, unit: Unit, references: int, batches: int, seed: int, thumbnails: Thumbnails | None = None,
    windows: Sequence[DealtImage] = (),
) -> list[DealtImage]:  # fmt: skip
    """Distribute a unit's extremes over at most `batches` batches of references + 1 images per pole.

    No batch has two images of one group, and no image stands for both poles. With `thumbnails`, images that look the
    same are treated as one group. If the corpus or the index is too small there are fewer batches. With `windows`, the
    queries of other difficulties, there are exactly `batches`, and every image is more extreme than those of `windows`
    and in no group with one. Raises UserError if there are too few images.
    """
    bins = references + 1
    queries, candidates = list(windows), _beyond(list(_candidates(index, unit)), windows)
    for count in range(batches, batches - 1 if windows else 0, -1):
        choose = partial(_choose, number=bins * count, limit=count)
        chosen, queries, candidates = _settled(candidates, queries, choose, thumbnails)
        if chosen:
            rng = np.random.default_rng([seed, references, unit.channel, *unit.layer.encode()])
            return _deal(chosen, bins, count, rng)
    row = index.units[index.units["unit"] == str(unit)]
    if row["dead"].any():
        raise UserError(f"{unit} is dead: it has the same activation for every image; choose another unit")
    raise UserError(
        f"{unit} has too few images for {references} references per pole: it needs {bins} for each pole, none of them "
        "shared by both poles or no more extreme than the other's, and no two of one group; use more images, or raise "
        "study.toml: [index] keep"
    )


def _settled(
    candidates: list[DealtImage], queries: list[DealtImage], choose: Callable[[list[DealtImage]], Chosen | None],
    thumbnails: Thumbnails | None,
) -> tuple[Chosen | None, list[DealtImage], list[DealtImage]]:  # fmt: skip
    """What is chosen of the candidates apart from the queries, once no more images turn out to look the same.

    With it the queries and the candidates, those that look the same in one group. None if there are too few.
    """
    while chosen := choose(_apart_from(candidates, queries)):
        shown = [*queries, *(image for images in chosen.values() for image in images)]
        told = _joined_by_look([*queries, *candidates], shown, thumbnails)
        if told == [*queries, *candidates]:
            break
        # some of the images shown are now in one group: choose again
        queries, candidates = told[: len(queries)], told[len(queries) :]
    return chosen, queries, candidates


def _beyond(candidates: list[DealtImage], windows: Sequence[DealtImage]) -> list[DealtImage]:
    """The candidates that are more extreme than every image of the windows of their pole."""
    ends = {
        Pole.MAX: max((image.activation for image in windows if image.pole is Pole.MAX), default=-np.inf),
        Pole.MIN: min((image.activation for image in windows if image.pole is Pole.MIN), default=np.inf),
    }
    return [
        image for image in candidates
        if (image.activation > ends[Pole.MAX] if image.pole is Pole.MAX else image.activation < ends[Pole.MIN])
    ]  # fmt: skip


def _apart_from(candidates: list[DealtImage], queries: Sequence[DealtImage]) -> list[DealtImage]:
    """The candidates that are neither a query nor in the group of one."""
    taken = {image.row for image in queries}
    groups = {image.group for image in queries if image.group}
    return [image for image in candidates if image.row not in taken and image.group not in groups]


def references(index: ActivationIndex, unit: Unit, batch: int = 0, count: int = 9, seed: int = 0) -> list[DealtImage]:
    """The `count` reference images per pole of one batch: the exemplars without the most extreme, which are queries."""
    dealt = exemplars(index, unit, count, 20, seed)
    return [image for image in dealt if image.batch == batch and not is_query(image, count)]


def is_query(image: DealtImage, references: int) -> bool:
    """Whether a dealt image is a query, in a set with this many references per pole; otherwise it is a reference."""
    return image.position in (IN_WINDOW, references if image.pole is Pole.MAX else 0)


def without_queries(
    index: ActivationIndex, unit: Unit, queries: Iterable[DealtImage], count: int, thumbnails: Thumbnails | None = None,
    named: Collection[str] = (),
) -> dict[Pole, list[DealtImage]]:  # fmt: skip
    """The `count` most extreme images of each pole that are neither a query of any batch nor in the group of one.

    `named` are the ids of images that queries were made from besides `queries`. No two of the images are in one group,
    and none stands for both poles. Raises UserError if there are fewer.
    """
    asked = {image.row: image for image in queries}
    candidates = _beyond(list(_candidates(index, unit)), [i for i in asked.values() if i.position == IN_WINDOW])
    asked |= {image.row: image for image in candidates if image.image_id in named}
    free = [image for image in candidates if image.row not in asked]
    chosen, *_ = _settled(free, list(asked.values()), partial(_choose, number=count, limit=1), thumbnails)
    if not chosen:
        raise UserError(
            f"{unit} has fewer than {count} exemplars of each pole that are neither a query nor a near-duplicate of "
            "one; raise study.toml: [index] keep, use more images, or lower [explanations] batches"
        )
    return chosen


def _joined_by_look(
    candidates: list[DealtImage], shown: list[DealtImage], thumbnails: Thumbnails | None
) -> list[DealtImage]:
    """The candidates, with those among `shown` that look the same joined into one group."""
    if thumbnails is None:
        return candidates
    rows = {image.row for image in shown}
    looked_at = [image for image in candidates if image.row in rows]
    pictures = [thumbnails(image.row) for image in looked_at]
    parents: dict[str, str] = {}

    def root(group: str) -> str:
        while parents.get(group, group) != group:
            group = parents[group]
        return group

    for first, second in zip(*np.nonzero(np.triu(identical(pictures, pictures), 1)), strict=True):
        one, two = root(_group(looked_at[first])), root(_group(looked_at[second]))
        parents[two] = parents[one] = one
    return [replace(image, group=root(key)) if (key := _group(image)) in parents else image for image in candidates]


def _group(image: DealtImage) -> str:
    return image.group or f"same as {image.image_id}"


def _candidates(index: ActivationIndex, unit: Unit) -> Iterator[DealtImage]:
    """The unit's extremes, most extreme first, poles alternating; an image stands only for its nearer pole.

    An image that activates the unit no more than the least activating one stands not for the pole max, as most images
    of a sparse feature, which is 0 for them; and the other way round.
    """
    tops = {pole: index.top(unit, pole) for pole in Pole}
    ends = {Pole.MAX: tops[Pole.MIN]["activation"], Pole.MIN: tops[Pole.MAX]["activation"]}
    tops = {pole: top[top["activation"] != next(iter(ends[pole]), None)] for pole, top in tops.items()}
    ranked = [
        (rank, pole, row, image, group, activation)
        for pole, top in tops.items()
        for rank, row, image, group, activation in zip(
            top["rank"], top["row"], top["image"], top["group"], top["activation"], strict=True
        )
    ]
    ranked.sort(key=lambda entry: (entry[0], entry[1]))
    taken: set[int] = set()
    for _, pole, row, image, group, activation in ranked:
        if row not in taken:
            taken.add(row)
            yield DealtImage(unit, pole, -1, -1, int(row), image, group, float(activation))


def _choose(candidates: list[DealtImage], number: int, limit: int) -> Chosen | None:
    """The first `number` of each pole with at most `limit` per group over both poles; None if there are too few."""
    chosen: dict[Pole, list[DealtImage]] = {pole: [] for pole in Pole}
    groups: Counter[str] = Counter()
    for image in candidates:
        mine = chosen[image.pole]
        if len(mine) < number and groups[image.group] < limit:
            mine.append(image)
            groups[image.group] += bool(image.group)
    return chosen if all(len(mine) == number for mine in chosen.values()) else None


def _deal(chosen: dict[Pole, list[DealtImage]], bins: int, batches: int, rng: np.random.Generator) -> list[DealtImage]:
    """Distribute bins over batches at random, no group twice in a batch.

    Bins and groups with images as edges are a bipartite multigraph of degree ≤ batches, whose edges can always be
    coloured with that many colours (König 1916): one batch after the other takes a matching of all bins that covers
    every group with as many images left as there are batches left.
    """
    left: list[dict[str, list[DealtImage]]] = []  # by bin, then group
    places: list[tuple[Pole, int]] = []
    for pole, images in chosen.items():
        for rank_bin in range(bins):
            held: dict[str, list[DealtImage]] = {}
            for image in images[rank_bin * batches : (rank_bin + 1) * batches]:
                held.setdefault(image.group or f"row {image.row}", []).append(image)
            left.append(held)
            places.append((pole, bins - 1 - rank_bin if pole is Pole.MAX else rank_bin))
    dealt = []
    for batch in range(batches):
        for (pole, position), image in zip(places, _take(left, batches - batch, rng), strict=True):
            dealt.append(replace(image, pole=pole, position=position, batch=batch))
    return dealt


def _take(left: list[dict[str, list[DealtImage]]], batches_left: int, rng: np.random.Generator) -> list[DealtImage]:
    """Take one image of every bin, of different groups, at random, so that the rest can still be distributed."""
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
