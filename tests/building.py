"""Builds in the checkout, which tests that run in several processes must not do at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time builds in the checkout."""
    with (ROOT / "web" / "package.json").open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
