"""Figures of accuracy by the difficulty of the queries, and by the margin between them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from exemplum.records import easiest_first
from exemplum.report import style
from exemplum.report.figures.accuracy import NO_TRIALS, by_group
from exemplum.report.formatting import pick

MARKERS = "os^Dv<>"  # from the easiest difficulty on
ROW = 0.34  # inches per condition


def by_condition(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy of one observer at each difficulty, one row per condition, the most accurate first.

    Full markers are the easiest queries, the lightest the hardest. Dotted lines are the baseline.
    """
    rows = pick(estimates, "accuracy", by="difficulty", observer=observer).dropna(subset=["estimate"])
    ax = ax or style.new(height=height(rows))
    if rows.empty:
        return style.empty(ax, f"{NO_TRIALS} by difficulty" if len(estimates) else NO_TRIALS)
    levels, order = easiest_first(rows["group"]), ranked(rows)
    looks, said = style.looks(order), style.conditions()
    for level, own in rows[rows["condition"] == said.baseline].groupby("group"):
        at, shade = float(own["estimate"].iloc[0]), 0.6 - 0.3 * levels.index(str(level)) / max(len(levels) - 1, 1)
        ax.axvline(at, color=looks[said.baseline].color, lw=0.9, ls=(0, (1, 2)), alpha=shade, zorder=1)
    places = -style.dodge(len(levels), 0.34)
    for y, condition in enumerate(reversed(order)):
        own = rows[rows["condition"] == condition].set_index("group").reindex(levels)
        color = looks[condition].color
        ax.plot(own["estimate"], y + places, color=color, lw=0.9, alpha=0.5, zorder=2)
        for place, (level, row) in zip(places, own.iterrows(), strict=True):
            marker, fill = _marker(levels, str(level), color)
            if np.isfinite(row["low"]) and np.isfinite(row["high"]):
                ax.plot([row["low"], row["high"]], [y + place] * 2, color=color, lw=1.6, zorder=3)
            ax.plot(row["estimate"], y + place, marker=marker, ms=6.5, color=fill, mec=color, mew=1.3, zorder=4)
    style.shares(ax, horizontal=True)
    ax.set_yticks(range(len(order)), [_name(condition) for condition in reversed(order)])
    ax.set_ylim(-0.6, len(order) - 0.4)
    ax.tick_params(axis="y", length=0)
    _legend(ax, levels)
    return ax


def height(rows: pd.DataFrame) -> float:
    """Inches of a panel with a row for each condition."""
    return 1.05 + ROW * max(rows["condition"].nunique(), 3)


def ranked(rows: pd.DataFrame) -> list[str]:
    """Conditions of ESTIMATES by difficulty, the most accurate over all difficulties first, and none last."""
    means = rows.groupby("condition")["estimate"].mean()
    return sorted(means.index, key=lambda name: (name in style.LAST, -means[name], name))


def by_margin(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy by the margin between the queries' activations, one line per condition."""
    groups = estimates.loc[estimates["by"] == "margin", "group"].unique()
    order = sorted(groups, key=style.margin_key)
    ax = by_group(estimates, "margin", observer, ax, joined=True, order=order)
    if ax.lines:
        ax.set_xlabel("margin of the queries (sd)")
    return ax


def _name(condition: str) -> str:
    said, name = style.conditions(), style.short(style.label(condition), 20)
    notes = {said.baseline: "baseline"} | dict.fromkeys(said.nulls, "null")
    return f"{name}\n({notes[condition]})" if condition in notes else name


def _marker(levels: list[str], level: str, color: str) -> tuple[str, tuple[float, float, float]]:
    """The marker of a difficulty and its fill: the condition's colour for the easiest, white for the hardest."""
    place = levels.index(level)
    strength = 1 - place / max(len(levels) - 1, 1)
    r, g, b = (1 - strength * (1 - channel) for channel in to_rgb(color))
    return MARKERS[place % len(MARKERS)], (r, g, b)


def _legend(ax: Axes, levels: list[str]) -> None:
    handles = []
    for level in levels:
        marker, fill = _marker(levels, level, style.INK)
        handles.append(Line2D([], [], ls="", marker=marker, ms=6.5, color=fill, mec=style.INK, mew=1.3, label=level))
    ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(len(handles), 4),
              handletextpad=0.2, columnspacing=1.2, borderaxespad=0.2, title="difficulty of the queries")  # fmt: skip
