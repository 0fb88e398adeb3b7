"""Select and format estimates: numbers as text, data frames as tables and files. Undefined is —, never 0."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exemplum import store, tables
from exemplum.pages import SPACE, UNDEFINED, count, number, undefined
from exemplum.report import style
from exemplum.store import csv_text

# The published study reports means of participants' means; a machine is one observer, whose units are the sample.
# Intervals are in order of their coverage in small samples. With one participant only an interval over trials is left.
PREFERENCE = (
    ("participants", "wilson_t"),
    ("participants", "t"),
    ("participants", "exact"),
    ("units", "wilson_t"),
    ("units", "t"),
    ("units", "exact"),
    ("participants", "bca"),
    ("participants", "percentile"),
    ("participants", "sem2"),
    ("pooled", "wilson"),
    ("pooled", "percentile"),
    ("pooled", "bca"),
    ("participants", "none"),
    ("pooled", "none"),
)
KEYS = ["experiment", "observer", "condition", "group"]


@dataclass(frozen=True)
class Tables:
    """The tables that a report is made from. Any of them may be empty."""

    estimates: pd.DataFrame = field(default_factory=tables.ESTIMATES.frame)
    comparisons: pd.DataFrame = field(default_factory=tables.COMPARISONS.frame)
    responses: pd.DataFrame = field(default_factory=tables.RESPONSES.frame)
    units: pd.DataFrame = field(default_factory=tables.STUDY_UNITS.frame)
    stimuli: pd.DataFrame = field(default_factory=tables.STIMULI.frame)
    queries: pd.DataFrame = field(default_factory=tables.QUERIES.frame)
    trials: pd.DataFrame = field(default_factory=tables.TRIALS.frame)
    ratings: pd.DataFrame = field(default_factory=tables.RATINGS.frame)
    people: pd.DataFrame = field(default_factory=tables.PEOPLE.frame)
    exclusions: pd.DataFrame = field(default_factory=tables.EXCLUSIONS.frame)
    verdicts: pd.DataFrame = field(default_factory=tables.VERDICTS.frame)
    models: pd.DataFrame = field(default_factory=tables.MODELS.frame)
    effects: pd.DataFrame = field(default_factory=tables.EFFECTS.frame)
    checks: pd.DataFrame = field(default_factory=tables.CHECKS.frame)
    people_and_machines: pd.DataFrame = field(default_factory=tables.PEOPLE_AND_MACHINES.frame)
    score_summaries: pd.DataFrame = field(default_factory=tables.SCORE_SUMMARIES.frame)
    score_differences: pd.DataFrame = field(default_factory=tables.SCORE_DIFFERENCES.frame)


def pick(
    estimates: pd.DataFrame,
    measure: str,
    by: str = "all",
    observer: str | None = None,
    trial_kind: str = "main",
    subset: str = "all",
    phases: bool = False,
) -> pd.DataFrame:
    """One row of ESTIMATES for each experiment, observer, condition and group, by PREFERENCE.

    A row with a defined interval is preferred to one without, a defined estimate to an undefined one. An interval of
    width 0 counts as none: a bootstrap over identical participants says nothing about the next one. Trials without
    references appear once, as none; with `phases` also by when they were shown, as none_pre and none_post.
    """
    chosen = estimates[
        (estimates["measure"] == measure)
        & (estimates["by"] == by)
        & (estimates["trial_kind"] == trial_kind)
        & (estimates["subset"] == subset)
    ]
    if not phases:
        chosen = chosen[~chosen["condition"].isin(["none_pre", "none_post"])]
    if observer is not None:
        chosen = chosen[chosen["observer"] == observer]
    if chosen.empty:
        return chosen.reset_index(drop=True)
    rank = [_place(kind) for kind in zip(chosen["aggregate"], chosen["interval"], strict=True)]
    unbounded = chosen["low"].isna() | (chosen["low"] == chosen["high"])
    order = np.lexsort((rank, unbounded, chosen["estimate"].isna()))  # the last key is the first to be compared
    return chosen.iloc[order].drop_duplicates(KEYS).sort_index()


def how(rows: pd.DataFrame) -> str:
    """How estimates and intervals of these rows were computed, in words, by PREFERENCE; empty without rows."""
    known = rows[rows["estimate"].notna()]
    pairs = set(zip(known["aggregate"], known["interval"], strict=True))
    said = [
        f"{AGGREGATES.get(aggregate, aggregate)}, {INTERVALS.get(interval, interval)}"
        for aggregate, interval in sorted(pairs, key=_place)
    ]
    return "; or, where that is undefined or has width 0, ".join(said)


def _place(kind: tuple[str, str]) -> int:
    return PREFERENCE.index(kind) if kind in PREFERENCE else len(PREFERENCE)


def sizes(rows: pd.DataFrame) -> str:
    """`n = 10 participants, 45 to 450 trials per value` of these rows; `n = 0` without rows.

    Of a machine's rows `n = 45 units, 45 to 90 stimuli per value`; both if there are rows of either.
    """
    known = rows[rows["n_trials"] > 0]
    said = []
    for of_machines, some in known.groupby(~known["observer"].isin(style.conditions().people)):
        who, what = ("unit", ("stimulus", "stimuli")) if of_machines else ("participant", ("trial", ""))
        said.append(f"{_range(some['n_participants'], who)}, {_range(some['n_trials'], *what)} per value")
    return f"n = {'; '.join(said) or 0}"


def _range(counts: pd.Series, noun: str, many: str = "") -> str:
    low, high = int(counts.min()), int(counts.max())
    return count(low, noun, many) if low == high else f"{low:,} to {count(high, noun, many)}"


AGGREGATES = {
    "pooled": "all trials pooled",
    "participants": "mean of participants' means",
    "units": "mean of units' means",
}
INTERVALS = {
    "none": "no interval",
    "wilson_t": "95 % Wilson interval with t",
    "exact": "95 % exact interval, since all are equal",
    "bayes": "95 % Bayesian interval",
    "jackknife": "95 % jackknife interval",
    "fisher": "95 % interval by Fisher's z",
    "sem2": "± 2 standard errors over participants",
    "wilson": "95 % Wilson interval over trials",
    "percentile": "95 % percentile bootstrap interval over participants",
    "bca": "95 % BCa bootstrap interval over participants",
    "normal": "95 % interval, normal",
    "t": "95 % t interval",
}


def p_value(p: float | None) -> str:
    """`p = .012`, `p < .001`; `p = —` where undefined."""
    if undefined(p):
        return f"p = {UNDEFINED}"
    if float(p) < 0.001:  # type: ignore[arg-type]
        return "p < .001"
    text = f"{float(p):.3f}"  # type: ignore[arg-type]
    return f"p = {text.removeprefix('0') if text.startswith('0') else '1'}"


def seconds(value: float | None) -> str:
    """`0.42 s`, `3 min 05 s`."""
    if undefined(value):
        return UNDEFINED
    total = float(value)  # type: ignore[arg-type]
    if total < 60:
        return f"{total:.2f}{SPACE}s" if total < 10 else f"{total:.0f}{SPACE}s"
    return f"{int(total // 60)}{SPACE}min {int(total % 60):02d}{SPACE}s"


ESTIMATE_COLUMNS = (
    "observer", "measure", "condition", "by", "group", "subset", "estimate", "low", "high", "aggregate", "interval",
    "n_trials", "n_participants",
)  # fmt: skip
COMPARISON_COLUMNS = (
    "observer", "measure", "subset", "by", "group", "a", "b", "test", "difference", "effect_name", "effect",
    "effect_low", "effect_high", "statistic", "df", "p", "p_adjusted", "n",
)  # fmt: skip
CLAIM_COLUMNS = (
    "observer", "role", "population", "group", "method", "verdict", "difference", "low", "high", "p", "p_adjusted",
    "p_equivalence", "p_equivalence_adjusted", "n_participants", "n_units",
)  # fmt: skip
ALWAYS_SHOWN = {
    "observer",
    "condition",
    "a",
    "b",
    "test",
    "measure",
    "role",
    "population",
    "method",
    "verdict",
}  # even if they are the same in every row


@dataclass(frozen=True)
class Listing:
    """A table to show: column names, which columns are numeric, cells as text, and how many rows are left out."""

    columns: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    left_out: int = 0
    apart: tuple[tuple[str, int], ...] = ()  # of people and machines: titles of the groups of rows, and their numbers

    @property
    def groups(self) -> list[tuple[str, list[list[str]]]]:
        """The rows below their title; one group without a title if they are all of one kind."""
        if not self.apart:
            return [("", self.rows)]
        ends = list(accumulate(n for _, n in self.apart))
        return [(title, self.rows[end - n : end]) for (title, n), end in zip(self.apart, ends, strict=True)]


def listing(frame: pd.DataFrame, columns: tuple[str, ...] | None = None, most: int = 400) -> Listing:
    """The frame's columns without those that are constant; undefined numbers as —. People come before machines."""
    of_machines = _is_of_machines(frame)
    shown = [c for c in (columns or tuple(frame.columns)) if c in frame]
    if of_machines and "n_units" in shown:
        shown.remove("n_participants")  # a machine is one observer
    varied = [c for c in shown if c in ALWAYS_SHOWN or len(frame) < 2 or _varies(frame[c])]
    varied = [c for c in varied if not _blank(frame[c])]
    numeric = [pd.api.types.is_numeric_dtype(frame[c]) and not pd.api.types.is_bool_dtype(frame[c]) for c in varied]
    ordered, titles = _apart(frame)
    rows = [[cell(value) for value in row] for row in ordered[varied].head(most).itertuples(index=False, name=None)]
    kept = titles[:most]
    groups = tuple((title, kept.count(title)) for title in dict.fromkeys(kept))
    counted = OF_MACHINES if "n_trials" in frame and of_machines else {}
    return Listing(
        [counted.get(c, c).replace("_", " ") for c in varied], numeric, rows, max(0, len(frame) - most), groups
    )


