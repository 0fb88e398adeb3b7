"""The largest resident memory of a process and its descendants."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

INTERVAL_S = 0.05


@contextmanager
def peak_memory(process: int) -> Iterator[list[float]]:
    """Within, the sum of resident memory in MB of a process and its descendants is noted again and again."""
    noted = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(INTERVAL_S):
            noted.append(sum(_resident(member) for member in _tree(process)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield noted
    finally:
        done.set()
        watcher.join()


def _tree(process: int) -> Iterator[int]:
    """A process and its descendants."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    yield from found


def _resident(process: int) -> float:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0
