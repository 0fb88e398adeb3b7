"""The state of a study in numbers and distributions: counts, the way from link to completion, times, devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from exemplum import pages
from exemplum.server.pages.session_lines import SessionLine
from exemplum.server.sessions.summaries import EDGES_MS

WIDTHS = (768, 1024, 1280, 1536, 1920, 2560)  # CSS pixels
STEPS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 240)  # widths of bins of durations, minutes
MOST_BINS = 16


@dataclass(frozen=True)
class Histogram:
    """Counts per bin, with the lower edge of each as text, and what it says in words."""

    title: str
    unit: str
    bins: Sequence[tuple[str, int]]
    words: str

    @property
    def most(self) -> int:
        return max((count for _, count in self.bins), default=0)


def counts(of: Sequence[SessionLine]) -> dict[str, int]:
    """Numbers of sessions by status, without pilots."""
    real = [line for line in of if not line.pilot]
    by = Counter(line.status for line in real)
    return {
        "entered": len(real), "active": by["active"], "away": by["away"], "completed": by["completed"],
        "failed attention": by["failed_attention"], "no consent": by["no_consent"],
        "screened out": by["screened_out"], "excluded": sum(bool(line.broken) for line in real),
        "flagged": sum(bool(line.flags) for line in real), "pilot": len(of) - len(real),
    }  # fmt: skip


def funnel(of: Iterable[SessionLine]) -> list[tuple[str, int]]:
    """How many came how far, without pilots."""
    real = [line for line in of if not line.pilot]
    reached = [
        ("opened the link", lambda line: line.began > 0),
        ("consented", lambda line: line.step > 0 and line.status != "no_consent"),
        ("filled in the form", lambda line: line.place is not None),
        ("first trial", lambda line: line.answered > 0),
        ("half of the trials", lambda line: line.answered > 0 and 2 * line.answered >= line.total),
        ("all trials", lambda line: line.answered > 0 and line.answered == line.total),
        ("completed", lambda line: line.status == "completed"),
    ]
    return [(name, sum(map(has, real))) for name, has in reached]


def durations(of: Iterable[SessionLine]) -> Histogram:
    """Minutes from the first page to the end, of completed sessions without pilots."""
    minutes = sorted(line.minutes for line in of if line.status == "completed" and not line.pilot)
    if not minutes:
        return Histogram("Duration of completed sessions", "minutes", (), "none yet")
    usual = minutes[int(0.98 * (len(minutes) - 1))]  # a session that was left open overnight must not set the scale
    step = next((step for step in STEPS_MIN if usual / step < MOST_BINS), STEPS_MIN[-1])
    last = int(usual // step)
    found = Counter(min(int(value // step), last + 1) for value in minutes)
    first = min(found)
    bins = [(f"{number * step}", found[number]) for number in range(first, last + 1)]
    if found[last + 1]:
        bins.append((f"≥ {(last + 1) * step}", found[last + 1]))
    low, high = minutes[len(minutes) // 4], minutes[(3 * len(minutes)) // 4]
    words = (
        f"median {median(minutes):.0f} min, middle half {low:.0f} to {high:.0f}, {pages.count(len(minutes), 'session')}"
    )
    return Histogram("Duration of completed sessions", "minutes", bins, words)


def reaction_times(of: Iterable[SessionLine]) -> Histogram:
    """Answers per bin of reaction time, of all trials and sessions without pilots."""
    real = [line for line in of if not line.pilot and line.rts]
    sums = [sum(column) for column in zip(*(line.rts for line in real), strict=True)]
    answers = sum(sums)
    if not answers:
        return Histogram("Reaction times", "seconds", (), "none yet")
    edges = [0.0, *(edge / 1000 for edge in EDGES_MS)]
    bins = [(f"{edge:.2g}", count) for edge, count in zip(edges, sums, strict=True)]
    halves = [line.median_rt_s for line in real if line.median_rt_s is not None]
    words = (
        f"{pages.count(answers, 'answer')}; median of a session {median(halves):.1f} s, from {min(halves):.1f} to "
        f"{max(halves):.1f}"
    )
    return Histogram("Reaction times", "seconds", bins, words)


def shares(of: Iterable[SessionLine]) -> list[list[tuple[str, int]]]:
    """Devices, browsers (the most frequent first) and widths of windows, without pilots."""
    real = [line for line in of if not line.pilot]
    widths = Counter(_width(line.width) for line in real if line.width)
    return [
        Counter(line.device for line in real if line.device).most_common(),
        Counter(line.browser for line in real if line.browser).most_common(8),
        [(name, widths[name]) for name in map(_width, (1, *WIDTHS)) if widths[name]],
    ]


def _width(pixels: int) -> str:
    below = [edge for edge in WIDTHS if edge <= pixels]
    above = [edge for edge in WIDTHS if edge > pixels]
    if not below:
        return f"below {WIDTHS[0]}"
    return f"{below[-1]} to {above[0] - 1}" if above else f"{below[-1]} and more"


def everything(of: Sequence[SessionLine], issued: int) -> dict[str, Any]:
    """What the page of all sessions shows besides the list."""
    return {
        "counts": counts(of), "funnel": funnel(of), "issued": issued, "histograms": [durations(of), reaction_times(of)],
        "shares": shares(of),
    }  # fmt: skip
