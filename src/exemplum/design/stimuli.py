"""The queries and references of a unit's trials, from the table of stimuli."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd

from exemplum.errors import REMAKE, UserError
from exemplum.protocols import Scheme
from exemplum.records import ANY_BATCH, Pole, ReferenceSet, Unit

NATURAL = "natural"

Key = tuple[str, str, str, int, int]  # unit, method, pole, references, batch


class Pictures:
    """The table of stimuli (STIMULI), by unit, method, pole, references and batch."""

    def __init__(self, stimuli: pd.DataFrame) -> None:
        self._sets: dict[Key, list[tuple[int, str]]] = defaultdict(list)
        self._sizes: dict[tuple[str, str], set[int]] = defaultdict(set)  # unit and method → references
        self._batches: dict[tuple[str, int], set[int]] = defaultdict(set)  # unit and references → natural batches
        self.known: set[tuple[str, str, str, str]] = set()  # unit, path, pole, method
        self.groups: dict[str, str] = {}  # path → group
        self.methods: list[str] = []
        columns = ["unit", "method", "pole", "references", "batch", "position", "path", "group"]
        for unit, method, pole, k, batch, position, path, group in stimuli[columns].itertuples(index=False, name=None):
            self._sets[unit, method, pole, k, batch].append((position, path))
            self._sizes[unit, method].add(k)
            if method == NATURAL:
                self._batches[unit, k].add(batch)
            if method not in self.methods:
                self.methods.append(method)
            self.known.add((unit, path, pole, method))
            self.groups[path] = group
        self.methods.sort(key=lambda method: method != NATURAL)  # natural first, then as in the table

    def sizes(self, units: Iterable[Unit]) -> set[int]:
        """The numbers of references for which every one of the units has natural images."""
        return set.intersection(*(self._sizes[str(unit), NATURAL] for unit in units))

    def batches(self, units: Iterable[Unit], k: int) -> list[int]:
        """The batches of natural images that every one of the units has, sorted."""
        return sorted(set.intersection(*(self._batches[str(unit), k] for unit in units)))

    def queries(self, unit: Unit, k: int, batch: int) -> dict[Pole, str]:
        """The most extreme images of the natural set of k + 1: `max_k` and `min_0`.

        Raises DesignError if the table has no such images.
        """
        found = {Pole.MAX: self._natural(unit, Pole.MAX, k, batch).get(k)}
        found[Pole.MIN] = self._natural(unit, Pole.MIN, k, batch).get(0)
        for pole, path in found.items():
            if path is None:
                name = f"{pole}_{k if pole is Pole.MAX else 0}"
                raise DesignError(
                    f"explanations/stimuli.parquet has no natural image {name} of unit {unit} for batch {batch} and "
                    f"{k} references; {REMAKE}"
                )
        return {pole: path for pole, path in found.items() if path is not None}

    def references(self, method: str, unit: Unit, scheme: Scheme, batch: int) -> ReferenceSet:
        """The pictures that explain the unit; only of the poles that the scheme shows.

        Raises DesignError unless the method has exactly as many pictures of each shown pole as the scheme shows.
        """
        shown = {pole: self.explanations(method, unit, pole, scheme.references, batch) for pole in scheme.poles}
        if not any(shown.values()):
            raise DesignError(
                f"method {method!r} has no pictures of unit {unit}; make them, or leave out the unit or the method"
            )
        for pole, images in shown.items():
            if len(images) != scheme.references:
                raise DesignError(
                    f"method {method!r} has {len(images)} {pole} pictures of unit {unit} for batch {batch}, but "
                    f"scheme {scheme.name} shows {scheme.references} per pole; make as many, or leave out the unit or "
                    "the method"
                )
        return ReferenceSet(max=shown.get(Pole.MAX, ()), min=shown.get(Pole.MIN, ()))

    def explanations(self, method: str, unit: Unit, pole: Pole, k: int, batch: int) -> tuple[str, ...]:
        """Up to k references of one pole, shown or not: natural `max_0` … `max_k−1` and `min_1` … `min_k`, so that
        no query is among them; of other methods the first k in the order of position."""
        if method == NATURAL:
            first = 0 if pole is Pole.MAX else 1
            images = self._natural(unit, pole, k, batch)
            return tuple(images[position] for position in range(first, first + k) if position in images)
        return tuple(self._made(method, unit, pole, k, batch)[:k])

    def _natural(self, unit: Unit, pole: Pole, k: int, batch: int) -> dict[int, str]:
        return dict(self._sets.get((str(unit), NATURAL, pole.value, k, batch), ()))

    def _made(self, method: str, unit: Unit, pole: Pole, k: int, batch: int) -> list[str]:
        """Pictures made for k references if there are any, else for the nearest larger number, else smaller."""
        sizes = sorted(self._sizes[str(unit), method], key=lambda size: (size < k, abs(size - k)))
        for size in sizes:
            for of_batch in (batch, ANY_BATCH):
                if pictures := self._sets.get((str(unit), method, pole.value, size, of_batch)):
                    return [path for _, path in sorted(pictures)]
        return []


def drawn(images: tuple[str, ...], rng: np.random.Generator) -> str:
    """One image, all equally likely."""
    return images[int(rng.integers(len(images)))]


class DesignError(UserError):
    """A design cannot be made from these units and stimuli, or violates an invariant."""
