"""Presentation schemes and expertise: the comparisons of Experiment II."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from exemplum.report import style
from exemplum.report.figures import accuracy, axes
from exemplum.report.select import pick

ORDER = ("Max-1", "Min-Max-1", "Max-9", "Min-Max-9")


def by_scheme(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy by scheme, conditions side by side."""
    return accuracy.by_group(estimates, "scheme", observer, ax, order=ORDER)


def by_expertise(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy by scheme and expertise: filled markers for experts, open ones for lay participants."""
    ax = ax or axes.new()
    rows = pick(estimates, "accuracy", by="scheme+expertise", observer=observer).dropna(subset=["estimate"])
    if rows.empty:
        return axes.empty(ax, "Expertise was not asked, or there is one scheme only: nothing to show")
    parts = rows["group"].str.split("|", n=1, expand=True).reindex(columns=[0, 1]).fillna("")
    rows = rows.assign(scheme=parts[0], expertise=parts[1])
    schemes = [s for s in ORDER if s in set(rows["scheme"])] + sorted(set(rows["scheme"]) - set(ORDER))
    series = [(c, e) for c in style.ordered(rows["condition"]) for e in sorted(set(rows["expertise"]))]
    looks = style.looks(rows["condition"])
    for offset, (condition, expertise) in zip(axes.dodge(len(series), 0.5), series, strict=True):
        own = rows[(rows["condition"] == condition) & (rows["expertise"] == expertise)]
        for _, row in own.iterrows():
            x = schemes.index(row["scheme"]) + offset
            axes.point(ax, x, row, looks[condition], size=6)
            if expertise != "expert":
                ax.plot(x, row["estimate"], marker=looks[condition].marker, ms=3, color="white", zorder=5)
    axes.shares(ax)
    axes.categories(ax, schemes)
    axes.legend(ax, rows["condition"], looks)
    ax.text(0.01, 0.02, "filled: expert   open: lay", transform=ax.transAxes, fontsize=7.5, color=style.SOFT)
    return ax
