"""Names, order and colours of conditions and observers in all figures and tables, and common parts of figures."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from exemplum import store

# Okabe & Ito's palette, safe for the common colour blindnesses, without its yellow, which is too faint on paper.
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
STAMP = "#8a1c14"
INK, SOFT, FAINT = "#1a1a1a", "#666666", "#d9d9d9"

FIRST = ("natural", "synthetic")  # after the baseline
LAST = ("none", "none_pre", "none_post")
LABELS = {"none_pre": "none (before)", "none_post": "none (after)"}
PEOPLE = "participants"
CHECKS = {  # observers whose result is known in advance
    "ideal": "must be right on every trial",
    "chance": "must be right on about half of the trials",
}
OBSERVERS = (PEOPLE, "similarity", "similarity-same-network", "simulated", "ideal", "chance")

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
    """How one condition is drawn; the marker distinguishes conditions where colour cannot."""

    color: str
    marker: str


@dataclass(frozen=True)
class Conditions:
    """What a study says of its conditions. Figures and tables made by hand have the default."""

    baseline: str = "natural"
    nulls: tuple[str, ...] = ()  # whose references explain nothing: the truth is chance
    exemplars: tuple[str, ...] = ("natural",)  # whose pictures are images of the corpus, or parts of them
    names: tuple[str, ...] = ()  # all of the study, so that each has one look in every figure
    stamp: str = ""  # in a corner of every figure, if the answers are no data: rehearsal or pilots
    people: tuple[str, ...] = (PEOPLE,)  # observers that are people


_CONDITIONS: ContextVar[Conditions | None] = ContextVar("conditions", default=None)


def conditions() -> Conditions:
    """What the study that is reported says of its conditions."""
    return _CONDITIONS.get() or Conditions()


@contextmanager
def of_study(said: Conditions) -> Iterator[None]:
    """Within, order and looks of conditions are those of this study."""
    token = _CONDITIONS.set(said)
    try:
        yield
    finally:
        _CONDITIONS.reset(token)


KNOWN = {
    "natural": Look(BLUE, "o"),
    "synthetic": Look(VERMILION, "s"),
    "none": Look("#7a7a7a", "D"),
    "none_pre": Look("#4d4d4d", "D"),
    "none_post": Look("#a6a6a6", "D"),
}
# the first four differ in colour and marker, the next eight from these and each other in one of them
OTHERS = tuple(
    Look(color, marker) for markers in ("^vPX", "<>dh", "pH8*")
    for color, marker in zip((GREEN, PURPLE, SKY, ORANGE), markers, strict=True)
)  # fmt: skip
NULL = Look("#9a9a9a", "p")


def ordered(names: Iterable[str]) -> list[str]:
    """Conditions without repetition in the report's order: the baseline, natural, synthetic, others by name, none.

    A null of the study stands after the other methods.
    """
    present, said = set(names), conditions()
    first = [name for name in dict.fromkeys((said.baseline, *FIRST)) if name in present]
    others = sorted(present - set(first) - set(LAST), key=lambda name: (name in said.nulls, name))
    return first + others + [name for name in LAST if name in present]


def looks(names: Iterable[str]) -> dict[str, Look]:
    """The look of each condition; other methods get the remaining looks in order of their names."""
    names, said = list(names), conditions()
    others = sorted({*names, *said.names} - KNOWN.keys() - set(said.nulls))
    spare = {name: OTHERS[place % len(OTHERS)] for place, name in enumerate(others)} | dict.fromkeys(said.nulls, NULL)
    return {name: KNOWN.get(name) or spare[name] for name in ordered(names)}


def label(condition: str) -> str:
    """A condition as readers see it: `folder:path/to/mine` is `mine`, `package.module:name` is `name`."""
    name = LABELS.get(condition, condition)
    return re.split(r"[:/\\]", name.rstrip("/\\"))[-1] or name


def ordered_observers(observers: Iterable[str]) -> list[str]:
    """Observers without repetition: people first, then machines from the most to the least informative."""
    present = set(observers)
    return [o for o in OBSERVERS if o in present] + sorted(present - set(OBSERVERS))


def apart(observers: Iterable[str]) -> dict[str, list[str]]:
    """Observers in their order, people and machines apart; of kinds that are there."""
    ordered, people = ordered_observers(observers), conditions().people
    kinds = {"People": [o for o in ordered if o in people], "Machines": [o for o in ordered if o not in people]}
    return {kind: names for kind, names in kinds.items() if names}


def margin_key(group: str) -> float:
    """Sort key of the groups of `by` margin: `0.5 to 1`, `8 and above`."""
    return float(group.split(" ")[0])


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts `p2` before `p10` and `mixed3a` before `mixed4a`."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


@contextmanager
def typography() -> Iterator[None]:
    """Draw and save figures with the report's fonts and lines, whatever the caller's matplotlib settings are."""
    with mpl.rc_context(RC):
        yield


CHANCE = 0.5
LETTERS_PER_INCH = 15  # of tick labels at 8 points
WIDTH, HEIGHT = 3.5, 2.7  # inches of a panel: two of them side by side fill a page's text


def new(width: float = WIDTH, height: float = HEIGHT) -> Axes:
    """Axes on a new figure, sizes in inches, without pyplot's global state."""
    return Figure(figsize=(width, height), layout="constrained", dpi=100).add_subplot()


