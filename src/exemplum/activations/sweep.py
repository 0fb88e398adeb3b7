"""A sweep: many images measured shard after shard, stopped and resumed at will."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from exemplum.activations.accumulate import Accumulator
from exemplum.activations.reading import Measured

CHECKPOINT_S = 15.0  # at most so often is the state written: for a large network it is hundreds of MB


class Sweep:
    """What a sweep over some rows of a corpus has found so far; with a path, on disk now and then, and at a stop."""

    def __init__(self, key: str, rows: np.ndarray, units: int, keep: int, sampled: np.ndarray, path: Path | None):
        """`key` says what is measured: a state on disk of another key is not gone on with."""
        self.key, self.rows, self.path = key, rows, path
        self.sampled = np.intersect1d(sampled, rows, assume_unique=True)
        self.done, self.broken = 0, list[tuple[int, str]]()
        self.total = Accumulator(units, keep)
        self.values = np.full((len(self.sampled), units), np.nan, np.float32)  # of the sampled rows
        if path and path.exists():
            self._resume(path)

    def run(self, shards: Iterator[Measured]) -> None:
        """Take in shards of the rows left, in their order, each whole. Progress is kept if one raises."""
        written = float("-inf")
        try:
            for shard in shards:
                self._take(shard)
                if self.path and time.monotonic() - written > CHECKPOINT_S:
                    self._checkpoint(self.path)
                    written = time.monotonic()
        finally:
            if self.path:
                self._checkpoint(self.path)

    @property
    def left(self) -> np.ndarray:
        """Rows not yet measured."""
        return self.rows[self.done :]

    def forget(self) -> None:
        """Remove the state from the disk."""
        if self.path:
            self.path.unlink(missing_ok=True)

    def _take(self, shard: Measured) -> None:
        self.total.add(shard.values, shard.rows)
        self.broken += shard.broken
        chosen = np.isin(shard.rows, self.sampled)
        self.values[np.searchsorted(self.sampled, shard.rows[chosen])] = shard.values[chosen]
        self.done += len(shard.rows) + len(shard.broken)

    def _checkpoint(self, path: Path) -> None:
        self.total.save(
            path, key=np.array(self.key), done=np.array(self.done), values=self.values,
            broken_rows=np.array([row for row, _ in self.broken], np.int64),
            broken_reasons=np.array([reason for _, reason in self.broken], str),
        )  # fmt: skip

    def _resume(self, path: Path) -> None:
        total, more = Accumulator.load(path)
        if str(more["key"]) != self.key:
            return  # of other settings: start anew
        self.total, self.done, self.values = total, int(more["done"]), more["values"]
        self.broken = list(zip(more["broken_rows"].tolist(), more["broken_reasons"].tolist(), strict=True))
