"""Progress of long work on the terminal: bar, rate and time left; plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_EVERY_S = 15.0  # without a terminal (CI, a log file) a line this often

console = Console(stderr=True)
output = Console()  # what a command was asked for, as distinct from how it went


@contextmanager
def track(label: str, total: int, unit: str, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show progress of `total` things called `unit`, `done` of them before this run.

    Gives a function to call with the number of things just finished. The rate counts this run only.
    """
    show = _bar(label, total, unit, done) if console.is_terminal else _lines(label, total, unit, done)
    with show as advance:
        yield advance


@contextmanager
def _bar(label: str, total: int, unit: str, done: int) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
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
