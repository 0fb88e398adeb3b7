"""Batches put together into shards, which are taken in whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exemplum.activations.reading import Measured


def shards(batches: Iterator[Measured], size: int) -> Iterator[Measured]:
    """Shards of `size` images, broken ones counted, which batches fill exactly; the last of what is left."""
    parts: list[Measured] = []
    filled = 0
    for part in batches:
        parts.append(part)
        filled += len(part.rows) + len(part.broken)
        if filled == size:
            yield joined(parts)
            parts, filled = [], 0
    if parts:
        yield joined(parts)


def joined(parts: list[Measured]) -> Measured:
    """Consecutive parts as one."""
    return Measured(
        np.concatenate([part.rows for part in parts]), np.concatenate([part.values for part in parts]),
        tuple(fault for part in parts for fault in part.broken),
    )  # fmt: skip
