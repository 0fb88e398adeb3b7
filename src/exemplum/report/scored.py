"""The report's section on scores: what machines reach over all units of the network, beside the nulls."""

from __future__ import annotations

from dataclasses import dataclass

from exemplum import scores
from exemplum.report.formatting import Tables
from exemplum.scores import OverviewRow


@dataclass(frozen=True)
class ScoreSection:
    """Methods and nulls by difficulty, of one observer, and the differences in words."""

    observer: str
    difficulties: list[str]
    rows: list[OverviewRow]
    said: list[tuple[str, list[str]]]  # by difficulty, one sentence per null


def section(tables: Tables) -> ScoreSection | None:
    """The scores of the first observer; None if the study has none of its present settings."""
    summaries, differences = tables.score_summaries, tables.score_differences
    if summaries.empty:
        return None
    observer = str(summaries["observer"].iloc[0])
    difficulties, rows = scores.overview(summaries, observer)
    method, references = next(((row.method, row.references) for row in rows if row.null), ("", 0))
    own = differences[differences["references"] == references]
    said = [(name, scores.said_against_nulls(own, method, observer, name)) for name in difficulties]
    return ScoreSection(observer, difficulties, rows, [(name, told) for name, told in said if told])
