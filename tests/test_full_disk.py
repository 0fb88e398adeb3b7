"""Every kind of file where the disk is full: one line that names it, and what was there before stays."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from exemplum import store
from exemplum.explanations.synthetic import scheduler
from exemplum.index.extremes import Accumulator
from exemplum.report.formatting import export
from exemplum.tables import INDEX_UNITS

BEFORE = b"what was there before"
NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond 1000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


WRITERS = {
    "text": lambda path: store.write_text(path, "x" * 2000),
    "picture": lambda path: store.write_png(path, NOISE),
    "table": lambda path: INDEX_UNITS.write(path, ()),
    "export": lambda path: export(path.parent, path.stem, INDEX_UNITS.frame(), "units"),
    "state of synthesis": lambda path: scheduler.save(path, {"pictures": torch.zeros(5000)}),
    "state of the index": lambda path: Accumulator(np.arange(50), 20).save(path),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_told_with_the_file(kind, tmp_path):
    path = tmp_path / "file.parquet"
    path.write_bytes(BEFORE)
    with full_disk(), pytest.raises(store.StoreError, match=r"file\.parquet cannot be written: .*too large"):
        WRITERS[kind](path)
    assert path.read_bytes() == BEFORE
    assert list(tmp_path.iterdir()) == [path]