OF_MACHINES = {"n_trials": "n_stimuli", "n_participants": "n_units"}  # what these columns of ESTIMATES count there


def _is_of_machines(frame: pd.DataFrame) -> bool:
    return "observer" in frame and list(style.apart(frame["observer"])) == ["Machines"]


def _apart(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows of people before those of machines, and the title of each; none if they are all of one kind."""
    kinds = style.apart(frame["observer"]) if "observer" in frame else {}
    if len(kinds) < 2:
        return frame, []
    parts = {kind: frame[frame["observer"].isin(names)] for kind, names in kinds.items()}
    counted = {kind: kind for kind in kinds} | (
        {"Machines": "Machines (n trials counts stimuli, n participants counts units)"} if "n_trials" in frame else {}
    )
    return pd.concat(parts.values()), [counted[kind] for kind, part in parts.items() for _ in range(len(part))]


def cell(value: Any) -> str:
    """One value as text: floats with three decimals, or in scientific notation if three decimals would show 0."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and undefined(value)):
        return UNDEFINED
    if isinstance(value, float):
        small = 0 < abs(value) < 0.0005
        return f"{value:.1e}".replace("-", "−") if small else number(value, 3)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _varies(values: pd.Series) -> bool:
    return values.nunique(dropna=False) > 1 or pd.api.types.is_numeric_dtype(values)


def _blank(values: pd.Series) -> bool:
    return len(values) > 0 and not pd.api.types.is_numeric_dtype(values) and bool((values.astype(str) == "").all())


@dataclass(frozen=True)
class ExportedTable:
    name: str
    meaning: str
    rows: int
    columns: int


def export(folder: Path, name: str, frame: pd.DataFrame, meaning: str) -> ExportedTable:
    """Write NAME.csv (UTF-8, lists joined by spaces, undefined numbers empty) and NAME.parquet, atomically."""
    with store.atomic(folder / f"{name}.parquet") as temporary:
        frame.to_parquet(temporary, index=False)
    with store.atomic(folder / f"{name}.csv") as temporary:
        temporary.write_text(csv_text(store.flat(frame)), encoding="utf-8", newline="")
    return ExportedTable(name, meaning, len(frame), frame.shape[1])
