"""Data frames as tables of a page: which columns to show, and each value as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from exemplum.report import wording

ESTIMATE_COLUMNS = (
    "observer", "measure", "condition", "by", "group", "subset", "estimate", "low", "high", "aggregate", "interval",
    "n_trials", "n_participants",
)  # fmt: skip
COMPARISON_COLUMNS = (
    "observer", "measure", "subset", "by", "group", "a", "b", "test", "difference", "effect_name", "effect",
    "effect_low", "effect_high", "statistic", "df", "p", "p_adjusted", "n",
)  # fmt: skip
KEPT = {"observer", "condition", "a", "b", "test", "measure"}  # shown even where they are the same in every row


@dataclass(frozen=True)
class Listing:
    """A table ready to be shown: names of columns, which are numbers, cells as text, rows left out for length."""

    columns: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    left_out: int = 0


def listing(frame: pd.DataFrame, columns: tuple[str, ...] | None = None, most: int = 400) -> Listing:
    """Show the frame's columns, those that are the same throughout left out; undefined numbers as —."""
    shown = [c for c in (columns or tuple(frame.columns)) if c in frame]
    varied = [c for c in shown if c in KEPT or len(frame) < 2 or _varies(frame[c])]
    varied = [c for c in varied if not _blank(frame[c])]
    numeric = [pd.api.types.is_numeric_dtype(frame[c]) and not pd.api.types.is_bool_dtype(frame[c]) for c in varied]
    rows = [[cell(value) for value in row] for row in frame[varied].head(most).itertuples(index=False, name=None)]
    return Listing([c.replace("_", " ") for c in varied], numeric, rows, max(0, len(frame) - most))


def cell(value: Any) -> str:
    """One value as text: floats with three digits after the point, or as powers of ten where those would hide it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and wording.undefined(value)):
        return wording.UNDEFINED
    if isinstance(value, float):
        small = 0 < abs(value) < 0.0005
        return f"{value:.1e}".replace("-", "−") if small else wording.number(value, 3)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _varies(values: pd.Series) -> bool:
    return values.nunique(dropna=False) > 1 or pd.api.types.is_numeric_dtype(values)


def _blank(values: pd.Series) -> bool:
    return len(values) > 0 and not pd.api.types.is_numeric_dtype(values) and bool((values.astype(str) == "").all())
