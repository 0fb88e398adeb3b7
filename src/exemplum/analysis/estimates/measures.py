"""Estimates of every measure by condition and group, with intervals, as a tidy table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exemplum.analysis.estimates import cells, intervals
from exemplum.tables import ESTIMATES

WHOLE = (
    "all", "layer", "branch", "selection", "scheme", "expertise", "scheme+expertise", "difficulty", "scheme+difficulty",
)  # fmt: skip
BYS = {
    "main": (*WHOLE, "participant", "unit", "block", "confidence", "margin"),
    "catch": ("all", "scheme", "expertise", "participant"),
    "practice": ("all", "scheme", "expertise"),
    "repeated": ("all", "participant"),
}
# These are not split by correctness, and have no means over participants if each group is one participant.
FINE = ("participant", "unit", "block", "confidence", "margin")
BOOTSTRAPPED = (*WHOLE, "block")
Piece = dict[str, Any]  # columns of some rows: arrays of one length, or one value for all


def estimates(responses: pd.DataFrame, seed: int, resamples: int = intervals.RESAMPLES) -> pd.DataFrame:
    """Estimate every measure of RESPONSES: a table ESTIMATES.

    One row per experiment, observer, trial kind, condition, group, subset (correct and wrong for reaction time and
    confidence), aggregate and interval. `pooled` rows give each trial the same weight: shares get Wilson's interval,
    which assumes independent trials, and all get the bootstrap that draws whole participants. `participants` rows are
    means of participants' means, with the interval of `intervals.of_mean`, ± 2 standard errors, and the bootstrap.
    Without answers the estimate is NaN and n is 0; intervals over fewer than two participants are NaN.

    A machine is one observer, so its sample is units: each stimulus counts once, however often it was shown, `units`
    rows are means of units' means, and n is the number of stimuli and of units. More sessions do not change them.

    >>> from exemplum.analysis import Spread, simulate
    >>> rng = np.random.default_rng(1)
    >>> trials = simulate.trials(8, 12, ["natural", "synthetic"], rng)  # participants, units
    >>> answers = simulate.logistic(trials, {"natural": 2.2, "synthetic": 0.8}, Spread(unit=0.5), rng)
    >>> table = estimates(answers, seed=1, resamples=200)
    >>> shown = table.query("measure == 'accuracy' and by == 'all' and interval == 'wilson_t'")
    >>> shown[["condition", "estimate", "low", "high"]].round(2).values.tolist()
    [['natural', 0.82, 0.72, 0.89], ['synthetic', 0.71, 0.57, 0.81]]
    """
    return together(
        piece | {"experiment": experiment, "observer": observer}
        for (experiment, observer), answers in responses.groupby(["experiment", "observer"], sort=True)
        for piece in _of_observer(answers, seed, resamples)
    )


def together(pieces: Iterable[Piece]) -> pd.DataFrame:
    """Pieces as one table ESTIMATES; building many small data frames would take longer than the statistics."""
    found = [(piece, len(piece["estimate"])) for piece in pieces]
    found = [(piece, size) for piece, size in found if size]
    if not found:
        return ESTIMATES.frame([])
    columns = {}
    for name, column in ESTIMATES.columns.items():
        kind = object if column.dtype == "str" else float
        columns[name] = np.concatenate([np.broadcast_to(np.asarray(p[name], dtype=kind), size) for p, size in found])
    return ESTIMATES.frame(pd.DataFrame(columns))


def _of_observer(answers: pd.DataFrame, seed: int, resamples: int) -> Iterator[Piece]:
    trials, sample = cells.by_condition(answers), cells.sampled(answers)
    for kind, of_kind in trials.groupby("trial_kind", sort=False):
        for by in BYS[str(kind)]:
            if not cells.has_groups(of_kind, by):
                continue
            measures = _measures(str(kind), by, timed=bool(of_kind["rt_s"].notna().any()))
            grid = Grid.of(cells.participant_cells(of_kind, by, measures, sample), sample)
            medians = _pooled_medians(of_kind, by, grid) if "rt_median_s" in measures else np.empty(0)
            draws = resamples if by in BOOTSTRAPPED else 0
            for measure in measures:
                for piece in of_measure(grid, measure, seed, draws, medians, fine=by in FINE):
                    if piece["aggregate"] == "pooled" or by not in (sample, "participant", "confidence"):
                        group = {"group": ""} if by == "all" else {}
                        yield piece | group | {"measure": measure, "trial_kind": kind, "by": by}


def _measures(kind: str, by: str, timed: bool) -> tuple[str, ...]:
    if by == "margin":
        return ("accuracy",)
    if by == "confidence":
        return ("accuracy", "rt_s") if timed else ("accuracy",)
    chosen = cells.MEASURES + (("repeat_same_choice",) if kind == "repeated" else ())
    return chosen if timed or by == "all" else tuple(name for name in chosen if not name.startswith("rt_"))


@dataclass(frozen=True)
class Grid:
    """Means of participants (or units) with cell numbers: first the cells of all answers, then of right, of wrong ones.

    Every condition and group has a cell in each subset, even if nobody was right, or wrong.
    """

    values: pd.DataFrame  # of cells.participant_cells, sorted by `cell`
    person: np.ndarray  # number of the participant of each row
    condition: np.ndarray  # of each cell
    group: np.ndarray
    subset: np.ndarray
    whole: int  # number of cells of all answers, which come first
    sample: str  # participant, or unit

    @classmethod
    def of(cls, table: pd.DataFrame, sample: str = "participant") -> Grid:
        pairs = pd.MultiIndex.from_frame(table[["condition", "group"]])
        found = pairs.unique().sort_values()
        cell = found.get_indexer(pairs) + len(found) * pd.Index(cells.SUBSETS).get_indexer(table["subset"])
        names = found.to_frame(index=False)
        values = table.assign(cell=cell).sort_values("cell", kind="stable")
        return cls(
            values,
            pd.factorize(values[sample], sort=True)[0],
            np.tile(names["condition"].to_numpy(dtype=object), len(cells.SUBSETS)),
            np.tile(names["group"].to_numpy(dtype=object), len(cells.SUBSETS)),
            np.repeat(np.array(cells.SUBSETS, dtype=object), len(found)),
            len(found),
            sample,
        )


def of_measure(
    grid: Grid, measure: str, seed: int, resamples: int, medians: np.ndarray, fine: bool = False
) -> Iterator[Piece]:
    """The rows of one measure: `pooled`, then `participants` (or `units`), each with its intervals."""
    size = grid.whole if fine or measure in ("accuracy", "repeat_same_choice", "intuitiveness") else len(grid.subset)
    counts = grid.values[f"n_{measure}"].to_numpy(dtype=float)
    used = (counts > 0) & (grid.values["cell"].to_numpy() < size)
    cell, count = grid.values["cell"].to_numpy()[used], counts[used]
    value = grid.values[measure].to_numpy(dtype=float)[used]
    person = grid.person[used]
    trials, people = np.bincount(cell, count, size), np.bincount(cell, minlength=size)
    base = {"condition": grid.condition[:size], "group": grid.group[:size], "subset": grid.subset[:size],
            "n_trials": trials, "n_participants": people}  # fmt: skip
    total = np.bincount(cell, value * count, size)
    if measure == "rt_median_s":
        yield base | {
            "aggregate": "pooled",
            "estimate": medians[:size],
            "interval": "none",
            "low": np.nan,
            "high": np.nan,
        }
    else:
        pooled = base | {"aggregate": "pooled", "estimate": _ratio(total, trials)}
        if measure in cells.SHARES:
            yield _with(pooled, "wilson", intervals.wilson(np.round(total), trials))
        else:
            yield _with(pooled, "none", (np.full(size, np.nan), np.full(size, np.nan)))
        if resamples and grid.sample == "participant":
            yield from _bootstrapped(pooled, cell, person, value * count, count, seed, resamples)
    means = base | {"aggregate": f"{grid.sample}s", "estimate": _ratio(np.bincount(cell, value, size), people)}
    yield from _of_means(means, measure, grid.sample, cell, value, trials)
    if resamples and grid.sample == "participant":
        yield from _bootstrapped(means, cell, person, value, np.ones(len(value)), seed, resamples)


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def _with(rows: Piece, interval: str | np.ndarray, ends: tuple[np.ndarray, np.ndarray]) -> Piece:
    """The rows with an interval; none of width 0, which participants who are alike would have."""
    open_ends = ends[1] - ends[0] > intervals.SAME
    return rows | {"interval": interval, "low": np.where(open_ends, ends[0], np.nan),
                   "high": np.where(open_ends, ends[1], np.nan)}  # fmt: skip


def _pooled_medians(trials: pd.DataFrame, by: str, grid: Grid) -> np.ndarray:
    """The median reaction time over all trials of each cell, in seconds."""
    frame = pd.DataFrame({"condition": trials["condition"], "group": cells.groups(trials, by), "rt_s": trials["rt_s"]})
    right = np.where(trials["correct"], "correct", "wrong")
    frame = pd.concat([frame.assign(subset="all"), frame.assign(subset=right)], ignore_index=True)
    medians = frame.groupby(["condition", "group", "subset"])["rt_s"].median()
    wanted = pd.MultiIndex.from_arrays([grid.condition, grid.group, grid.subset])
    return medians.reindex(wanted).to_numpy(dtype=float)


def _of_means(
    rows: Piece, measure: str, sample: str, cell: np.ndarray, value: np.ndarray, trials: np.ndarray
) -> Iterator[Piece]:
    """The rows with the interval of `intervals.of_mean`, and those with ± 2 standard errors for participants."""
    limits, size = cells.LIMITS.get(measure), len(trials)
    # a unit's answers depend on each other, since its pictures do: the units themselves are its independent trials
    counted = measure in cells.SHARES and sample == "participant"
    names = np.full(size, "t" if measure not in cells.SHARES else "wilson_t", dtype=object)
    ends = np.full((4, size), np.nan)
    for here, places in _by_size(cell):
        values = value[places]
        names[here], ends[0, here], ends[1, here] = intervals.of_mean(values, limits, trials[here] if counted else None)
        if sample == "participant":
            ends[2, here], ends[3, here] = intervals.sem2(values)
    yield _with(rows, names, (ends[0], ends[1]))
    if sample == "participant":
        yield _with(rows, "sem2", (ends[2], ends[3]))


def _bootstrapped(
    rows: Piece, cell: np.ndarray, person: np.ndarray, num: np.ndarray, den: np.ndarray, seed: int, resamples: int
) -> Iterator[Piece]:
    """Resample the participants of each cell; for large cells all participants, also those without answers there.

    So large cells of different sizes share their draws, and with so many participants the result is the same.
    """
    ends = {name: np.full((len(rows["estimate"]), 2), np.nan) for name in ("percentile", "bca")}
    many = np.bincount(cell, minlength=1)[cell] > intervals.FEW
    for here, chosen in _by_size(cell[~many]):
        drawn = intervals.bootstrap(num[~many][chosen], den[~many][chosen], seed, resamples)
        ends["percentile"][here], ends["bca"][here] = drawn
    if many.any():
        here, place = np.unique(cell[many], return_inverse=True)
        wide = np.zeros((2, len(here), person.max() + 1))
        wide[:, place, person[many]] = num[many], den[many]
        ends["percentile"][here], ends["bca"][here] = intervals.bootstrap(wide[0], wide[1], seed, resamples)
    for name, both in ends.items():
        yield _with(rows, name, (both[:, 0], both[:, 1]))


def _by_size(cell: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cells with the same number of participants together: cell numbers, places of their values (cells, n)."""
    present, start, count = np.unique(cell, return_index=True, return_counts=True)
    for size in np.unique(count):
        alike = count == size
        yield present[alike], start[alike][:, None] + np.arange(size)
