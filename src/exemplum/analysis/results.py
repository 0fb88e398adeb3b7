"""All that is computed from a table of answers, in one call: for a study and for published data alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from exemplum import store
from exemplum.analysis import gee, glmm, intervals, intuitiveness, lmm
from exemplum.analysis.comparisons import comparisons
from exemplum.analysis.estimates import estimates
from exemplum.store import Table
from exemplum.tables import COMPARISONS, ESTIMATES, MODELS, RATINGS


@dataclass(frozen=True)
class Results:
    """Tables as in exemplum.tables, by the name of their file."""

    tables: dict[str, tuple[Table, pd.DataFrame]]

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name][1]

    def write(self, folder: Path) -> None:
        for name, (table, frame) in self.tables.items():
            write(folder, name, table, frame)


def analyse(
    responses: pd.DataFrame,
    ratings: pd.DataFrame | None = None,
    seed: int = 0,
    resamples: int = intervals.RESAMPLES,
) -> Results:
    """Estimates, comparisons and fitted models of RESPONSES (and RATINGS), by experiment and observer."""
    ratings = RATINGS.frame() if ratings is None else ratings
    models, compared = zip(*(fit(responses) for fit in (glmm.compare, lmm.compare, gee.compare)), strict=True)
    estimated = [estimates(responses, seed, resamples), intuitiveness.estimate(ratings, seed, resamples)]
    tested = [comparisons(responses, seed), intuitiveness.compare(ratings, seed), *compared]
    return Results({
        "estimates": (ESTIMATES, together(ESTIMATES, estimated)),
        "comparisons": (COMPARISONS, together(COMPARISONS, tested)),
        "models": (MODELS, together(MODELS, models)),
    })  # fmt: skip


def together(table: Table, frames: list[pd.DataFrame] | tuple[pd.DataFrame, ...]) -> pd.DataFrame:
    """Frames of one table below each other."""
    some = [frame for frame in frames if len(frame)]
    return table.frame(pd.concat(some, ignore_index=True)) if some else table.frame()


def write(folder: Path, name: str, table: Table, rows: pd.DataFrame) -> None:
    """Write a table as FOLDER/NAME.parquet and, for reading, FOLDER/NAME.csv."""
    frame = table.write(folder / f"{name}.parquet", rows)
    store.write_text(folder / f"{name}.csv", frame.to_csv(index=False, float_format="%.10g"))
