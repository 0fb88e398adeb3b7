"""Conditions and groups compared, test by test: responses in, tidy comparisons out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from exemplum.analysis import cells
from exemplum.analysis.anova import mixed_anova, rm_anova
from exemplum.analysis.independent import mann_whitney
from exemplum.analysis.outcome import Outcome
from exemplum.analysis.paired import paired_t, permutation, wilcoxon
from exemplum.tables import COMPARISONS

MEASURES = ("accuracy", "rt_s", "rt_median_s", "confidence")
BYS = ("all", "layer", "branch", "selection", "scheme", "expertise", "scheme+expertise")
HOLM = ("paired_t", "wilcoxon", "permutation", "mann_whitney")  # rm_anova_posthoc is Bonferroni's already


def comparisons(responses: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Compare the conditions of RESPONSES on participants' means of main trials: a table COMPARISONS.

    Every pair of conditions, in all and in every layer, branch, selection, scheme and expertise, for those who
    answered both: `paired_t`, `wilcoxon`, `permutation`, and with three conditions or more `rm_anova` and
    `rm_anova_posthoc` for those who answered all. Then hand-picked against random units (paired) and experts against
    lay people (`mann_whitney`) within each condition, and `mixed_anova` where there are several schemes.
    p_adjusted is Holm's over the groups of one test (all layers, say), or what the test names.
    """
    found = [
        {"experiment": str(experiment), "observer": str(observer)} | row
        for (experiment, observer), answers in responses.groupby(["experiment", "observer"], sort=True)
        for row in _of_observer(answers, seed)
    ]
    return COMPARISONS.frame(_holm(pd.DataFrame(found, columns=list(COMPARISONS.columns))))


def paired_tests(wide: pd.DataFrame, a: str, b: str, seed: int) -> Iterator[Outcome]:
    """The three paired tests of two columns of participants × columns, on participants who have both."""
    both = wide[[a, b]].dropna()
    first, second = both[a].to_numpy(), both[b].to_numpy()
    for outcome in (paired_t(first, second), wilcoxon(first, second), permutation(first, second, seed)):
        yield outcome.between(a, b)


def _of_observer(answers: pd.DataFrame, seed: int) -> Iterator[dict[str, object]]:
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
                for outcome in _between_conditions(wide, seed):
                    yield fixed | where | outcome.row()
            for by_name, group, outcome in _within_condition(part, measure, by, seed):
                yield fixed | {"by": by_name, "group": group} | outcome.row()
    yield from _mixed(trials, measures)


def _measured(table: pd.DataFrame, measures: list[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for measure in measures:
        for subset in ("all",) if measure == "accuracy" else cells.SUBSETS:
            yield measure, subset, table[table["subset"] == subset]


def _wide(table: pd.DataFrame, measure: str, by: str, columns: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Participants × columns of each value of `by`."""
    for value, rows in table.groupby(by, sort=True):
        yield str(value), rows.pivot(index="participant", columns=columns, values=measure)


def _between_conditions(wide: pd.DataFrame, seed: int) -> Iterator[Outcome]:
    present = [name for name in cells.order(wide.columns) if wide[name].notna().any()]
    methods = [name for name in present if not name.startswith("none_")]
    pairs = list(combinations(methods, 2))
    if {"none_pre", "none_post"} <= set(present):
        pairs.append(("none_pre", "none_post"))
    for a, b in pairs:
        yield from paired_tests(wide, a, b, seed)
    if len(methods) > 2:
        yield from rm_anova(wide[methods].dropna().to_numpy(), methods)


def _within_condition(table: pd.DataFrame, measure: str, by: str, seed: int) -> Iterator[tuple[str, str, Outcome]]:
    """Hand-picked against random units, and experts against lay people, in each condition (and scheme)."""
    for condition, wide in _wide(table, measure, "condition", "group") if by == "selection" else ():
        if {"hand_picked", "random"} <= set(wide):
            yield from (("condition", condition, found) for found in paired_tests(wide, "hand_picked", "random", seed))
    if by not in ("expertise", "scheme+expertise"):
        return
    parts = table["group"].str.rpartition("|")
    frame = table.assign(scheme=parts[0], expertise=parts[2]).dropna(subset=[measure])
    for (condition, scheme), rows in frame.groupby(["condition", "scheme"]):
        groups = [rows.loc[rows["expertise"] == name, measure].to_numpy() for name in ("expert", "lay")]
        found = mann_whitney(*groups).between("expert", "lay")
        yield ("scheme+condition", f"{scheme}|{condition}", found) if scheme else ("condition", condition, found)


def _mixed(trials: pd.DataFrame, measures: list[str]) -> Iterator[dict[str, object]]:
    """Reference × scheme, × expertise where it was asked, on participants who answered every cell."""
    shown = trials[(trials["scheme"] != "")]
    schemes, methods = sorted(shown["scheme"].unique()), cells.order(shown["condition"].unique())
    if len(schemes) < 2 or len(methods) < 2:
        return
    table = cells.participant_cells(shown, "scheme", measures)
    expertise = shown.drop_duplicates("participant").set_index("participant")["expertise"]
    for measure, subset, part in _measured(table, measures):
        wide = part.pivot(index="participant", columns=["condition", "group"], values=measure)
        wide = wide.reindex(columns=pd.MultiIndex.from_product([methods, schemes])).dropna()
        groups = expertise.loc[wide.index].to_numpy(dtype=str)
        known = len(np.unique(groups)) > 1 and (groups != "").all()
        values = wide.to_numpy().reshape(len(wide), len(methods), len(schemes))
        for outcome in mixed_anova(values, ["reference", "scheme"], groups if known else None):
            yield {"measure": measure, "subset": subset, "by": "all", "group": ""} | outcome.row()


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's (1979) step-down adjustment of a family of p values, as R's p.adjust(p, "holm").

    Ours because statsmodels' multipletests collects garbage at each call, which took most of the analysis's time.
    """
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def _holm(table: pd.DataFrame) -> pd.DataFrame:
    """Adjust p over the groups and pairs of each test: one family for a measure, subset, `by` and test."""
    table = table.copy()
    table["p_adjusted"] = table["p_adjusted"].astype(float)
    family = ["experiment", "observer", "measure", "subset", "by", "test"]
    for _, rows in table[table["test"].isin(HOLM) & table["p"].notna()].groupby(family):
        table.loc[rows.index, "p_adjusted"] = holm(rows["p"].to_numpy(dtype=float))
    return table
