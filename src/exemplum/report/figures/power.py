"""Power by number of participants, a line a number of units."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from exemplum.report import style
from exemplum.report.figures import axes

COLORS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.SKY, style.ORANGE)
MARKERS = "os^vPX"
WANTED = 0.8


def power(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the table of `exemplum.analysis.power.table`: simulated power with its interval; dashed: 80 %."""
    ax = ax or axes.new()
    ax.axhline(WANTED, color=style.SOFT, lw=0.8, ls="--", zorder=0)
    for place, (units, rows) in enumerate(table.groupby("units", sort=True)):
        rows = rows.sort_values("participants")
        color, marker = COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)]
        ax.fill_between(rows["participants"], rows["low"], rows["high"], color=color, alpha=0.15, lw=0)
        ax.plot(rows["participants"], rows["power"], color=color, marker=marker, ms=4, label=f"{units} units")
    ax.set(xlabel="participants", ylabel="power", ylim=(0, 1.02))
    ax.legend()
    if len(table):
        ax.set_title(f"A difference of {100 * table['difference'].iloc[0]:+g} points, test: {table['test'].iloc[0]}")
    return ax
