"""How intuitive people find the pictures, before and after the trials: RATINGS in, estimates and comparisons out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from exemplum.analysis import cells, estimates, intervals
from exemplum.analysis.comparisons import paired_tests
from exemplum.analysis.independent import mann_whitney
from exemplum.tables import COMPARISONS

MEASURE = "intuitiveness"
BYS = ("all", "phase", "expertise", "phase+expertise", "unit", "participant")


def estimate(ratings: pd.DataFrame, seed: int, resamples: int = intervals.RESAMPLES) -> pd.DataFrame:
    """Mean rating (-100 to 100) of RATINGS by phase, expertise, unit and participant: rows of ESTIMATES.

    `condition` is the method rated and trial_kind is `rating`; n_trials counts ratings. Both aggregates and their
    intervals are as for the mean confidence of trials.
    """
    return estimates.together(
        piece | {"experiment": experiment, "observer": observer, "measure": MEASURE, "trial_kind": "rating"}
        for (experiment, observer), rows in ratings.groupby(["experiment", "observer"], sort=True)
        for piece in _of_observer(rows, seed, resamples)
    )


def compare(ratings: pd.DataFrame, seed: int) -> pd.DataFrame:
    """After against before for those who rated both (paired tests), and experts against lay people: COMPARISONS."""
    found: list[dict[str, object]] = []
    for (experiment, observer, condition), rows in ratings.groupby(["experiment", "observer", "condition"], sort=True):
        fixed = {"experiment": experiment, "observer": observer, "measure": MEASURE, "subset": "all"}
        wide = rows.groupby(["participant", "phase"])["rating"].mean().unstack()
        if {"pre", "post"} <= set(wide):
            where = fixed | {"by": "condition", "group": condition}
            found += [where | outcome.row() for outcome in paired_tests(wide, "post", "pre", seed)]
        if rows["expertise"].isin(["expert", "lay"]).any():
            means = rows.groupby(["phase", "expertise", "participant"])["rating"].mean()
            for phase in means.index.levels[0]:
                sides = [means.loc[phase].get(name, pd.Series(dtype=float)).to_numpy() for name in ("expert", "lay")]
                where = fixed | {"by": "phase+condition", "group": f"{phase}|{condition}"}
                found.append(where | mann_whitney(*sides).between("expert", "lay").row())
    return COMPARISONS.frame(found)


def _of_observer(rows: pd.DataFrame, seed: int, resamples: int) -> Iterator[estimates.Piece]:
    for by in BYS:
        columns = () if by == "all" else tuple(by.split("+"))
        group = cells.joined(rows, columns)
        table = _cells(rows.assign(group=group)[group != ""])
        if table.empty:
            continue
        grid = estimates.Grid.of(table)
        draws = resamples if by not in ("unit", "participant") else 0
        for piece in estimates.of_measure(grid, MEASURE, seed, draws, np.empty(0)):
            if by != "participant" or piece["aggregate"] == "pooled":
                yield piece | {"by": by} | ({"group": ""} if by == "all" else {})


def _cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Each participant's mean rating by condition and group, in the columns that cells.participant_cells gives."""
    grouped = rows.groupby(["condition", "group", "participant"])["rating"].agg(["mean", "count"]).reset_index()
    return grouped.rename(columns={"mean": MEASURE, "count": f"n_{MEASURE}"}).assign(subset="all")
