"""Scores of a network at a glance: methods and nulls by difficulty, from SCORE_SUMMARIES alone."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exemplum import pages
from exemplum.records import easiest_first
from exemplum.scores.populations import DIRECTIONS, NULLS, RANDOM, SHUFFLED, UNTRAINED
from exemplum.scores.summary import WHOLE

NULL_NAMES = {
    UNTRAINED: "untrained network",
    SHUFFLED: "shuffled images",
    DIRECTIONS: "random directions",
    RANDOM: "random references",
}


@dataclass(frozen=True)
class OverviewCell:
    """The mean accuracy over units at one difficulty."""

    accuracy: str
    interval: str  # 95 %, over units
    units: int


@dataclass(frozen=True)
class OverviewRow:
    """A method, or one of its nulls."""

    method: str
    references: int
    null: str
    name: str
    cells: list[OverviewCell]

    @property
    def units(self) -> str:
        """The number of units with tasks, `1,204 to 2,744` where it depends on the difficulty."""
        counts = {cell.units for cell in self.cells if cell.units}
        return " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)})) if counts else "0"


def overview(summaries: pd.DataFrame, observer: str, layer: str = WHOLE) -> tuple[list[str], list[OverviewRow]]:
    """The difficulties, easiest first, and a row for each method and number of references, each before its nulls.

    Of one layer, or of all of them together.
    """
    own = summaries[(summaries["layer"] == layer) & (summaries["observer"] == observer)]
    difficulties = easiest_first(own["difficulty"])
    several = own["references"].nunique() > 1
    order = ["", *NULLS]
    rows = []
    for (method, k), of in own.groupby(["method", "references"], sort=False):
        for null in sorted(of["null"].unique(), key=order.index):
            cells = of[of["null"] == null].set_index("difficulty")
            name = NULL_NAMES[null] if null else f"{method}, {k} per pole" if several else str(method)
            rows.append(OverviewRow(str(method), int(k), null, name, [_cell(cells, name) for name in difficulties]))
    return difficulties, rows


def _cell(by_difficulty: pd.DataFrame, difficulty: str) -> OverviewCell:
    if difficulty not in by_difficulty.index:
        return OverviewCell(pages.UNDEFINED, "", 0)
    row = by_difficulty.loc[difficulty]
    return OverviewCell(pages.percent(row["accuracy"]), pages.interval(row["low"], row["high"]), int(row["units"]))
