"""How intuitive synthetic pictures seem against natural ones, before and after the experiment."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from exemplum.report import style
from exemplum.report.figures import axes

PHASES = {"pre": "before", "post": "after"}


def before_after(ratings: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """RATINGS of each participant before and after, averaged over units and joined, and the participants' mean.

    A rating is -100 (not intuitive) to 100 (intuitive).
    """
    ax = ax or axes.new()
    known = ratings.dropna(subset=["rating"])
    if known.empty:
        return axes.empty(ax, "No one was asked how intuitive the pictures are: nothing to show")
    conditions = style.ordered(known["condition"])
    looks = style.looks(conditions)
    phases = [phase for phase in PHASES if phase in set(known["phase"])]
    for condition in conditions:
        own = known[known["condition"] == condition]
        means = own.groupby(["participant", "phase"])["rating"].mean().unstack().reindex(columns=phases)
        for _, values in means.iterrows():
            ax.plot(range(len(phases)), values, color=looks[condition].color, lw=0.7, alpha=0.3, marker="o", ms=3)
        ax.plot(range(len(phases)), means.mean(), color=looks[condition].color, lw=2.2,
                marker=looks[condition].marker, ms=8, mec="white")  # fmt: skip
    ax.axhline(0, color=style.SOFT, lw=0.9, ls=(0, (4, 3)), zorder=0)
    ax.set_ylim(-105, 105)
    ax.set_yticks(range(-100, 101, 50))
    ax.set_ylabel("intuitiveness (−100 to 100)")
    counts = known.groupby("phase")["participant"].nunique()
    axes.categories(ax, [f"{PHASES[p]}\n(n = {counts[p]})" for p in phases], slant=False)
    axes.legend(ax, conditions, looks)
    return ax
