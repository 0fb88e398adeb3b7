"""Reaction time by condition, for all, correct and wrong answers."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from exemplum.report.figures import confidence
from exemplum.report.select import pick


def by_condition(estimates: pd.DataFrame, observer: str, ax: Axes | None = None) -> Axes:
    """Reaction time in seconds by correctness and condition: means, or medians where no means are given."""
    measure = measure_of(estimates, observer)
    title = "reaction time (s)" if measure == "rt_s" else "median reaction time (s)"
    return confidence.by_subset(estimates, measure, title, observer, ax)


def measure_of(estimates: pd.DataFrame, observer: str) -> str:
    means = pick(estimates, "rt_s", observer=observer)["estimate"]
    medians = pick(estimates, "rt_median_s", observer=observer)["estimate"]
    return "rt_median_s" if means.isna().all() and medians.notna().any() else "rt_s"
