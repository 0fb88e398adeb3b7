"""How a condition or an observer is named, ordered and coloured, the same in every figure and table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl

# Okabe & Ito's palette, which the usual colour blindnesses can tell apart; its yellow is left out: too faint on paper.
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
INK, SOFT, FAINT = "#1a1a1a", "#666666", "#d9d9d9"

FIRST = ("natural", "synthetic")
LAST = ("none", "none_pre", "none_post")
LABELS = {"none_pre": "none (before)", "none_post": "none (after)"}
PEOPLE = "participants"
OBSERVERS = (PEOPLE, "similarity", "simulated", "ideal", "chance")

RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same figure on every machine
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.labelsize": 8.5,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "svg.fonttype": "path",
    "svg.hashsalt": "exemplum",  # the same figure gives the same file
}


@dataclass(frozen=True)
class Look:
    """How one condition is drawn; the marker tells conditions apart where colour cannot."""

    color: str
    marker: str
    hatch: str = ""


KNOWN = {
    "natural": Look(BLUE, "o"),
    "synthetic": Look(VERMILION, "s"),
    "none": Look("#7a7a7a", "D"),
    "none_pre": Look("#4d4d4d", "D"),
    "none_post": Look("#a6a6a6", "D", "///"),
}
OTHERS = (Look(GREEN, "^"), Look(PURPLE, "v"), Look(SKY, "P"), Look(ORANGE, "X"))


def ordered(conditions: Iterable[str]) -> list[str]:
    """Conditions without repetition in the report's order: natural, synthetic, other methods by name, none."""
    present = set(conditions)
    others = sorted(present - set(FIRST) - set(LAST))
    return [c for c in FIRST if c in present] + others + [c for c in LAST if c in present]


def looks(conditions: Iterable[str]) -> dict[str, Look]:
    """The look of each condition; methods other than the known ones take the spare colours by name."""
    order = ordered(conditions)
    others = [c for c in order if c not in KNOWN]
    spare = {c: OTHERS[i % len(OTHERS)] for i, c in enumerate(others)}
    return {c: KNOWN.get(c) or spare[c] for c in order}


def label(condition: str) -> str:
    """A condition as readers see it: `folder:path/to/mine` is `mine`, `package.module:name` is `name`."""
    name = LABELS.get(condition, condition)
    return re.split(r"[:/\\]", name.rstrip("/\\"))[-1] or name


def ordered_observers(observers: Iterable[str]) -> list[str]:
    """Observers without repetition: people first, then machines from the most to the least telling."""
    present = set(observers)
    return [o for o in OBSERVERS if o in present] + sorted(present - set(OBSERVERS))


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts `p2` before `p10` and `mixed3a` before `mixed4a`."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


@contextmanager
def typography() -> Iterator[None]:
    """Draw and save figures in the report's type, whatever the caller's matplotlib settings are."""
    with mpl.rc_context(RC):
        yield
