"""How intuitive synthetic pictures seem against natural ones, before and after the experiment."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from exemplum.report import style
from exemplum.report.figures import axes

MOMENTS = ("before", "after")


def before_after(ratings: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Ratings from -100 (not intuitive) to 100 of each participant before and after, joined, and their mean.

    `ratings` has the columns participant, moment (before or after) and rating; several ratings are averaged.
    """
    ax = ax or axes.new()
    known = ratings.dropna(subset=["rating"]) if len(ratings) else ratings
    if known.empty:
        return axes.empty(ax, "No one was asked how intuitive the pictures are: nothing to show")
    means = known.groupby(["participant", "moment"])["rating"].mean().unstack()
    moments = [m for m in MOMENTS if m in means]
    means = means[moments]
    for _, values in means.iterrows():
        ax.plot(range(len(moments)), values, color=style.SOFT, lw=0.7, alpha=0.5, marker="o", ms=3, mec="none")
    ax.plot(
        range(len(moments)), means.mean(), color=style.KNOWN["synthetic"].color, lw=2.2, marker="s", ms=8, mec="white"
    )
    ax.axhline(0, color=style.SOFT, lw=0.9, ls=(0, (4, 3)), zorder=0)
    ax.set_ylim(-105, 105)
    ax.set_yticks(range(-100, 101, 50))
    ax.set_ylabel("intuitiveness of synthetic images")
    axes.categories(ax, [f"{m}\n(n = {int(means[m].notna().sum())})" for m in moments])
    return ax
