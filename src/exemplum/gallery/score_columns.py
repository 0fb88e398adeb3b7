"""Scores as the page needs them, by view: a method, an observer, a difficulty and a number of references."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exemplum.records import easiest_first

BINS = 20  # of accuracy, each around a multiple of 1/20: as many as tasks by default
VIEW = ["method", "references", "difficulty", "observer"]
View = tuple[str, int, str, str]


@dataclass(frozen=True)
class ScoreColumns:
    """SCORES by view and unit."""

    views: list[View]
    nulls: list[str]
    table: pd.DataFrame  # SCORES with tasks, and the columns `view` and `null_number` (-1: the unit itself)

    def views_as_json(self) -> list[dict[str, Any]]:
        return [dict(zip(VIEW, view, strict=True)) for view in self.views]

    def of_units(self, view: int, names: Sequence[str], column: str) -> np.ndarray:
        """A column of the scores of these units by a view, float (units,); NaN for those without."""
        own = self.table[(self.table["view"] == view) & (self.table["null_number"] < 0)]
        return own.set_index("unit")[column].reindex(names).to_numpy(float)

    def of_layer(self, layer: str) -> Iterator[dict[str, Any]]:
        """Per view that scored units of the layer: mean, distribution of accuracy, and the same of its nulls."""
        mine = self.table[self.table["layer"] == layer]
        for view in range(len(self.views)):
            rows = mine[mine["view"] == view]
            own = rows.loc[rows["null_number"] < 0, "accuracy"].to_numpy()
            if not len(own):
                continue
            nulls = {
                name: _spread(rows.loc[rows["null_number"] == number, "accuracy"].to_numpy())
                for number, name in enumerate(self.nulls)
                if (rows["null_number"] == number).any()
            }
            yield {"view": view, "counts": _histogram(own), **_spread(own), "nulls": nulls}

    def rows_by_unit(self) -> dict[str, list[list[float | int | None]]]:
        """Unit → [view, null (-1: none), accuracy, low, high, score, tasks] of each row of its scores."""
        numbers = ["accuracy", "low", "high", "score"]
        # of directions the k-th random one has the k-th unit's name, and is no null of that unit
        own = self.table[self.table["null"] != "directions"]
        values = own[numbers].round(4).to_numpy(object)
        found: dict[str, list[list[float | int | None]]] = {}
        for unit, view, null, row, tasks in zip(
            own["unit"], own["view"], own["null_number"], values, own["n_tasks"], strict=True
        ):
            shown = [None if math.isnan(value) else value for value in row]
            found.setdefault(str(unit), []).append([int(view), int(null), *shown, int(tasks)])
        return found


def score_columns(scores: pd.DataFrame, methods: Sequence[str]) -> ScoreColumns:
    """The views of SCORES, in the order of these methods, the easiest difficulty first."""
    table = scores[scores["n_tasks"] > 0].copy()
    hardness = {name: place for place, name in enumerate(easiest_first(table["difficulty"].unique()))}
    found = [
        (str(row.method), int(row.references), str(row.difficulty), str(row.observer))
        for row in table[VIEW].drop_duplicates().itertuples(index=False)
    ]
    order = {name: place for place, name in enumerate(table["observer"].unique())}
    views = sorted(found, key=lambda view: (methods.index(view[0]), order[view[3]], hardness[view[2]], view[1]))
    number = {view: place for place, view in enumerate(views)}
    keys = zip(*(table[name] for name in VIEW), strict=True)
    table["view"] = [number[str(m), int(r), str(d), str(o)] for m, r, d, o in keys]
    nulls = [str(name) for name in table["null"].unique() if name]
    table["null_number"] = table["null"].map({"": -1} | {name: place for place, name in enumerate(nulls)})
    return ScoreColumns(views, nulls, table)


def _histogram(accuracies: np.ndarray) -> list[int]:
    bins = np.clip(np.floor(accuracies * BINS + 0.5), 0, BINS).astype(int)
    return np.bincount(bins, minlength=BINS + 1).tolist()


def _spread(values: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(values, [0.05, 0.95])
    return {name: round(float(value), 4) for name, value in (("q05", low), ("q95", high), ("mean", values.mean()))}
