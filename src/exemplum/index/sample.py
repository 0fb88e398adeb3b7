"""Activations of a random sample of the corpus: the values and rows that quantiles, percentiles and rankings rest on.

A unit that is zero for most images, as a dictionary's feature is, keeps only its other values. Other units keep all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from exemplum import store
from exemplum.errors import command
from exemplum.index import ties

FOLDER = "sample"
UNITS = 256  # units that are sorted at a time


@dataclass(frozen=True)
class Sample:
    """Activations of every unit for some rows of the corpus.

    `dense` has the units that are not `sparse`, in their order. The sparse units' values that are not zero follow one
    another: the k-th has those from `starts[k]` to `starts[k + 1]`.
    """

    rows: np.ndarray  # int64 (images,), ascending
    sparse: np.ndarray  # bool (units,)
    dense: np.ndarray  # float32 (dense units, images)
    data: np.ndarray  # float32, values of the sparse units
    places: np.ndarray  # int32, position in `rows` of each of these values
    starts: np.ndarray  # int64 (sparse units + 1,)

    @classmethod
    def of(cls, values: np.ndarray, rows: np.ndarray | None = None) -> Sample:
        """A sample of dense values, (units, images); rows 0, 1, … if not given.

        >>> Sample.of(np.array([[1.0, 3.0, 2.0]])).ranked(0)
        (array([1, 2, 0]), array([3., 2., 1.], dtype=float32))
        """
        units, images = values.shape
        rows = np.arange(images) if rows is None else rows
        nothing = np.empty(0, np.float32), np.empty(0, np.int32), np.zeros(1, np.int64)
        return cls(rows, np.zeros(units, bool), np.asarray(values, np.float32), *nothing)

    def __len__(self) -> int:
        return len(self.rows)

    def values(self, unit: int) -> np.ndarray:
        """Activations of the unit at this position of the index, float32 (images,), in the order of `rows`."""
        place = self._positions[unit]
        if not self.sparse[unit]:
            return np.array(self.dense[place])
        found = np.zeros(len(self), np.float32)
        mine = slice(self.starts[place], self.starts[place + 1])
        found[self.places[mine]] = self.data[mine]
        return found

    def ascending(self, unit: int) -> np.ndarray:
        """The unit's activations, sorted; worked out once."""
        if unit not in self._ascending:
            self._ascending[unit] = np.sort(self.values(unit))
        return self._ascending[unit]

    def ranked(self, unit: int, offset: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Rows and activations of all images, highest first; `offset` is the unit's, for the order of ties."""
        values = self.values(unit)
        order = self.order(values, offset)
        return np.array(self.rows[order]), values[order]

    def order(self, values: np.ndarray, offset: int = 0) -> np.ndarray:
        """Positions in `rows` by a unit's activations, highest first; `offset` is the unit's, for the order of ties."""
        return np.lexsort((-ties.precedence(np.asarray(self.rows), offset), -values))

    def quantiles(self, percents: Sequence[float]) -> np.ndarray:
        """Nearest rank without interpolation, (units, percents); NaN without images."""
        if not len(self):
            return np.full((len(self.sparse), len(percents)), np.nan, np.float32)
        ranks = [round((len(self) - 1) * percent / 100) for percent in percents]
        found = np.empty((len(self.sparse), len(percents)), np.float32)
        for start in range(0, len(self.sparse), UNITS):
            block = range(start, min(start + UNITS, len(self.sparse)))
            found[start : start + UNITS] = np.sort([self.values(unit) for unit in block], axis=1)[:, ranks]
        return found

    def save(self, folder: Path) -> None:
        """Write the arrays into `folder`/sample."""
        for name in ARRAYS:
            with store.atomic(folder / FOLDER / f"{name}.npy") as temporary, temporary.open("wb") as handle:
                np.save(handle, getattr(self, name))

    @classmethod
    def load(cls, folder: Path) -> Sample:
        """Read what `save` wrote; values are read from the disk when they are asked for.

        Raises StoreError if it is missing or broken.
        """
        paths = [folder / FOLDER / f"{name}.npy" for name in ARRAYS]
        if absent := [path for path in paths if not path.exists()]:
            raise store.StoreError(f"{absent[0]} is missing; run: {command('index', folder.parent)}")
        try:
            return cls(*(np.load(path, mmap_mode="r") for path in paths))
        except (OSError, ValueError) as error:
            raise store.StoreError(
                f"{folder / FOLDER} cannot be read ({error}); run: {command('index', folder.parent)}"
            ) from error

    @cached_property
    def _positions(self) -> np.ndarray:
        """The unit's position among the sparse ones, or among the others."""
        return np.where(self.sparse, np.cumsum(self.sparse), np.cumsum(~self.sparse)) - 1

    @cached_property
    def _ascending(self) -> dict[int, np.ndarray]:
        return {}


ARRAYS = ("rows", "sparse", "dense", "data", "places", "starts")  # the order of the fields
