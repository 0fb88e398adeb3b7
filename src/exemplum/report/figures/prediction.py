"""Figure of people's accuracy against machines' scores, unit by unit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from exemplum import pages
from exemplum.report import style

ACROSS, WIDE, HIGH = 3, 7.6, 2.75  # panels side by side, and inches of all of them and of one
MANY = 80  # points with intervals
NAMES = {
    "score": "score over its own tasks",
    "task_accuracy": "accuracy over its own tasks",
    "evidence": "mean Δ on the same trials",
    "answers": "accuracy on the same trials",
}


def by_unit(
    table: pd.DataFrame, machine: str, predictor: str, correlation: float = math.nan, ax: Axes | None = None
) -> Axes:
    """Accuracy of people against one machine's prediction, from PEOPLE_AND_MACHINES: a point per unit and condition."""
    ax = ax or style.new()
    rows = table[(table["machine"] == machine) & table[predictor].notna()]
    if rows.empty:
        return style.empty(ax, "No unit that this machine has predicted: nothing to show")
    looks = style.looks(rows["condition"])
    for condition in style.ordered(rows["condition"]):
        own, look = rows[rows["condition"] == condition], looks[condition]
        x = own[predictor].to_numpy(dtype=float)
        if len(rows) <= MANY:
            ax.vlines(x, own["accuracy_low"], own["accuracy_high"], color=look.color, lw=0.8, alpha=0.25, zorder=2)
        ax.scatter(x, own["accuracy"], s=20 if len(rows) <= MANY else 9, marker=look.marker, color=look.color,
                   ec="white", lw=0.5, alpha=0.85, zorder=3)  # fmt: skip
    style.shares(ax, "people's accuracy")
    if predictor != "evidence":
        style.shares(ax, NAMES[predictor], horizontal=True)
        _around(ax, rows[predictor].to_numpy(dtype=float))
    ax.set_xlabel(NAMES[predictor])
    ax.set_title(f"{style.short(machine, 22)}   r = {pages.number(correlation)}", loc="left")
    return ax


def _around(ax: Axes, values: np.ndarray) -> None:
    """Show the part of the axis of shares in which the values lie, with some room."""
    low, high = float(values.min()), float(values.max())
    room = max(0.06 * (high - low), 0.02)
    ax.set_xlim(max(low - room, -0.03), min(high + room, 1.03))
    ax.xaxis.set_major_locator(MaxNLocator(4))


def panels(table: pd.DataFrame, machines: Sequence[tuple[str, str, float]]) -> Figure:
    """One panel for each machine, given with its prediction and its correlation."""
    across = min(len(machines), ACROSS)
    down = -(-len(machines) // ACROSS)
    with style.typography():
        figure = Figure(figsize=(WIDE * across / ACROSS + 0.5, HIGH * down + 0.3), layout="constrained", dpi=100)
        for place, (machine, predictor, correlation) in enumerate(machines):
            ax = figure.add_subplot(down, across, place + 1)
            by_unit(table, machine, predictor, correlation, ax)
            if place % across:
                ax.set_ylabel("")
        drawn = [table[(table["machine"] == name) & table[predictor].notna()] for name, predictor, _ in machines]
        style.figure_legend(figure, pd.concat(drawn)["condition"])
    return figure
