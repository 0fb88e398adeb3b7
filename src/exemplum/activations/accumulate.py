"""What the index keeps of a stream of activations: memory grows with units × kept, not with images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from exemplum import store
from exemplum.activations import extremes


@dataclass
class Accumulator:
    """Extremes and moments of every unit over the images seen so far."""

    units: int
    keep: int
    count: int = 0
    mean: np.ndarray = field(init=False)
    squares: np.ndarray = field(init=False)  # sum of squared deviations from the mean
    highest: Tensor = field(init=False)  # packed keys, (units, ≤ keep)
    lowest: Tensor = field(init=False)  # packed keys of the negated values

    def __post_init__(self) -> None:
        self.mean = np.zeros(self.units)
        self.squares = np.zeros(self.units)
        self.highest, self.lowest = extremes.none(self.units), extremes.none(self.units)

    def add(self, values: np.ndarray, rows: np.ndarray) -> None:
        """Take in activations, float32 (images, units), of the corpus rows, int64 (images,).

        Extremes do not depend on the order of the parts of a stream; moments do in their last bits.
        """
        if not len(rows):
            return
        mean = values.mean(0, dtype=np.float64)
        self._add_moments(len(rows), mean, np.square(values - mean).sum(0))
        columns, places = torch.from_numpy(values.T.copy()), torch.tensor(rows)
        self.highest = extremes.take_in(self.highest, columns, places, self.keep)
        self.lowest = extremes.take_in(self.lowest, columns.neg_(), places, self.keep)

    @property
    def std(self) -> np.ndarray:
        """Population standard deviation, (units,); NaN before the first image."""
        return np.sqrt(self.squares / self.count) if self.count else np.full(self.units, np.nan)

    def top(self, pole: str) -> tuple[np.ndarray, np.ndarray]:
        """Values and corpus rows, (units, ≤ keep) each, of the pole's extremes, most extreme first."""
        if pole == "max":
            return extremes.unpack(self.highest)
        values, rows = extremes.unpack(self.lowest)
        return -values, rows

    def images(self) -> np.ndarray:
        """Rows of all images that are among the extremes of any unit, ascending."""
        rows = np.concatenate([np.unique(self.top(pole)[1]) for pole in ("max", "min")])
        return np.unique(rows[rows >= 0])

    def _add_moments(self, count: int, mean: np.ndarray, squares: np.ndarray) -> None:
        # Chan, Golub & LeVeque (1979): pairwise update of mean and sum of squares
        total = self.count + count
        delta = mean - self.mean
        self.mean = self.mean + delta * (count / total)
        self.squares = self.squares + squares + delta**2 * (self.count * count / total)
        self.count = total

    def save(self, path: Path, **more: np.ndarray) -> None:
        """Write the state and `more` arrays as one npz, atomically."""
        with store.atomic(path) as temporary, temporary.open("wb") as handle:
            arrays = {
                "keep": np.array(self.keep), "count": np.array(self.count), "mean": self.mean, "squares": self.squares,
                "highest": self.highest.numpy(), "lowest": self.lowest.numpy(),
            }  # fmt: skip
            np.savez(handle, allow_pickle=False, **arrays, **more)

    @classmethod
    def load(cls, path: Path) -> tuple[Accumulator, dict[str, np.ndarray]]:
        """Read what `save` wrote: the accumulator and the other arrays."""
        with np.load(path, allow_pickle=False) as arrays:
            saved = dict(arrays)
        self = cls(len(saved["mean"]), int(saved.pop("keep")), int(saved.pop("count")))
        self.mean, self.squares = saved.pop("mean"), saved.pop("squares")
        self.highest, self.lowest = (torch.from_numpy(saved.pop(name)) for name in ("highest", "lowest"))
        return self, saved
