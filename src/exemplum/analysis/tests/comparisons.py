"""Comparisons of conditions and groups, and checks for effects of order and side, which should be absent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from exemplum import tables
from exemplum.analysis.estimates import cells
from exemplum.analysis.tests.anova import mixed_anova, rm_anova
from exemplum.analysis.tests.two_samples import (
    LEVEL,
    Effect,
    Outcome,
    is_constant,
    mann_whitney,
    number,
    paired_t,
    permutation,
    wilcoxon,
)
from exemplum.records import easiest_first
from exemplum.tables import COMPARISONS

MEASURES = ("accuracy", "rt_s", "rt_median_s", "confidence")
BYS = ("all", "layer", "branch", "selection", "scheme", "expertise", "scheme+expertise", "difficulty")
FACTORS = ("scheme", "difficulty")  # that the trials of one participant may have several of
# rm_anova_posthoc is Bonferroni's already
HOLM = ("paired_t", "wilcoxon", "permutation", "mann_whitney", "welch_t", "kruskal_wallis", "spearman")


def comparisons(responses: pd.DataFrame, seed: int, baseline: str = cells.BASELINE) -> pd.DataFrame:
    """Compare the conditions of RESPONSES on participants' means of main trials: a table COMPARISONS.

    Every pair of conditions, the baseline first, in all and in every layer, branch, selection, scheme, expertise and
    difficulty, for those who answered both: `paired_t`, `wilcoxon`, `permutation`, and with three conditions or more
    `rm_anova` and `rm_anova_posthoc` for those who answered all. Then hand-picked against random units (paired) within
    each condition, also within each branch that has both, experts against lay people (`mann_whitney`) and difficulties
    (paired) within each condition, and `mixed_anova` where there are several schemes or difficulties.

    p_adjusted is Holm's over the groups of one test (all layers, for example), or the test's own correction.
    """
    found = [
        {"experiment": str(experiment), "observer": str(observer)} | row
        for (experiment, observer), answers in responses.groupby(["experiment", "observer"], sort=True)
        for row in _of_observer(answers, seed, baseline)
    ]
    return adjusted(pd.DataFrame(found, columns=list(COMPARISONS.columns)))


def paired_tests(wide: pd.DataFrame, a: str, b: str, seed: int) -> Iterator[Outcome]:
    """The three paired tests of two columns of participants × columns, on participants who have both."""
    both = wide[[a, b]].dropna()
    first, second = both[a].to_numpy(), both[b].to_numpy()
    for outcome in (paired_t(first, second), wilcoxon(first, second), permutation(first, second, seed)):
        yield outcome.between(a, b)


def _of_observer(answers: pd.DataFrame, seed: int, baseline: str) -> Iterator[dict[str, object]]:
    trials = cells.by_condition(answers[answers["trial_kind"] == "main"])
    measures = [name for name in MEASURES if not name.startswith("rt_") or trials["rt_s"].notna().any()]
    for by in BYS:
        if not len(trials) or not cells.has_groups(trials, by):
            continue
        table = cells.participant_cells(trials, by, measures)
        for measure, subset, part in _measured(table, measures):
            fixed = {"measure": measure, "subset": subset}
            for group, wide in _wide(part, measure, "group", "condition"):
                where = {"by": by, "group": "" if by == "all" else group}
                for outcome in _between_conditions(wide, seed, baseline):
                    yield fixed | where | outcome.row()
            for by_name, group, outcome in _within_condition(part, measure, by, seed):
                yield fixed | {"by": by_name, "group": group} | outcome.row()
    yield from _within_branches(trials, measures, seed)
    yield from _mixed(trials, measures)


def _within_branches(trials: pd.DataFrame, measures: list[str], seed: int) -> Iterator[dict[str, object]]:
    """Hand-picked against random units of one branch: where hand-picked units are all of one, branches differ too."""
    whole = trials[(trials["branch"] != "") & ~trials["condition"].isin(["none_pre", "none_post"])]
    for branch, rows in whole.groupby("branch", sort=True):
        if not {"hand_picked", "random"} <= set(rows["selection"]):
            continue
        table = cells.participant_cells(rows, "selection", measures)
        for measure, subset, part in _measured(table, measures):
            for _, condition, found in _within_condition(part, measure, "selection", seed):
                where = {"by": "branch+condition", "group": f"{branch}|{condition}"}
                yield {"measure": measure, "subset": subset} | where | found.row()


def _measured(table: pd.DataFrame, measures: list[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for measure in measures:
        for subset in ("all",) if measure == "accuracy" else cells.SUBSETS:
            yield measure, subset, table[table["subset"] == subset]


def _wide(table: pd.DataFrame, measure: str, by: str, columns: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Participants × columns of each value of `by`."""
    for value, rows in table.groupby(by, sort=True):
        yield str(value), rows.pivot(index="participant", columns=columns, values=measure)


def _between_conditions(wide: pd.DataFrame, seed: int, baseline: str) -> Iterator[Outcome]:
    present = [name for name in cells.order(wide.columns, baseline) if wide[name].notna().any()]
    methods = [name for name in present if not name.startswith("none_")]
    pairs = list(combinations(methods, 2))
    if {"none_pre", "none_post"} <= set(present):
        pairs.append(("none_pre", "none_post"))
    for a, b in pairs:
        yield from paired_tests(wide, a, b, seed)
    if len(methods) > 2:
        yield from rm_anova(wide[methods].dropna().to_numpy(), methods)


