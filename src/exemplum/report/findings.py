"""The main result in words: accuracy of each observer by condition, and how the other methods compare with natural."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exemplum.report import style, wording
from exemplum.report.select import Tables, how, pick

TESTS = {
    "paired_t": "paired t test",
    "rm_anova_posthoc": "repeated-measures ANOVA, pooled-error post-hoc test, Bonferroni-corrected",
    "wilcoxon": "Wilcoxon signed-rank test",
    "permutation": "permutation test",
    "glmm": "mixed logistic regression",
    "gee": "generalized estimating equations",
    "mann_whitney": "Mann–Whitney test",
    "mixed_anova": "mixed ANOVA",
}
CHECKS = {"ideal", "chance"}  # observers whose result is known beforehand


@dataclass(frozen=True)
class Finding:
    """What one observer's answers say."""

    observer: str
    sentences: list[str]
    check: bool  # an observer that checks the experiment rather than the pictures


def findings(tables: Tables) -> list[Finding]:
    """One finding an observer that answered main trials, people first."""
    rows = pick(tables.estimates, "accuracy")
    observers = style.ordered_observers(rows["observer"])
    return [Finding(o, _sentences(tables, rows[rows["observer"] == o], o), o in CHECKS) for o in observers]


def _sentences(tables: Tables, rows: pd.DataFrame, observer: str) -> list[str]:
    order = style.ordered(rows["condition"])
    parts = [_share(rows[rows["condition"] == condition].iloc[0]) for condition in order]
    made = how(rows)
    first = f"Right on main trials: {wording.listed(parts)}" + (f" ({made})." if made else ".")
    return [first, *_differences(tables.comparisons, observer, order)]


def _share(row: pd.Series) -> str:
    condition = str(row["condition"])
    shown = "without references" if condition == "none" else f"with {style.label(condition)} references"
    counts = f"n = {int(row['n_trials']):,} trials, {int(row['n_participants']):,} participants"
    ends = wording.interval(row["low"], row["high"])
    interval = "" if ends == wording.UNDEFINED else f"{ends}; "
    return f"{wording.percent(row['estimate'])} {shown} ({interval}{counts})"


def _differences(comparisons: pd.DataFrame, observer: str, conditions: list[str]) -> list[str]:
    methods = [c for c in conditions if c not in style.LAST and c != "natural"]
    found = [(method, compared(comparisons, observer, "natural", method)) for method in methods]
    return [_difference(method, row) for method, row in found if row is not None]


def compared(comparisons: pd.DataFrame, observer: str, a: str, b: str) -> pd.Series | None:
    """The row that compares accuracy of `a` with `b` on all main trials, a minus b; None if there is none."""
    rows = comparisons[
        (comparisons["observer"] == observer)
        & (comparisons["measure"] == "accuracy")
        & (comparisons["subset"] == "all")
        & (comparisons["by"] == "all")
    ]
    for first, second, sign in ((a, b, 1), (b, a, -1)):
        pair = rows[(rows["a"] == first) & (rows["b"] == second)]
        for test in TESTS:
            chosen = pair[(pair["test"] == test) & pair["difference"].notna()]
            if len(chosen):
                row = chosen.iloc[0].copy()
                row["difference"] = sign * row["difference"]
                return row
    return None


def _difference(method: str, row: pd.Series) -> str:
    adjusted = row["p_adjusted"] if pd.notna(row["p_adjusted"]) else row["p"]
    said = f"{wording.p_value(adjusted)}, {TESTS.get(row['test'], row['test'])}, n = {int(row['n']):,}"
    return f"Natural minus {style.label(method)}: {wording.points(row['difference'])} percentage points ({said})."
