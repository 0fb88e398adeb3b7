"""All that is computed from a table of answers, in one call: for a study and for published data alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from exemplum import store
from exemplum.analysis import (
    agreement,
    calibration,
    detection,
    exclusions,
    fits,
    intuitiveness,
    learning,
    order,
    reliability,
    verdict,
)
from exemplum.analysis.comparisons import comparisons
from exemplum.analysis.estimates import estimates
from exemplum.csv_text import csv_text
from exemplum.store import Table
from exemplum.study import AnalysisSection, ExclusionsSection
from exemplum.tables import COMPARISONS, ESTIMATES, EXCLUSIONS, MODELS, RATINGS, VERDICTS

PERSON = ["experiment", "observer", "participant"]


@dataclass(frozen=True)
class Results:
    """Tables as in exemplum.tables, by the name of their file."""

    tables: dict[str, tuple[Table, pd.DataFrame]]

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name][1]

    def write(self, folder: Path) -> None:
        """Write every table into the folder, as Parquet and CSV."""
        for name, (table, frame) in self.tables.items():
            write(folder, name, table, frame)


def analyse(
    responses: pd.DataFrame,
    ratings: pd.DataFrame | None = None,
    people: pd.DataFrame | None = None,
    seed: int = 0,
    settings: AnalysisSection | None = None,
    rules: ExclusionsSection | None = None,
) -> Results:
    """Everything about RESPONSES, with RATINGS and PEOPLE where there are any, by experiment and observer.

    Participants whom the declared rules exclude are left out of all tables but `exclusions`, and of the estimates by
    exclusion, which show the result under each rule.
    """
    settings, rules = settings or AnalysisSection(), rules or ExclusionsSection()
    sessions = None if people is None else people.assign(finished=True)
    kept, excluded = exclusions.apply(responses, rules, sessions)
    ratings = _of(RATINGS.frame() if ratings is None else ratings, kept)
    fitted = fits.fits(kept)
    return Results({
        "estimates": (ESTIMATES, together(ESTIMATES, [
            *_estimates(kept, ratings, seed, settings.bootstrap), exclusions.estimates(responses, rules, sessions),
        ])),
        "comparisons": (COMPARISONS, together(COMPARISONS, [
            comparisons(kept, seed), intuitiveness.compare(ratings, seed), *(rows for _, rows in fitted),
            order.comparisons(kept),
        ])),
        "models": (MODELS, together(MODELS, [rows for rows, _ in fitted])),
        "exclusions": (EXCLUSIONS, excluded),
        "verdicts": (VERDICTS, together(VERDICTS, [
            verdict.verdicts(answers, settings.margin, by) for by, answers in fits.parts(kept)
        ])),
    })  # fmt: skip


def _estimates(kept: pd.DataFrame, ratings: pd.DataFrame, seed: int, resamples: int) -> list[pd.DataFrame]:
    return [
        estimates(kept, seed, resamples),
        intuitiveness.estimate(ratings, seed, resamples),
        detection.estimates(kept),
        calibration.estimates(kept, seed, min(resamples, calibration.RESAMPLES)),
        learning.estimates(kept),
        reliability.estimates(kept, seed),
        agreement.estimates(kept, seed, min(resamples, agreement.RESAMPLES)),
    ]


def _of(ratings: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """Ratings of the people whose answers are kept."""
    people = pd.MultiIndex.from_frame(kept[PERSON].drop_duplicates())
    return ratings[pd.MultiIndex.from_frame(ratings[PERSON]).isin(people)]


def together(table: Table, frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Frames of one table below each other."""
    some = [frame for frame in frames if len(frame)]
    return table.frame(pd.concat(some, ignore_index=True)) if some else table.frame()


def write(folder: Path, name: str, table: Table, rows: pd.DataFrame) -> None:
    """Write a table as FOLDER/NAME.parquet and, for reading, FOLDER/NAME.csv."""
    frame = table.write(folder / f"{name}.parquet", rows)
    store.write_text(folder / f"{name}.csv", csv_text(frame, float_format="%.10g"))
