"""Rows of ESTIMATES: one value with its interval, n, and where it belongs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from exemplum.analysis.cells import order

Z95 = float(norm.ppf(0.975))
KEYS = ["experiment", "observer", "condition"]


def by_condition(responses: pd.DataFrame, kind: str = "main") -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Trials of one kind by experiment, observer and condition, with these three and the kind as a dict."""
    chosen = responses[responses["trial_kind"] == kind]
    for (experiment, observer), rows in chosen.groupby(["experiment", "observer"], sort=True):
        for condition in order(rows["condition"].unique()):
            where = {"experiment": experiment, "observer": observer, "condition": condition, "trial_kind": kind}
            yield where, rows[rows["condition"] == condition]


def row(
    where: dict[str, Any],
    measure: str,
    estimate: float,
    interval: tuple[str, float, float] = ("none", np.nan, np.nan),
    n: tuple[int, int] = (0, 0),
    aggregate: str = "pooled",
    by: str = "all",
    group: str = "",
) -> dict[str, Any]:
    """One row; `n` is trials and participants."""
    name, low, high = interval
    return where | {
        "measure": measure, "by": by, "group": group, "subset": "all", "aggregate": aggregate,
        "estimate": estimate, "interval": name, "low": low, "high": high, "n_trials": n[0], "n_participants": n[1],
    }  # fmt: skip


def normal(estimate: float, error: float) -> tuple[str, float, float]:
    """The interval estimate ± 1.96 standard errors."""
    return "normal", estimate - Z95 * error, estimate + Z95 * error


def over_participants(values: np.ndarray) -> tuple[float, tuple[str, float, float]]:
    """Mean of participants' values with its t interval; NaNs are left out, NaN for none, no interval for one."""
    values = values[np.isfinite(values)]
    n = len(values)
    if n == 0:
        return np.nan, ("t", np.nan, np.nan)
    mean = float(values.mean())
    reach = float(t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    return mean, ("t", mean - reach, mean + reach)


def size(trials: pd.DataFrame) -> tuple[int, int]:
    """Trials and participants."""
    return len(trials), int(trials["participant"].nunique())
