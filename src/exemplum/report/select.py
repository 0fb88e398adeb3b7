"""Picking from the estimates: one row for each number shown, and the words that say how it was made."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from exemplum import tables
from exemplum.report import wording

# The study reports means of participants' means; intervals over participants, in order of how well they hold in
# small samples. With one participant only the trials are left to vary.
PREFERENCE = (
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
    """What the figures are drawn from. Any of them may be empty."""

    estimates: pd.DataFrame = field(default_factory=tables.ESTIMATES.frame)
    comparisons: pd.DataFrame = field(default_factory=tables.COMPARISONS.frame)
    responses: pd.DataFrame = field(default_factory=tables.RESPONSES.frame)
    units: pd.DataFrame = field(default_factory=tables.STUDY_UNITS.frame)
    stimuli: pd.DataFrame = field(default_factory=tables.STIMULI.frame)
    trials: pd.DataFrame = field(default_factory=tables.TRIALS.frame)
    ratings: pd.DataFrame = field(default_factory=tables.RATINGS.frame)
    people: pd.DataFrame = field(default_factory=tables.PEOPLE.frame)
    exclusions: pd.DataFrame = field(default_factory=tables.EXCLUSIONS.frame)
    verdicts: pd.DataFrame = field(default_factory=tables.VERDICTS.frame)
    models: pd.DataFrame = field(default_factory=tables.MODELS.frame)


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

    A row with a defined interval goes before one without, a defined estimate before an undefined one. An interval
    without width counts as none: a bootstrap over participants who are all alike knows nothing of the next one. Trials
    without references appear once, as none; with `phases` also by when they were shown, as none_pre and none_post.
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
    rank = pd.Series(map(_place, zip(chosen["aggregate"], chosen["interval"], strict=True)), chosen.index)
    chosen = chosen.assign(
        _undefined=chosen["estimate"].isna(), _open=chosen["low"].isna() | (chosen["low"] == chosen["high"]), _rank=rank
    )
    chosen = chosen.sort_values(["_undefined", "_open", "_rank"], kind="stable")
    return chosen.drop_duplicates(KEYS).drop(columns=["_undefined", "_open", "_rank"]).sort_index()


def how(rows: pd.DataFrame) -> str:
    """How estimates and intervals of these rows were made, in words, by PREFERENCE; empty for no rows."""
    known = rows[rows["estimate"].notna()]
    pairs = set(zip(known["aggregate"], known["interval"], strict=True))
    said = [
        f"{wording.AGGREGATES.get(aggregate, aggregate)}, {wording.INTERVALS.get(interval, interval)}"
        for aggregate, interval in sorted(pairs, key=_place)
    ]
    return "; or, where that is undefined or has no width, ".join(said)


def _place(kind: tuple[str, str]) -> int:
    return PREFERENCE.index(kind) if kind in PREFERENCE else len(PREFERENCE)


def sizes(rows: pd.DataFrame) -> str:
    """`n = 10 participants, 45 to 450 trials a value` of these rows; `n = 0` for none."""
    if rows.empty or int(rows["n_trials"].max()) == 0:
        return "n = 0"
    return f"n = {_range(rows['n_participants'], 'participant')}, {_range(rows['n_trials'], 'trial')} a value"


def _range(counts: pd.Series, noun: str) -> str:
    low, high = int(counts.min()), int(counts.max())
    return wording.count(low, noun) if low == high else f"{low:,} to {wording.count(high, noun)}"