def empty(ax: Axes, reason: str) -> Axes:
    """Write on the axes why nothing is shown."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_color(FAINT)
        spine.set_visible(True)
    text = "\n".join(textwrap.wrap(reason, 38))
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=SOFT, fontsize=8.5)
    return ax


def point(ax: Axes, x: float, row: pd.Series, look: Look, size: float = 6.0, horizontal: bool = False) -> None:
    """An estimate as a marker with its interval, if it has one."""
    value = float(row["estimate"])
    if not np.isfinite(value):
        return
    if np.isfinite(row["low"]) and np.isfinite(row["high"]):
        low, high = float(row["low"]), float(row["high"])
        along, across = ([low, high], [x, x])
        ax.plot(*((along, across) if horizontal else (across, along)), color=look.color, lw=1.6, zorder=3)
    at = (value, x) if horizontal else (x, value)
    ax.plot(*at, marker=look.marker, ms=size, color=look.color, mec="white", mew=0.8, zorder=4)


def shares(ax: Axes, title: str = "accuracy", chance: bool = True, horizontal: bool = False) -> None:
    """An axis of shares from 0 to 100 %, with the line of chance at 50 %."""
    axis = ax.xaxis if horizontal else ax.yaxis
    (ax.set_xlim if horizontal else ax.set_ylim)(-0.03, 1.03)
    axis.set_ticks(np.arange(0, 1.01, 0.25))
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))
    axis.set_label_text(title)
    if chance:
        (ax.axvline if horizontal else ax.axhline)(CHANCE, color=SOFT, lw=0.9, ls=(0, (4, 3)), zorder=1)


def short(name: str, most: int = 16) -> str:
    """A long name with its middle left out; the figure's table has the full name."""
    return name if len(name) <= most else f"{name[: most - 6]}…{name[-5:]}"


def categories(ax: Axes, names: Sequence[str], slant: bool | None = None, at: Sequence[float] | None = None) -> None:
    """Label the x positions 0, 1, … or `at`; labels that do not fit side by side are rotated."""
    ax.set_xticks(range(len(names)) if at is None else at)
    width = ax.get_figure(root=True).get_figwidth() * ax.get_position().width  # type: ignore[union-attr]
    crowded = (
        sum(1 + max(len(line) for line in name.split("\n")) for name in names) > LETTERS_PER_INCH * width
        if slant is None
        else slant
    )
    ax.set_xticklabels(names, rotation=40 if crowded else 0, ha="right" if crowded else "center",
                       rotation_mode="anchor" if crowded else None)  # fmt: skip
    ax.set_xlim(-0.6, max(len(names) - 0.4, 0.6))
    ax.tick_params(axis="x", length=0)


MANY = 5  # conditions that fit side by side in a narrow panel


def dodge(count: int, width: float = 0.5) -> np.ndarray:
    """Offsets of `count` neighbours around a position, (count,); many take most of the room between two positions."""
    reach = max(width, 0.7) / 2 if count > MANY else width / 2
    return np.zeros(1) if count <= 1 else np.linspace(-reach, reach, count)


def spread(values: np.ndarray, width: float = 0.28) -> np.ndarray:
    """Offsets that separate equal values, (values,): a deterministic bee swarm."""
    offsets = np.zeros(len(values))
    rounded = np.round(values, 2)
    for value in np.unique(rounded):
        at = np.flatnonzero(rounded == value)
        reach = min(width, 0.035 * (len(at) - 1))
        offsets[at] = np.linspace(-reach, reach, len(at)) if len(at) > 1 else 0.0
    return offsets


def legend(ax: Axes, names: Iterable[str], looks: dict[str, Look], title: str = "") -> None:
    """A legend of the conditions in the report's order, above the axes where it covers nothing."""
    handles = [
        Line2D([], [], color=looks[c].color, marker=looks[c].marker, ls="", ms=6, mec="white", label=label(c))
        for c in ordered(names)
    ]
    if handles:
        ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(len(handles), 4),
                  handletextpad=0.2, columnspacing=1.2, borderaxespad=0.2, title=title or None)  # fmt: skip


def figure_legend(figure: Figure, names: Iterable[str]) -> None:
    """The legend of conditions of all panels, above them."""
    shown = ordered(names)
    drawn = looks(shown)
    handles = [
        Line2D([], [], color=drawn[c].color, marker=drawn[c].marker, ls="", ms=6, mec="white", label=label(c))
        for c in shown
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=max(1, min(len(handles), 6)), handletextpad=0.2)


PNG_DPI = 200


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write NAME.png and NAME.svg into the folder, atomically. Returns both paths."""
    paths = (folder / f"{name}.png", folder / f"{name}.svg")
    with typography():
        _settle(figure)
        if said := conditions().stamp:
            figure.text(0.998, 0.998, said, ha="right", va="top", fontsize=7, fontweight="bold", color=STAMP)
        for path in paths:
            with store.atomic(path) as temporary:
                kind = path.suffix[1:]
                figure.savefig(temporary, format=kind, dpi=PNG_DPI, metadata={"Date": None} if kind == "svg" else None)
    return paths


def _settle(figure: Figure) -> None:
    """Compute the layout once: doing it again for each file would take longer than drawing."""
    figure.draw_without_rendering()
    figure.set_layout_engine(None)  # with a placeholder each file would be drawn twice
