"""Shards of a corpus measured by the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from exemplum.activations.reading import Measured, Measurer
from exemplum.activations.sharding import joined
from exemplum.cluster import Cluster
from exemplum.images import Corpus


def spread(
    cluster: Cluster, make: Callable[[], Measurer], corpus: Corpus, rows: np.ndarray, batch: int, size: int
) -> Iterator[Measured]:
    """Shards of `size` rows, in order. Each worker calls `make`, and opens the images where it is."""
    starts = range(0, len(rows), size)
    return cluster.spread(partial(_Worker, make, corpus, batch), [rows[start : start + size] for start in starts])


class _Worker:
    """Measures shards. Decoding goes on beside a GPU; a worker of one core does one thing at a time."""

    def __init__(self, make: Callable[[], Measurer], corpus: Corpus, batch: int):
        self.measurer, self.corpus, self.batch = make(), corpus, batch
        self.decoders = None if self.measurer.device.type == "cuda" else 0

    def __call__(self, rows: np.ndarray) -> Measured:
        return joined(list(self.measurer.corpus(self.corpus, rows, self.batch, self.decoders)))
