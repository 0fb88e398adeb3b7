"""Effects that should not be there: of which condition came first, and of which side the right answer was on."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from exemplum import tables
from exemplum.analysis import cells
from exemplum.analysis.effects import LEVEL, Effect, is_constant
from exemplum.analysis.outcome import Outcome, number
from exemplum.analysis.paired import paired_t


def comparisons(responses: pd.DataFrame) -> pd.DataFrame:
    """Order and side effects on the accuracy of main trials, participants as the sample: rows of COMPARISONS.

    - by = order, for each pair of methods with references (group a|b): those who met a first against those who met b
      first, in the difference a − b between their accuracies (`welch_t`). Not 0: a carry-over, or practice that one
      order gives to the other condition.
    - by = side, for each condition (group): trials with the right answer on top against those with it at the bottom
      (`paired_t`). Above 0: a lean to the top.

    NaN with n for fewer than two participants in either order, or differences that do not vary.
    """
    rows: list[dict[str, Any]] = []
    main = responses[responses["trial_kind"] == "main"]
    for (experiment, observer), answers in main.groupby(["experiment", "observer"], sort=True):
        where = {"experiment": experiment, "observer": observer, "measure": "accuracy", "subset": "all"}
        rows += [where | found for found in _orders(answers) + _sides(answers)]
    return tables.COMPARISONS.frame(rows)


def welch(a: np.ndarray, b: np.ndarray) -> Outcome:
    """Welch's t test of two groups, two-sided, with Hedges' g. R: t.test(a, b), effectsize::hedges_g(a, b).

    g is Cohen's d (pooled standard deviation) times 1 − 3/(4(n − 2) − 1) (Hedges 1981, J. Educ. Stat. 6); its interval
    inverts the noncentral t. NaN with n for fewer than two in a group or no variance.
    """
    a, b = np.round(a, 12), np.round(b, 12)  # equal shares are equal numbers again
    n, df = len(a) + len(b), len(a) + len(b) - 2
    difference = float(a.mean() - b.mean()) if len(a) and len(b) else np.nan
    if min(len(a), len(b)) < 2 or (is_constant(a) and is_constant(b)):
        return Outcome("welch_t", "", "", n, difference)
    shares = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    t_welch = difference / np.sqrt(sum(shares))
    df_welch = sum(shares) ** 2 / (shares[0] ** 2 / (len(a) - 1) + shares[1] ** 2 / (len(b) - 1))
    pooled = np.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / df)
    scale = np.sqrt(1 / len(a) + 1 / len(b)) * (1 - 3 / (4 * df - 1))
    t = difference / (pooled * np.sqrt(1 / len(a) + 1 / len(b)))
    low, high = (float(special.nctdtrinc(df, share, t)) * scale for share in ((1 + LEVEL) / 2, (1 - LEVEL) / 2))
    effect = Effect("hedges_g", float(t * scale), low, high)
    p = float(2 * stats.t.sf(abs(t_welch), df_welch))
    return Outcome("welch_t", "", "", n, difference, effect, float(t_welch), number(df_welch), p, p)


def _orders(answers: pd.DataFrame) -> list[dict[str, Any]]:
    methods = [name for name in cells.order(answers["condition"].unique()) if name != "none"]
    accuracy = answers.pivot_table(index="participant", columns="condition", values="correct", aggfunc="mean")
    began = answers.pivot_table(index="participant", columns="condition", values="trial", aggfunc="min")
    rows = []
    for a, b in combinations(methods, 2):
        both = (accuracy[a] - accuracy[b]).dropna()
        first = (began[a] < began[b]).loc[both.index]
        groups = (both[chosen].to_numpy(dtype=float) for chosen in (first, ~first))
        rows.append({"by": "order", "group": f"{a}|{b}"} | welch(*groups).between(f"{a}_first", f"{b}_first").row())
    return rows


def _sides(answers: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for condition in cells.order(answers["condition"].unique()):
        trials = answers[answers["condition"] == condition]
        wide = trials.pivot_table(index="participant", columns="max_side", values="correct", aggfunc="mean")
        wide = wide.reindex(columns=["top", "bottom"]).dropna()
        found = paired_t(wide["top"].to_numpy(dtype=float), wide["bottom"].to_numpy(dtype=float))
        rows.append({"by": "side", "group": condition} | found.between("top", "bottom").row())
    return rows
