"""Progress of long work: a bar with rate and remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from exemplum.errors import one_line

LINE_EVERY_S = 15.0  # seconds between lines without a terminal (CI, a log file)

# Printed text contains users' names: folders, methods, keys of study.toml. So markup, emoji codes and highlighting are
# off; styled text is a rich.text.Text, made by `styled`.
PLAIN: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}

console = Console(stderr=True, soft_wrap=True, **PLAIN)  # a line stays one line, however narrow the terminal
output = Console(**PLAIN)  # results of a command, as opposed to messages about its progress


def styled(*parts: str | tuple[str, str]) -> Text:
    """A line of which some parts have a style: `styled(("index", "bold green"), ": 4 units")`. No part is markup."""
    return Text.assemble(*((one_line(part), "") if isinstance(part, str) else (one_line(part[0]), part[1])
                           for part in parts))  # fmt: skip


def said_duration(seconds: float) -> str:
    """A time that is known roughly.

    >>> [said_duration(seconds) for seconds in (0.3, 42, 170, 5000, 400_000)]
    ['1 s', '42 s', '3 min', '1.4 h', '4.6 days']
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.1f} days"


@contextmanager
def track(label: str, total: int, unit: str, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show progress of `total` items called `unit`, `done` of them before this run.

    Yields a function to call with the number of items just finished. The rate counts this run only.
    """
    show = _bar(label, total, unit, done) if console.is_terminal else _lines(label, total, unit, done)
    with show as advance:
        yield advance


@contextmanager
def _bar(label: str, total: int, unit: str, done: int) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn("{task.description}", style="bold", markup=False), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(label, total=total, completed=done, rate="")
        began, finished = time.monotonic(), 0

        def advance(count: int) -> None:
            nonlocal finished
            finished += count
            rate = finished / max(time.monotonic() - began, 1e-9)
            progress.update(task, advance=count, rate=f"{rate:,.1f} {unit}/s")

        yield advance


@contextmanager
def _lines(label: str, total: int, unit: str, done: int) -> Iterator[Callable[[int], None]]:
    began = spoken = time.monotonic()
    finished = 0

    def advance(count: int) -> None:
        nonlocal finished, spoken
        finished += count
        now = time.monotonic()
        if now - spoken >= LINE_EVERY_S:
            spoken = now
            rate = finished / max(now - began, 1e-9)
            left = (total - done - finished) / max(rate, 1e-9)
            text = f"{label}: {done + finished}/{total} {unit}, {rate:.1f}/s, {left:.0f} s left"
            print(text, file=sys.stderr, flush=True)

    yield advance
