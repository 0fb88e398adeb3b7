"""The queries and references of a unit's trials, from the table of stimuli."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exemplum.errors import REMAKE, UserError
from exemplum.protocols import Scheme
from exemplum.queries import ANY
from exemplum.records import ANY_BATCH, Pole, ReferenceSet, Unit

Key = tuple[str, str, str, int, int]  # unit, method, pole, references, batch


@dataclass(frozen=True)
class Queries:
    """A pair of query images, by their paths."""

    max: str  # the one that activates the unit more
    min: str
    margin: float | None  # between their activations, in the unit's standard deviations over the corpus

    def of(self, pole: Pole) -> str:
        return self.max if pole is Pole.MAX else self.min


class Pictures:
    """The tables of stimuli (STIMULI) and queries (QUERIES), by unit and by what they are shown with."""

    def __init__(self, stimuli: pd.DataFrame, queries: pd.DataFrame, baseline: str = "natural") -> None:
        self._sets: dict[Key, list[tuple[int, str]]] = defaultdict(list)
        self._sizes: dict[tuple[str, str], set[int]] = defaultdict(set)  # unit and method → references
        self.known: set[tuple[str, str, str, str]] = set()  # unit, path, pole, method
        self.groups: dict[str, str] = {}  # path → group
        self.methods: list[str] = []
        self.baseline = baseline
        columns = ["unit", "method", "pole", "references", "batch", "position", "path", "group"]
        for unit, method, pole, k, batch, position, path, group in stimuli[columns].itertuples(index=False, name=None):
            self._sets[unit, method, pole, k, batch].append((position, path))
            self._sizes[unit, method].add(k)
            if method not in self.methods:
                self.methods.append(method)
            self.known.add((unit, path, pole, method))
            self.groups[path] = group
        self.methods.sort(key=lambda method: method != baseline)  # the baseline first, then as in the table
        self._read_queries(queries)

    def _read_queries(self, queries: pd.DataFrame) -> None:
        self._queries: dict[tuple[str, str, int, int], Queries] = {}  # unit, difficulty, references, batch
        self.difficulties = tuple(dict.fromkeys(queries["difficulty"]))
        margins = queries.groupby("difficulty")["margin"].median().fillna(-math.inf)
        self.by_margin = tuple(sorted(self.difficulties, key=lambda name: -margins[name]))  # the easiest first
        self._batches: dict[tuple[str, str, int], set[int]] = defaultdict(set)  # unit, difficulty, references
        self.asked: set[tuple[str, str, str]] = set()  # unit, path, pole
        self.copies_of_one: set[tuple[str, str]] = set()  # pairs that were made from one image
        same = (queries["image_max"] != "") & (queries["image_max"] == queries["image_min"])
        self.copies_of_one |= set(queries.loc[same, ["query_max", "query_min"]].itertuples(False, None))
        columns = [
            "unit", "difficulty", "references", "batch", "query_max", "query_min", "margin", "group_max", "group_min",
        ]  # fmt: skip
        for unit, difficulty, k, batch, most, least, margin, *groups in queries[columns].itertuples(False, None):
            self._batches[unit, difficulty, k].add(batch)
            self._queries[unit, difficulty, k, batch] = Queries(most, least, None if math.isnan(margin) else margin)
            self.asked |= {(unit, most, "max"), (unit, least, "min")}
            self.groups |= dict(zip((most, least), groups, strict=True))

    def sizes(self, units: Iterable[Unit]) -> set[int]:
        """The numbers of references that every one of the units has queries for; ANY if all serve any number."""
        numbers: dict[str, set[int]] = defaultdict(set)
        for unit, _, k, _ in self._queries:
            numbers[unit].add(k)
        return set.intersection(*(numbers[str(unit)] for unit in units))

    def batches(self, units: Iterable[Unit], k: int) -> list[int]:
        """The batches for which every one of the units has queries of every difficulty, sorted."""
        found = [
            self._batches[str(unit), name, k] | self._batches[str(unit), name, ANY]
            for unit in units
            for name in self.difficulties
        ]
        return sorted(set.intersection(*found))

    def queries(self, unit: Unit, k: int, batch: int, difficulty: str) -> Queries:
        """The pair of query images for trials with k references. Raises DesignError if there is none."""
        for references in (k, ANY):
            if found := self._queries.get((str(unit), difficulty, references, batch)):
                return found
        raise DesignError(
            f"queries/queries.parquet has no {difficulty} queries of unit {unit} for batch {batch} and {k} references; "
            f"{REMAKE}"
        )

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
        """Up to k references of one pole, shown or not, the first k in the order of position.

        Those made for k references if there are any, else for the nearest larger number, else smaller; those of the
        batch, else those for every batch.
        """
        sizes = sorted(self._sizes[str(unit), method], key=lambda size: (size < k, abs(size - k)))
        for size in sizes:
            for of_batch in (batch, ANY_BATCH):
                if pictures := self._sets.get((str(unit), method, pole.value, size, of_batch)):
                    return tuple(path for _, path in sorted(pictures)[:k])
        return ()


def drawn(images: tuple[str, ...], rng: np.random.Generator) -> str:
    """One image, all equally likely."""
    return images[int(rng.integers(len(images)))]


class DesignError(UserError):
    """A design cannot be made from these units and stimuli, or violates an invariant."""
