"""The k highest and lowest activations of every unit in a stream of images, with moments.

A value and its row in the corpus are packed into one int64 that sorts by value, then by the order of ties (ties.py):
the high bits are the float's bits, made monotonic, the low bits the row's precedence. So one integer top-k decides
value and ties, and parts of a stream may be merged in any order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from exemplum import store
from exemplum.index import ties

EMPTY = torch.iinfo(torch.int64).min  # sorts below every packed value


@dataclass
class Highest:
    """The highest activations of every unit, as packed keys, greatest first, and the cells of the maps they stem from.

    Cells are -1 where nobody measured them.
    """

    keep: int
    offsets: Tensor  # int64 (units, 1), of the units' orders of ties
    keys: Tensor  # int64 (units, ≤ keep)
    cells: Tensor  # int32 (units, ≤ keep)

    @classmethod
    def none(cls, offsets: np.ndarray, keep: int) -> Highest:
        """Of an empty stream."""
        nothing = (torch.empty((len(offsets), 0), dtype=dtype) for dtype in (torch.int64, torch.int32))
        return cls(keep, torch.from_numpy(offsets)[:, None], *nothing)

    def merge(self, values: Tensor, rows: Tensor, cells: Tensor | None = None) -> None:
        """Merge float32 values and cells, (units, n) each, of the images at rows (n,)."""
        if self.keys.shape[1] == self.keep:
            values, places, contending = self._contenders(values, rows)
            new = torch.where(contending, pack(values, rows[places], self.offsets), EMPTY)
            cells = None if cells is None else cells.gather(1, places)
        else:
            new = pack(values, rows, self.offsets)
        both = torch.cat([self.keys, new], dim=1)
        self.keys, best = both.topk(min(self.keep, both.shape[1]), dim=1, sorted=True)
        where = torch.full_like(new, -1, dtype=torch.int32) if cells is None else cells.int()
        self.cells = torch.cat([self.cells, where], dim=1).gather(1, best)

    def _contenders(self, values: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The values that exceed the lowest key, padded so that all units have equally many; their places among the
        values; and which of them are no padding.

        Later in a long stream these are few, so packing and sorting them takes little time.
        """
        last = self.keys[:, -1:]
        floor = torch.where(last == EMPTY, float("-inf"), _values(last))
        contending = values > floor  # NaN never
        tied = values == floor
        if tied.any():
            contending |= tied & (
                ties.precedence(rows, self.offsets) > torch.where(last == EMPTY, -1, last & ties.MASK)
            )
        most = int(contending.sum(1).max()) if len(values) else 0
        values, places = torch.where(contending, values, float("-inf")).topk(most, dim=1, sorted=False)
        return values, places, contending.gather(1, places)

    def unpacked(self) -> tuple[np.ndarray, np.ndarray]:
        """Values, float32, and rows, int64, (units, ≤ keep) each; NaN and -1 where there are fewer."""
        empty = self.keys == EMPTY
        rows = ties.row_of(self.keys & ties.MASK, self.offsets)
        return _values(self.keys).masked_fill(empty, float("nan")).numpy(), rows.masked_fill(empty, -1).numpy()


def pack(values: Tensor, rows: Tensor, offsets: Tensor) -> Tensor:
    """Pack float32 values (units, n) and rows (n,) or (units, n), 0 ≤ row < 2³², into keys, int64 (units, n).

    A greater key is a higher value, or the same value at a row of greater precedence. NaN packs to EMPTY: it is never
    an extreme.
    """
    bits = (values + 0.0).view(torch.int32).to(torch.int64)  # + 0.0: −0 and 0 tie
    # IEEE floats order like integers once the magnitude bits of negative ones are flipped
    ordered = torch.where(bits >= 0, bits, bits ^ 0x7FFFFFFF)
    keys = (ordered << ties.BITS) | ties.precedence(rows, offsets)
    return torch.where(values.isnan(), EMPTY, keys)


