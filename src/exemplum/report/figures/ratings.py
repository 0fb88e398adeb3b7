"""Confidence, reaction time and intuitiveness."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from exemplum.report import style
from exemplum.report.formatting import pick

RATINGS = (1, 2, 3)
STRENGTH = {1: 0.28, 2: 0.6, 3: 1.0}  # opacity of the condition's colour, by rating
NO_TRIALS = "No main trials: nothing to show"


def distribution(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Shares of the ratings 1, 2 and 3 by condition, stacked; darker means more confident."""
    ax = ax or style.new()
    rows = {r: pick(estimates, f"confidence_{r}", observer=observer).dropna(subset=["estimate"]) for r in RATINGS}
    order = style.ordered(c for frame in rows.values() for c in frame["condition"])
    if not order:
        return style.empty(ax, NO_TRIALS)
    looks = style.looks(order)
    for x, condition in enumerate(order):
        base = 0.0
        for rating in RATINGS:
            own = rows[rating][rows[rating]["condition"] == condition]
            share = float(own["estimate"].iloc[0]) if len(own) else 0.0
            color = _tint(looks[condition].color, STRENGTH[rating])
            ax.bar(x, share, 0.62, bottom=base, color=color, ec="white", lw=0.8)
            if share >= 0.07:
                dark = sum(np.array(to_rgb(color)) * (0.3, 0.59, 0.11)) < 0.55
                ax.text(x, base + share / 2, f"{100 * share:.0f} %", ha="center", va="center",
                        fontsize=7.5, color="white" if dark else style.INK)  # fmt: skip
            base += share
    style.shares(ax, "share of trials", chance=False)
    style.categories(ax, [style.label(c) for c in order])
    greys = [Patch(color=_tint(style.SOFT, STRENGTH[r]), label=str(r)) for r in RATINGS]
    ax.legend(handles=greys, title="confidence", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3,
              columnspacing=1.2, handlelength=1.1, borderaxespad=0.2)  # fmt: skip
    return ax


def calibration(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Accuracy at each confidence rating, one line per condition; the marker's area grows with the number of trials."""
    ax = ax or style.new()
    rows = pick(estimates, "accuracy", by="confidence", observer=observer).dropna(subset=["estimate"])
    rows = rows[rows["group"].isin([str(r) for r in RATINGS])]
    if rows.empty:
        return style.empty(ax, NO_TRIALS)
    conditions = style.ordered(rows["condition"])
    looks = style.looks(conditions)
    most = max(int(rows["n_trials"].max()), 1)
    for offset, condition in zip(style.dodge(len(conditions), 0.3), conditions, strict=True):
        own = rows[rows["condition"] == condition].sort_values("group")
        x = own["group"].astype(int).to_numpy() - 1 + offset
        ax.plot(x, own["estimate"], color=looks[condition].color, lw=1, alpha=0.6)
        for at, (_, row) in zip(x, own.iterrows(), strict=True):
            style.point(ax, at, row, looks[condition], size=3.5 + 5 * np.sqrt(row["n_trials"] / most))
    style.shares(ax)
    style.categories(ax, [str(r) for r in RATINGS])
    ax.set_xlabel("confidence  →  more confident")
    style.legend(ax, conditions, looks)
    return ax


def mean(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Mean confidence for all, correct and wrong answers by condition."""
    return by_subset(estimates, "confidence", "confidence (1 to 3)", observer, ax, limits=(0.9, 3.1))


def by_subset(
    estimates: pd.DataFrame,
    measure: str,
    title: str,
    observer: str,
    ax: Axes | None = None,
    limits: tuple[float, float] | None = None,
) -> Axes:
    """A measure for all, correct and wrong answers, conditions side by side."""
    ax = ax or style.new()
    subsets = ("all", "correct", "wrong")
    rows = {s: pick(estimates, measure, observer=observer, subset=s).dropna(subset=["estimate"]) for s in subsets}
    conditions = style.ordered(c for frame in rows.values() for c in frame["condition"])
    if not conditions:
        return style.empty(ax, f"No {title.split(' (')[0]} was recorded: nothing to show")
    looks = style.looks(conditions)
    for offset, condition in zip(style.dodge(len(conditions), 0.4), conditions, strict=True):
        for x, subset in enumerate(subsets):
            for _, row in rows[subset][rows[subset]["condition"] == condition].iterrows():
                style.point(ax, x + offset, row, looks[condition])
    ax.set_ylabel(title)
    ax.set_xlabel("answers")
    if limits:
        ax.set_ylim(*limits)
        ax.set_yticks(RATINGS)
    else:
        ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    style.categories(ax, ["all", "correct", "wrong"])
    style.legend(ax, conditions, looks)
    return ax


def _tint(color: str, strength: float) -> tuple[float, float, float]:
    r, g, b = (1 - strength * (1 - channel) for channel in to_rgb(color))
    return (r, g, b)


def by_condition(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Reaction time in seconds by correctness and condition: means, or medians without means."""
    measure = measure_of(estimates, observer)
    title = "reaction time (s)" if measure == "rt_s" else "median reaction time (s)"
    return by_subset(estimates, measure, title, observer, ax)


def measure_of(estimates: pd.DataFrame, observer: str) -> str:
    means = pick(estimates, "rt_s", observer=observer)["estimate"]
    medians = pick(estimates, "rt_median_s", observer=observer)["estimate"]
    return "rt_median_s" if means.isna().all() and medians.notna().any() else "rt_s"


PHASES = {"pre": "before", "post": "after"}


def before_after(ratings: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """RATINGS of each participant before and after, averaged over units and connected, and the participants' mean.

    A rating is -100 (not intuitive) to 100 (intuitive).
    """
    ax = ax or style.new()
    known = ratings.dropna(subset=["rating"])
    if known.empty:
        return style.empty(ax, "Nobody was asked how intuitive the pictures are: nothing to show")
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
    style.categories(ax, [f"{PHASES[p]}\n(n = {counts[p]})" for p in phases], slant=False)
    style.legend(ax, conditions, looks)
    return ax
