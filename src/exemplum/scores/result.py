"""Scores as a table that can be looked at: by unit, by layer, against nulls, and as a figure."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from exemplum.records import easiest_first
from exemplum.scores import summary
from exemplum.scores.populations import NULLS, RANDOM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from exemplum.index import ActivationIndex


@dataclass(frozen=True)
class Scores:
    """Scores of units by machine observers. A machine is one observer: intervals are over units, or a unit's tasks."""

    table: pd.DataFrame  # SCORES
    baseline: str = "natural"  # the method that the others are compared with
    index: ActivationIndex | None = field(default=None, repr=False, compare=False)  # whose images the page shows
    uninformative: tuple[str, ...] = (RANDOM,)  # methods whose references explain nothing

    def __repr__(self) -> str:
        own = self.table[self.table["null"] == ""]
        said = [f"{own['unit'].nunique():,} units"]
        for name in ("method", "difficulty", "observer"):
            said.append(", ".join(map(str, own[name].unique())))
        nulls = [null for null in NULLS if (self.table["null"] == null).any()]
        return f"Scores({'; '.join(said)}{'; nulls ' + ', '.join(nulls) if nulls else ''})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.by_layer().to_html(index=False, float_format='{:.3f}'.format)}"

    def to_frame(self) -> pd.DataFrame:
        """Per unit, method, number of references, difficulty, observer and null (docs/reference/tables.md: scores)."""
        return self.table.copy()

    def by_unit(self, observer: str | None = None) -> pd.DataFrame:
        """Accuracy of each unit, one column per method and difficulty; of the first observer if none is named."""
        own = self.table[(self.table["null"] == "") & (self.table["observer"] == (observer or self.observers[0]))]
        wide = own.pivot_table(
            index=["layer", "unit"], columns=["method", "references", "difficulty"], values="accuracy", sort=False
        )
        return wide.reindex(columns=sorted(wide.columns, key=self._order)).reset_index()

    def by_layer(self) -> pd.DataFrame:
        """Means per layer and of all, with 95 % intervals over units (docs/reference/tables.md: score summaries)."""
        return self._summaries.copy()

    def differences(self) -> pd.DataFrame:
        """Scores against nulls, methods against the baseline (docs/reference/tables.md: score differences)."""
        return self._differences.copy()

    def said(self) -> list[str]:
        """Whether the network is above its nulls, layer by layer, in words: the first observer, at each difficulty."""
        found = []
        for difficulty in self.difficulties:
            sentences = summary.said_against_nulls(self._differences, self.baseline, self.observers[0], difficulty)
            found += [f"{self.observers[0]}, {difficulty}, {sentence}" for sentence in sentences]
        return found

    @property
    def observers(self) -> list[str]:
        return list(map(str, self.table["observer"].unique()))

    @property
    def difficulties(self) -> list[str]:
        """The easiest first."""
        return easiest_first(self.table["difficulty"].unique())

    def plot(self, axes: Axes | None = None) -> Axes:
        """Accuracy by difficulty: one line per method of the first observer, and a dashed one per null."""
        from exemplum.scores.figures import curves  # late: matplotlib takes a second to import

        return curves(self._summaries, self.observers[0], self.difficulties, axes)

    def page(self, path: Path | str) -> Path:
        """Write the network page, one HTML file: layers and methods against nulls, and units with their images.

        Without an index that has its images (`index.attached`) there are no images. Returns the path.
        """
        from exemplum.scores.page import About, Found, network_name, write  # late: templates take a moment to import

        index = self.index
        name = index.model.name if index and index.model else "a network"
        images = f"{len(index.corpus):,} images, {index.corpus.name}" if index and index.corpus else "unknown images"
        about = About(network_name(name), images, self.baseline, self.uninformative)
        write(Path(path), Found(self.table, self._summaries, self._differences, about), index)
        return Path(path)

    def _order(self, column: tuple[str, int, str]) -> tuple[int, int, int]:
        methods = list(self.table["method"].unique())
        return methods.index(column[0]), -column[1], self.difficulties.index(column[2])

    @cached_property
    def _summaries(self) -> pd.DataFrame:
        return summary.summaries(self.table)

    @cached_property
    def _differences(self) -> pd.DataFrame:
        return summary.differences(self.table, self.baseline)
