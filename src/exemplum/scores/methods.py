"""References of other explanation methods than natural images: pictures, in place of rows of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from exemplum.records import Picture, Pole
from exemplum.scores.tasks import Tasks


@dataclass(frozen=True)
class ReferenceSet:
    """The references of a unit in one batch, or in all."""

    batch: int
    shown: tuple[tuple[Picture, ...], tuple[Picture, ...]]  # of the poles max and min

    @property
    def images(self) -> set[str]:
        """Ids of the images of the corpus that they show or were made from, and names of their groups."""
        both = [reference for of_pole in self.shown for reference in of_pole]
        return ({reference.image_id for reference in both} | {f"group {reference.group}" for reference in both}) - {
            "", "group ",
        }  # fmt: skip


def sets(pictures: Iterable[Picture], references: int) -> list[ReferenceSet]:
    """The complete sets of `references` pictures per pole among the pictures of one unit, by batch.

    Pictures made for this number of references come first, then those for any number, then the first of larger sets.
    """
    by_set: dict[tuple[int, int], dict[Pole, dict[int, Picture]]] = {}
    for picture in pictures:
        k = 0 if picture.references is None else picture.references
        poles = by_set.setdefault((k, picture.batch), {Pole.MAX: {}, Pole.MIN: {}})
        poles[picture.pole][picture.position] = picture
    found: dict[int, ReferenceSet] = {}
    for (k, batch), poles in sorted(by_set.items(), key=lambda entry: (entry[0][0] != references, entry[0])):
        large = k in (0, references) or k > references
        if large and batch not in found and all(set(of) >= set(range(references)) for of in poles.values()):
            maximal, minimal = (tuple(of[place] for place in range(references)) for of in poles.values())
            found[batch] = ReferenceSet(batch, (maximal, minimal))
    return [found[batch] for batch in sorted(found)]


def places(
    tasks: Tasks, own: Sequence[ReferenceSet], place: Callable[[Picture], int],
    images: Callable[[int], Collection[str]],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The tasks with a method's pictures as references: rows of queries, and places of the references.

    The sets take turns. A task whose query is an image that a reference shows or was made from is left out. `place`
    gives a picture's place among the vectors, `images` the id and group of a row of the corpus, as `ReferenceSet` does.
    """
    kept, shown = [], []
    for number, queries in enumerate(tasks.queries.tolist()):
        if not own:
            break
        turn = own[number % len(own)]
        if turn.images.isdisjoint({name for row in queries for name in images(row)}):
            kept.append(queries)
            shown.append([[place(reference) for reference in of_pole] for of_pole in turn.shown])
    k = tasks.references.shape[-1]
    return np.array(kept, np.int64).reshape(-1, 2), np.array(shown, np.int64).reshape(-1, 2, k)
