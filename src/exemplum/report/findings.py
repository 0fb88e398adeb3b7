"""The main result in words: accuracy of each observer by condition, and how the other methods compare with natural."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exemplum.report import style, wording
from exemplum.report.select import Tables, pick

TESTS = {
    "paired_t": "paired t test",
    "rm_anova_posthoc": "post-hoc test of a repeated-measures ANOVA",
    "wilcoxon": "Wilcoxon signed-rank test",
    "permutation": "permutation test",
    "glmm": "mixed logistic regression",
    "gee": "generalized estimating equations",
    "mann_whitney": "Mann–Whitney test",
    "mixed_anova": "mixed ANOVA",
}
CHECKS = {  # observers whose result is known beforehand
    "ideal": "must be right on every trial",
    "chance": "must be right on about half of the trials",
}


@dataclass(frozen=True)
class Share:
    """Accuracy in one condition as text."""

    condition: str
    value: str
    interval: str
    n: str


@dataclass(frozen=True)
class Finding:
    """What one observer's answers say. `experiment` is empty where the tables hold only one."""

    observer: str
    experiment: str
    sentences: list[str]
    shares: dict[str, Share]  # by condition
    check: str  # what is known beforehand of an observer that checks the experiment; else empty


@dataclass(frozen=True)
class Verdict:
    """What the analysis concludes about a method against natural images."""

    title: str
    text: str


def findings(tables: Tables) -> list[Finding]:
    """One finding an experiment and observer with main trials, people first."""
    rows = pick(tables.estimates, "accuracy").dropna(subset=["estimate"])
    several = rows["experiment"].nunique() > 1
    return [
        _finding(tables, own, observer, str(experiment) if several else "")
        for experiment, of_experiment in rows.groupby("experiment")
        for observer in style.ordered_observers(of_experiment["observer"])
        for own in [of_experiment[of_experiment["observer"] == observer]]
    ]


def verdicts(table: pd.DataFrame) -> list[Verdict]:
    """VERDICTS on all trials as they are shown, people first."""
    rows = table[table["by"] == "all"]
    return [
        Verdict(f"{style.label(row['method'])}, by {observer}: {row['verdict']}", row["sentence"])
        for observer in style.ordered_observers(rows["observer"])
        for _, row in rows[rows["observer"] == observer].iterrows()
        if observer not in CHECKS
    ]


def conditions(found: list[Finding]) -> list[str]:
    """All conditions of these findings in the report's order."""
    return style.ordered(condition for finding in found for condition in finding.shares)


def _finding(tables: Tables, rows: pd.DataFrame, observer: str, experiment: str) -> Finding:
    order = style.ordered(rows["condition"])
    shares = {c: _share(rows[rows["condition"] == c].iloc[0]) for c in order}
    compared_rows = tables.comparisons
    if experiment:
        compared_rows = compared_rows[compared_rows["experiment"] == experiment]
    sentences = [_sentence(shares, int(rows["n_participants"].max())), *_differences(compared_rows, observer, order)]
    return Finding(observer, experiment, sentences, shares, CHECKS.get(observer, ""))


def _sentence(shares: dict[str, Share], participants: int) -> str:
    parts = [f"{share.value} {_shown(share.condition)}" for share in shares.values()]
    return f"Right on {wording.listed(parts)} (main trials, n = {wording.count(participants, 'participant')})."


def _share(row: pd.Series) -> Share:
    return Share(
        condition=str(row["condition"]),
        value=wording.percent(row["estimate"]),
        interval=wording.interval(row["low"], row["high"]),
        n=f"{int(row['n_trials']):,}",
    )


def _shown(condition: str) -> str:
    return "without references" if condition == "none" else f"with {style.label(condition)} references"


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
    corrected = pd.notna(row["p_adjusted"])
    said = [
        wording.p_value(row["p_adjusted"] if corrected else row["p"]),
        TESTS.get(row["test"], row["test"]) + (", corrected for several tests" if corrected else ""),
        _effect(row),
        f"n = {int(row['n']):,}",
    ]
    found = f"Natural minus {style.label(method)}: {wording.points(row['difference'])} percentage points"
    return f"{found} ({'; '.join(part for part in said if part)})."


def _effect(row: pd.Series) -> str:
    if not row["effect_name"] or pd.isna(row["effect"]):
        return ""
    ends = wording.interval(row["effect_low"], row["effect_high"], share=False, digits=2)
    return f"{row['effect_name']} = {wording.number(row['effect'])}" + (
        f", {ends}" if ends != wording.UNDEFINED else ""
    )
