"""The tables behind the report as files beside it: each as CSV and as Parquet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from exemplum import store
from exemplum.csv_text import csv_text


@dataclass(frozen=True)
class Exported:
    name: str
    meaning: str
    rows: int
    columns: int


def export(folder: Path, name: str, frame: pd.DataFrame, meaning: str) -> Exported:
    """Write NAME.csv (UTF-8, lists joined by spaces, undefined numbers empty) and NAME.parquet, atomically."""
    with store.atomic(folder / f"{name}.parquet") as temporary:
        frame.to_parquet(temporary, index=False)
    flat = frame.copy()
    for column in flat:
        if len(flat) and isinstance(flat[column].iloc[0], (tuple, list)):
            flat[column] = flat[column].map(" ".join)
    with store.atomic(folder / f"{name}.csv") as temporary:
        temporary.write_text(csv_text(flat), encoding="utf-8", newline="")
    return Exported(name, meaning, len(frame), frame.shape[1])
