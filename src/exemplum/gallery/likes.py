"""What a unit likes: labels of the corpus that are far more frequent among its highest images than among all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exemplum.gallery.selection import highest, pool
from exemplum.images import Corpus
from exemplum.index import ActivationIndex

TOPS = (50, 20, 9)  # highest images that are counted: as many as MOST_RECORDS allows
MOST_RECORDS = 60_000  # images whose labels are read
FEWEST = 3  # images with the label among the highest, at least
RATIO = 2.0  # times as frequent as among all images, at least
MOST = 4  # labels per unit
MOST_VALUES = 0.5  # of the images: a key with more different values than this share names images, not kinds

CLASS = "class"  # the label of folders and datasets

Label = tuple[str, str]  # key and value: ("family", "fabric")


@dataclass(frozen=True)
class Liking:
    """A label that a unit likes."""

    label: int  # its number
    count: int  # images with it among the highest
    of: int  # the highest images that were counted: fewer than `top` if it responds to fewer
    share: float  # of all images


@dataclass(frozen=True)
class Likes:
    """What every unit likes, in the order of the index's units."""

    labels: list[Label]  # by number
    top: int  # how many of the highest images were counted
    units: list[list[Liking]]

    @cached_property
    def fans(self) -> list[int]:
        """How many units like each label."""
        counted = Counter(liking.label for likings in self.units for liking in likings)
        return [counted[number] for number in range(len(self.labels))]


def likes(index: ActivationIndex, corpus: Corpus) -> Likes:
    """What the units like; nothing if the corpus has no labels that name kinds."""
    base = [labels_of(corpus, row) for row in np.asarray(index.sample.rows)[pool(index)].tolist()]
    kinds = _kinds(base)
    if not kinds:
        return Likes([], 0, [[] for _ in range(len(index.units))])
    shares = {
        label: count / len(base)
        for label, count in Counter(label for labels in base for label in labels if label[0] in kinds).items()
    }
    names = sorted(shares)
    number = {label: place for place, label in enumerate(names)}
    top, rows = _counted(index)
    known = {
        row: [number[label] for label in labels_of(corpus, row) if label in number]
        for row in np.unique(rows[rows >= 0]).tolist()
    }
    by_number = np.array([shares[label] for label in names])
    return Likes(names, top, [_of_unit([known[row] for row in mine[mine >= 0].tolist()], by_number) for mine in rows])


def labels_of(corpus: Corpus, row: int) -> list[Label]:
    """The labels of an image that name a kind: texts, and classes that have only a number."""
    labels = corpus.record(row).labels.items()
    return [(key, str(value)) for key, value in labels if value != "" and (isinstance(value, str) or key == CLASS)]


def _kinds(labels: Iterable[list[Label]]) -> set[str]:
    """The keys whose values are kinds that several images share."""
    values: dict[str, Counter[str]] = {}
    for label in labels:
        for key, value in label:
            values.setdefault(key, Counter())[value] += 1
    return {key for key, counts in values.items() if 1 < len(counts) <= max(2, MOST_VALUES * counts.total())}


def _counted(index: ActivationIndex) -> tuple[int, np.ndarray]:
    """How many of each unit's highest images are counted, and their rows, (units, top); -1 for none."""
    table = highest(index, TOPS[0])
    ranks = table["rank"].to_numpy()
    rows = np.full((len(index.units), TOPS[0]), -1, np.int64)
    rows[table["place"], ranks] = table["row"]
    top = next((count for count in TOPS if len(np.unique(rows[:, :count])) <= MOST_RECORDS), TOPS[-1])
    held = min(top, int(ranks.max()) + 1 if len(ranks) else 0)
    return held, rows[:, :held]


def _of_unit(labels: list[list[int]], shares: np.ndarray) -> list[Liking]:
    """The labels of a unit's highest images that tell most about them: frequent here, and rare elsewhere."""
    counted = Counter(label for of_image in labels for label in of_image)
    found = [
        (
            count * float(np.log(count / len(labels) / shares[label])),
            Liking(label, count, len(labels), float(shares[label])),
        )
        for label, count in counted.items()
        if count >= FEWEST and count / len(labels) >= RATIO * shares[label]
    ]
    return [liking for _, liking in sorted(found, key=lambda pair: -pair[0])[:MOST]]
