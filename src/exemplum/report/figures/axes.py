"""Pieces that every figure is made of: an axes to draw on, points with intervals, a chance line, an empty axes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from exemplum.report import style

CHANCE = 0.5
LETTERS_AN_INCH = 15  # of tick labels at 8 points
WIDTH, HEIGHT = 3.5, 2.7  # inches of a panel: two of them side by side fill a page's text


def new(width: float = WIDTH, height: float = HEIGHT) -> Axes:
    """An axes on a figure of its own, sizes in inches, without pyplot's global state."""
    return Figure(figsize=(width, height), layout="constrained", dpi=100).add_subplot()


def empty(ax: Axes, reason: str) -> Axes:
    """Say on the axes why there is nothing to see."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_color(style.FAINT)
        spine.set_visible(True)
    text = "\n".join(textwrap.wrap(reason, 38))
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=style.SOFT, fontsize=8.5)
    return ax


def point(ax: Axes, x: float, row: pd.Series, look: style.Look, size: float = 6.0, horizontal: bool = False) -> None:
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
        (ax.axvline if horizontal else ax.axhline)(CHANCE, color=style.SOFT, lw=0.9, ls=(0, (4, 3)), zorder=1)


def short(name: str, most: int = 16) -> str:
    """A long name with its middle left out; the figure's table has it whole."""
    return name if len(name) <= most else f"{name[: most - 6]}…{name[-5:]}"


def categories(ax: Axes, names: Sequence[str], slant: bool | None = None) -> None:
    """Name the x positions 0, 1, … ; names that do not fit side by side stand aslant."""
    ax.set_xticks(range(len(names)))
    width = ax.get_figure(root=True).get_figwidth() * ax.get_position().width  # type: ignore[union-attr]
    crowded = (
        sum(1 + max(len(line) for line in name.split("\n")) for name in names) > LETTERS_AN_INCH * width
        if slant is None
        else slant
    )
    ax.set_xticklabels(names, rotation=40 if crowded else 0, ha="right" if crowded else "center",
                       rotation_mode="anchor" if crowded else None)  # fmt: skip
    ax.set_xlim(-0.6, max(len(names) - 0.4, 0.6))
    ax.tick_params(axis="x", length=0)


def dodge(count: int, width: float = 0.5) -> np.ndarray:
    """Offsets of `count` neighbours around a position, (count,)."""
    return np.zeros(1) if count <= 1 else np.linspace(-width / 2, width / 2, count)


def spread(values: np.ndarray, width: float = 0.28) -> np.ndarray:
    """Offsets that keep equal values apart, (values,): a bee swarm by counting, the same each time."""
    offsets = np.zeros(len(values))
    rounded = np.round(values, 2)
    for value in np.unique(rounded):
        at = np.flatnonzero(rounded == value)
        reach = min(width, 0.035 * (len(at) - 1))
        offsets[at] = np.linspace(-reach, reach, len(at)) if len(at) > 1 else 0.0
    return offsets


def legend(ax: Axes, conditions: Iterable[str], looks: dict[str, style.Look], title: str = "") -> None:
    """Name the conditions in the report's order, above the axes where they cover nothing."""
    handles = [
        Line2D([], [], color=looks[c].color, marker=looks[c].marker, ls="", ms=6, mec="white", label=style.label(c))
        for c in style.ordered(conditions)
    ]
    if handles:
        ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(len(handles), 4),
                  handletextpad=0.2, columnspacing=1.2, borderaxespad=0.2, title=title or None)  # fmt: skip
