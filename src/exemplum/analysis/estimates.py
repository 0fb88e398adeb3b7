"""Every measure by condition and group, with intervals: responses in, tidy estimates out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from exemplum.analysis import cells, intervals
from exemplum.tables import ESTIMATES

WHOLE = ("all", "layer", "branch", "selection", "scheme", "expertise", "scheme+expertise")  # with bootstraps
BYS = {
    "main": (*WHOLE, "participant", "unit", "block", "confidence"),
    "catch": ("all", "scheme", "expertise", "participant"),
    "practice": ("all", "scheme", "expertise"),
    "repeated": ("all", "participant"),
}
# One number for each participant or unit is read by itself: no split by correctness, no bootstrap.
FINE = ("participant", "unit", "block", "confidence")


def estimates(responses: pd.DataFrame, seed: int, resamples: int = intervals.RESAMPLES) -> pd.DataFrame:
    """Estimate every measure of RESPONSES: a table ESTIMATES.

    A row for each experiment, observer, trial kind, condition, group, subset (correct and wrong for reaction time
    and confidence), aggregate and interval. `pooled` rows weigh trials alike: shares get Wilson's interval, which
    takes trials as independent, and all get the bootstrap that draws whole participants. `participants` rows are
    means of participants' means, with ± 2 standard errors and the bootstrap. Where nobody answered the estimate is
    NaN and n is 0; intervals over fewer than two participants are NaN.
    """
    found = [
        rows
        for (experiment, observer), answers in responses.groupby(["experiment", "observer"], sort=True)
        for rows in _of_observer(answers, str(experiment), str(observer), seed, resamples)
    ]
    return ESTIMATES.frame(pd.concat(found, ignore_index=True) if found else [])


def _of_observer(
    answers: pd.DataFrame, experiment: str, observer: str, seed: int, resamples: int
) -> Iterator[pd.DataFrame]:
    trials = cells.by_condition(answers)
    for kind, of_kind in trials.groupby("trial_kind", sort=False):
        for by in BYS[str(kind)]:
            if not cells.has_groups(of_kind, by):
                continue
            measures = _measures(str(kind), by, timed=bool(of_kind["rt_s"].notna().any()))
            table = cells.participant_cells(of_kind, by, measures)
            for measure in measures:
                for rows in _of_measure(table, measure, by, of_kind, seed, resamples):
                    fixed = {"experiment": experiment, "observer": observer, "measure": measure}
                    yield rows.assign(**fixed, trial_kind=kind, by=by)


def _measures(kind: str, by: str, timed: bool) -> tuple[str, ...]:
    if by == "confidence":
        return ("accuracy", "rt_s") if timed else ("accuracy",)
    chosen = cells.MEASURES + (("repeat_same_choice",) if kind == "repeated" else ())
    return chosen if timed or by == "all" else tuple(name for name in chosen if not name.startswith("rt_"))


def _of_measure(
    table: pd.DataFrame, measure: str, by: str, trials: pd.DataFrame, seed: int, resamples: int
) -> Iterator[pd.DataFrame]:
    """The rows of one measure: `pooled`, then `participants`, each with its intervals."""
    whole = measure in ("accuracy", "repeat_same_choice") or by in FINE
    keys = _keys(table, ("all",) if whole else cells.SUBSETS)
    values = table[table[f"n_{measure}"] > 0].merge(keys.reset_index(names="cell"), on=list(keys.columns))
    values = values.sort_values("cell", kind="stable")
    draws = resamples if by in WHOLE or by == "block" else 0
    trials_n = _total(values, values[f"n_{measure}"], len(keys)).astype(int)
    people_n = _total(values, np.ones(len(values)), len(keys)).astype(int)
    counts = {"n_trials": trials_n, "n_participants": people_n, "group": "" if by == "all" else keys["group"]}
    base = keys[["condition", "subset"]].assign(**counts)

    sums = values[measure] * values[f"n_{measure}"]
    if measure == "rt_median_s":
        yield base.assign(aggregate="pooled", interval="none", low=np.nan, high=np.nan,
                          estimate=_pooled_median(trials, keys, by))  # fmt: skip
    else:
        total = _total(values, sums, len(keys))
        pooled = base.assign(aggregate="pooled", estimate=_ratio(total, trials_n))
        if measure in cells.SHARES:
            yield _with(pooled, "wilson", *intervals.wilson(np.round(total), trials_n))
        else:
            yield _with(pooled, "none", np.nan, np.nan)
        if draws:
            yield from _bootstrapped(pooled, values, sums, values[f"n_{measure}"], seed, draws)
    if by in ("participant", "confidence"):
        return
    means = base.assign(aggregate="participants", estimate=_ratio(_total(values, values[measure], len(keys)), people_n))
    yield _with(means, "sem2", *_sem2(values, measure, len(keys)))
    if draws:
        yield from _bootstrapped(means, values, values[measure], None, seed, draws)


def _keys(table: pd.DataFrame, subsets: tuple[str, ...]) -> pd.DataFrame:
    """Every condition and group with answers, once for each subset, though nobody may have been right or wrong."""
    found = table[["condition", "group"]].drop_duplicates()
    return found.merge(pd.DataFrame({"subset": subsets}), how="cross")


def _total(values: pd.DataFrame, of: np.ndarray | pd.Series, size: int) -> np.ndarray:
    return np.bincount(values["cell"], weights=np.asarray(of, dtype=float), minlength=size)


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def _with(rows: pd.DataFrame, interval: str, low: float | np.ndarray, high: float | np.ndarray) -> pd.DataFrame:
    return rows.assign(interval=interval, low=low, high=high)


def _pooled_median(trials: pd.DataFrame, keys: pd.DataFrame, by: str) -> np.ndarray:
    """The median over all trials of each cell."""
    frame = pd.DataFrame({"condition": trials["condition"], "group": cells.groups(trials, by), "rt_s": trials["rt_s"]})
    right = np.where(trials["correct"], "correct", "wrong")
    frame = pd.concat([frame.assign(subset="all"), frame.assign(subset=right)], ignore_index=True)
    medians = frame.groupby(["condition", "group", "subset"])["rt_s"].median()
    return medians.reindex(pd.MultiIndex.from_frame(keys[["condition", "group", "subset"]])).to_numpy()


def _sem2(values: pd.DataFrame, measure: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.full(size, np.nan), np.full(size, np.nan)
    for cell, block in _blocks(values, values[measure]):
        low[cell], high[cell] = intervals.sem2(block)
    return low, high


def _bootstrapped(
    rows: pd.DataFrame, values: pd.DataFrame, num: pd.Series, den: pd.Series | None, seed: int, resamples: int
) -> Iterator[pd.DataFrame]:
    ends = {name: np.full((len(rows), 2), np.nan) for name in ("percentile", "bca")}
    denominators = None if den is None else dict(_by_size(values, den))
    for size, (cell, block) in _by_size(values, num):
        below = None if denominators is None else denominators[size][1]
        ends["percentile"][cell], ends["bca"][cell] = intervals.bootstrap(block, below, seed, resamples)
    for name, both in ends.items():
        yield _with(rows, name, both[:, 0], both[:, 1])


def _blocks(values: pd.DataFrame, of: pd.Series) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for _, block in _by_size(values, of):
        yield block


def _by_size(values: pd.DataFrame, of: pd.Series) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    """Cells with the same number of participants together: size, (cell numbers, values (cells, participants))."""
    cell, value = values["cell"].to_numpy(), of.to_numpy(dtype=float)
    present, start, count = np.unique(cell, return_index=True, return_counts=True)
    for size in np.unique(count):
        alike = count == size
        yield int(size), (present[alike], value[start[alike][:, None] + np.arange(size)])
