"""Figures of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd

from exemplum.scores.summary import WHOLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def curves(summaries: pd.DataFrame, observer: str, difficulties: Sequence[str], axes: Axes | None = None) -> Axes:
    """Accuracy over all layers by difficulty, with intervals over units; nulls dashed, chance dotted."""
    axes = axes or plt.subplots(figsize=(5, 3.2), layout="constrained")[1]
    own = summaries[(summaries["layer"] == WHOLE) & (summaries["observer"] == observer)]
    place = {difficulty: x for x, difficulty in enumerate(difficulties)}
    for (method, k, null), rows in own.groupby(["method", "references", "null"], sort=False):
        rows = rows.assign(x=rows["difficulty"].map(place)).sort_values("x")
        name = f"{method}, {null}" if null else str(method)
        label = name if own["references"].nunique() == 1 else f"{name}, {k} per pole"
        drawn = axes.plot(rows["x"], rows["accuracy"], "--" if null else "-", marker="o", markersize=3, label=label)
        axes.fill_between(rows["x"], rows["low"], rows["high"], color=drawn[0].get_color(), alpha=0.2, linewidth=0)
    axes.axhline(0.5, color="0.6", linestyle=":", linewidth=1)
    axes.set_xticks(range(len(difficulties)), difficulties)
    axes.set(xlabel="difficulty of the queries", ylabel=f"accuracy of {observer}", ylim=(0.4, 1.02))
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
