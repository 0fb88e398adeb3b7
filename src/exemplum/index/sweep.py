"""A pass over rows of a corpus, on this machine or on many: extremes, moments and sample, saved as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from exemplum.images import Corpus
from exemplum.index.activations import Measurements, Measurer, TableMeasurer
from exemplum.index.extremes import Accumulator
from exemplum.index.sampling import SampleCollector
from exemplum.runtime import Cluster

CHECKPOINT_S = 15.0  # least time between two checkpoints: for a large network they are hundreds of MB


class Sweep:
    """The state of a pass over some rows of a corpus; with a path, saved regularly and when it is stopped."""

    def __init__(self, key: str, rows: np.ndarray, total: Accumulator, sample: SampleCollector, path: Path | None):
        """`key` identifies what is measured; a saved state with another key is ignored."""
        self.key, self.rows, self.path = key, rows, path
        self.done, self.broken = 0, list[tuple[int, str]]()
        self.total, self.sample = total, sample
        if path and path.exists():
            self._resume(path)

    def run(self, shards: Iterator[Measurements]) -> None:
        """Measure and merge the remaining rows, shard by shard, in order. Progress is saved if one raises."""
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

    def _take(self, shard: Measurements) -> None:
        self.total.add(shard.values, shard.rows, shard.cells)
        self.broken += shard.broken
        self.sample.add(shard.values, shard.rows)
        self.done += len(shard.rows) + len(shard.broken)

    def _checkpoint(self, path: Path) -> None:
        self.total.save(
            path, key=np.array(self.key), done=np.array(self.done), **self.sample.state(),
            broken_rows=np.array([row for row, _ in self.broken], np.int64),
            broken_reasons=np.array([reason for _, reason in self.broken], str),
        )  # fmt: skip

    def _resume(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as saved:
            if str(saved["key"]) != self.key:
                return  # of other settings, or of another version: start from the beginning
        total, more = Accumulator.load(path)
        self.total, self.done = total, int(more["done"])
        self.sample.resume(more)
        self.broken = list(zip(more["broken_rows"].tolist(), more["broken_reasons"].tolist(), strict=True))


def spread(
    cluster: Cluster,
    make: Callable[[], Measurer | TableMeasurer],
    corpus: Corpus,
    rows: np.ndarray,
    batch: int,
    size: int,
) -> Iterator[Measurements]:
    """Measured shards of `size` rows, in order. Each worker calls `make` and opens the images on its machine."""
    starts = range(0, len(rows), size)
    return cluster.spread(partial(_Worker, make, corpus, batch), [rows[start : start + size] for start in starts])


class _Worker:
    """Measures shards. With a GPU images are decoded in parallel; a worker with one core alternates."""

    def __init__(self, make: Callable[[], Measurer | TableMeasurer], corpus: Corpus, batch: int):
        self.measurer, self.corpus, self.batch = make(), corpus, batch
        self.decoders = None if self.measurer.device.type == "cuda" else 0

    def __call__(self, rows: np.ndarray) -> Measurements:
        return joined(list(self.measurer.corpus(self.corpus, rows, self.batch, self.decoders)))


def shards(batches: Iterator[Measurements], size: int) -> Iterator[Measurements]:
    """Shards of `size` images, including broken ones, that batches fill exactly; the last may be smaller."""
    parts: list[Measurements] = []
    filled = 0
    for part in batches:
        parts.append(part)
        filled += len(part.rows) + len(part.broken)
        if filled == size:
            yield joined(parts)
            parts, filled = [], 0
    if parts:
        yield joined(parts)


def joined(parts: list[Measurements]) -> Measurements:
    """Concatenate consecutive parts."""
    where = [part.cells for part in parts if part.cells is not None]
    return Measurements(
        np.concatenate([part.rows for part in parts]), np.concatenate([part.values for part in parts]),
        tuple(fault for part in parts for fault in part.broken), np.concatenate(where) if where else None,
    )  # fmt: skip