def _values(keys: Tensor) -> Tensor:
    ordered = keys >> ties.BITS
    return torch.where(ordered >= 0, ordered, ordered ^ 0x7FFFFFFF).to(torch.int32).view(torch.float32)


@dataclass
class Accumulator:
    """Extremes and moments of every unit over the images seen so far."""

    offsets: np.ndarray  # int64 (units,), of the units' orders of ties
    keep: int
    count: int = 0
    mean: np.ndarray = field(init=False)
    squares: np.ndarray = field(init=False)  # sum of squared deviations from the mean
    active: np.ndarray = field(init=False)  # int64, images whose activation is not zero
    highest: Highest = field(init=False)
    lowest: Highest = field(init=False)  # of the negated values

    def __post_init__(self) -> None:
        self.mean, self.squares = np.zeros((2, len(self.offsets)))
        self.active = np.zeros(len(self.offsets), np.int64)
        self.highest, self.lowest = (Highest.none(self.offsets, self.keep) for _ in range(2))

    def add(self, values: np.ndarray, rows: np.ndarray, cells: np.ndarray | None = None) -> None:
        """Merge activations, float32 (images, units), of the corpus rows, int64 (images,).

        `cells`: where in the maps they stem from, (images, units, 2): for an image that is a unit's highest, and for
        one that is its lowest. Extremes do not depend on the order of the parts of a stream; moments do in their last
        bits.
        """
        if not len(rows):
            return
        mean = values.mean(0, dtype=np.float64)
        self._add_moments(len(rows), mean, np.square(values - mean).sum(0))
        self.active += np.count_nonzero(values, axis=0)
        columns, places = torch.from_numpy(values.T.copy()), torch.tensor(rows)
        high, low = (None, None) if cells is None else torch.from_numpy(cells.transpose(2, 1, 0).copy())
        self.highest.merge(columns, places, high)
        self.lowest.merge(columns.neg_(), places, low)

    @property
    def std(self) -> np.ndarray:
        """Population standard deviation, (units,); NaN before the first image."""
        return np.sqrt(self.squares / self.count) if self.count else np.full(len(self.offsets), np.nan)

    def top(self, pole: str) -> tuple[np.ndarray, np.ndarray]:
        """Values and corpus rows, (units, ≤ keep) each, of the pole's extremes, most extreme first."""
        if pole == "max":
            return self.highest.unpacked()
        values, rows = self.lowest.unpacked()
        return -values, rows

    def cells(self, pole: str) -> np.ndarray:
        """The cells of the maps that the pole's extremes stem from, int32 (units, ≤ keep); -1 for none."""
        return (self.highest if pole == "max" else self.lowest).cells.numpy()

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
                "offsets": self.offsets, "keep": np.array(self.keep), "count": np.array(self.count),
                "mean": self.mean, "squares": self.squares,
                "active": self.active, "highest": self.highest.keys.numpy(), "lowest": self.lowest.keys.numpy(),
                "highest_cells": self.highest.cells.numpy(), "lowest_cells": self.lowest.cells.numpy(),
            }  # fmt: skip
            np.savez(handle, allow_pickle=False, **arrays, **more)

    @classmethod
    def load(cls, path: Path) -> tuple[Accumulator, dict[str, np.ndarray]]:
        """Read what `save` wrote: the accumulator and the other arrays."""
        with np.load(path, allow_pickle=False) as arrays:
            saved = dict(arrays)
        self = cls(saved.pop("offsets"), int(saved.pop("keep")), int(saved.pop("count")))
        self.mean, self.squares, self.active = (saved.pop(name) for name in ("mean", "squares", "active"))
        offsets = self.highest.offsets
        self.highest, self.lowest = (
            Highest(self.keep, offsets, *(torch.from_numpy(saved.pop(name)) for name in (pole, f"{pole}_cells")))
            for pole in ("highest", "lowest")
        )
        return self, saved