def _within_condition(table: pd.DataFrame, measure: str, by: str, seed: int) -> Iterator[tuple[str, str, Outcome]]:
    """In each condition (and scheme): hand-picked against random units, difficulties, experts against lay people."""
    for condition, wide in _wide(table, measure, "condition", "group") if by in ("selection", "difficulty") else ():
        names = ("hand_picked", "random") if by == "selection" else easiest_first(wide.columns)
        for a, b in combinations(names, 2) if set(names) <= set(wide) else ():
            yield from (("condition", condition, found) for found in paired_tests(wide, a, b, seed))
    if by not in ("expertise", "scheme+expertise"):
        return
    parts = table["group"].str.rpartition("|")
    frame = table.assign(scheme=parts[0], expertise=parts[2]).dropna(subset=[measure])
    for (condition, scheme), rows in frame.groupby(["condition", "scheme"]):
        groups = [rows.loc[rows["expertise"] == name, measure].to_numpy() for name in ("expert", "lay")]
        found = mann_whitney(*groups).between("expert", "lay")
        yield ("scheme+condition", f"{scheme}|{condition}", found) if scheme else ("condition", condition, found)


def _mixed(trials: pd.DataFrame, measures: list[str]) -> Iterator[dict[str, object]]:
    """Reference × scheme × difficulty, × expertise where it was asked, on participants who answered every cell.

    Of scheme and difficulty only the factors with several levels; nothing where neither has.
    """
    factors = [name for name in FACTORS if trials.loc[trials[name] != "", name].nunique() > 1]
    shown = trials[~trials["condition"].isin(["none_pre", "none_post"])]
    for name in factors:
        shown = shown[shown[name] != ""]
    methods = cells.order(shown["condition"].unique())
    if not factors or len(methods) < 2:
        return
    table = cells.participant_cells(shown, "+".join(factors), measures)
    levels = [sorted(shown[name].unique()) for name in factors]
    columns = pd.MultiIndex.from_product([methods, ["|".join(group) for group in product(*levels)]])
    expertise = shown.drop_duplicates("participant").set_index("participant")["expertise"]
    for measure, subset, part in _measured(table, measures):
        wide = part.pivot(index="participant", columns=["condition", "group"], values=measure)
        wide = wide.reindex(columns=columns).dropna()
        groups = expertise.loc[wide.index].to_numpy(dtype=str)
        known = len(np.unique(groups)) > 1 and (groups != "").all()
        values = wide.to_numpy().reshape(len(wide), len(methods), *map(len, levels))
        for outcome in mixed_anova(values, ["reference", *factors], groups if known else None):
            yield {"measure": measure, "subset": subset, "by": "all", "group": ""} | outcome.row()


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's (1979) step-down adjustment of a family of p values, as R's p.adjust(p, "holm").

    Ours because statsmodels' multipletests runs the garbage collector at each call, which took most of the time.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """COMPARISONS with p_adjusted by Holm over the groups and pairs of each test.

    One family for a measure, subset, `by` and test of HOLM; other tests keep theirs.
    """
    table = COMPARISONS.frame(table)
    family = ["experiment", "observer", "measure", "subset", "by", "test"]
    for _, rows in table[table["test"].isin(HOLM) & table["p"].notna()].groupby(family):
        table.loc[rows.index, "p_adjusted"] = holm(rows["p"].to_numpy(dtype=float))
    return table


def order_comparisons(responses: pd.DataFrame, baseline: str = cells.BASELINE) -> pd.DataFrame:
    """Order and side effects on the accuracy of main trials, participants as the sample: rows of COMPARISONS.

    - by = order, for each pair of methods with references (group a|b): those who met a first against those who met b
      first, in the difference a − b between their accuracies (`welch_t`). Other than 0: a carry-over, or practice that
      one order gives to the other condition.
    - by = side, for each condition (group): trials with the right answer on top against those with it at the bottom
      (`paired_t`). Above 0: a preference for the top.

    p_adjusted is Holm's over the pairs, and over the conditions. NaN with n for fewer than two participants in either
    order, or differences that do not vary.
    """
    rows: list[dict[str, Any]] = []
    main = responses[responses["trial_kind"] == "main"]
    for (experiment, observer), answers in main.groupby(["experiment", "observer"], sort=True):
        where = {"experiment": experiment, "observer": observer, "measure": "accuracy", "subset": "all"}
        rows += [where | found for found in _orders(answers, baseline) + _sides(answers)]
    return adjusted(tables.COMPARISONS.frame(rows))


def welch(a: np.ndarray, b: np.ndarray) -> Outcome:
    """Welch's t test of two groups, two-sided, with Hedges' g. R: t.test(a, b), effectsize::hedges_g(a, b).

    g is Cohen's d (pooled standard deviation) times 1 − 3/(4(n − 2) − 1) (Hedges 1981, J. Educ. Stat. 6); its interval
    inverts the noncentral t. NaN with n for fewer than two in a group or no variance.

    >>> found = welch(np.array([0.93, 0.96, 0.89]), np.array([0.82, 0.87, 0.80, 0.84]))
    >>> round(found.statistic, 2), found.df[:4], round(found.p, 3)
    (3.74, '3.97', 0.02)
    """
    a, b = np.round(a, 12), np.round(b, 12)  # makes equal shares equal numbers
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


def _orders(answers: pd.DataFrame, baseline: str) -> list[dict[str, Any]]:
    methods = [name for name in cells.order(answers["condition"].unique(), baseline) if name != "none"]
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
