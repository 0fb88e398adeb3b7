"""Participants' means by cell (condition, group and subset), from which all estimates and tests are computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from exemplum.analysis.estimates import intervals

SHARES = ("accuracy", "confidence_1", "confidence_2", "confidence_3", "repeat_same_choice")
MEASURES = ("accuracy", "rt_s", "rt_median_s", "confidence", "confidence_1", "confidence_2", "confidence_3")
BYS = {
    "all": (),
    "layer": ("layer",),
    "branch": ("branch",),
    "selection": ("selection",),
    "scheme": ("scheme",),
    "expertise": ("expertise",),
    "scheme+expertise": ("scheme", "expertise"),
    "participant": ("participant",),
    "unit": ("unit",),
    "block": ("block",),
    "confidence": ("confidence",),
    "difficulty": ("difficulty",),
    "scheme+difficulty": ("scheme", "difficulty"),
    "margin": ("margin_bin",),
}
SEVERAL = ("difficulty", "scheme+difficulty", "margin")  # groups only where each column has several values
MARGINS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)  # bounds of the groups by margin, in the unit's standard deviations
BASELINE = "natural"  # unless [explanations] baseline names another method
ORDER = (BASELINE, "synthetic")  # after the baseline; then other methods by name, and none last
SUBSETS = ("all", "correct", "wrong")
LIMITS = dict.fromkeys(SHARES, intervals.SHARE) | {"confidence": (1.0, 3.0), "intuitiveness": (-100.0, 100.0)}
STIMULUS = ["condition", "scheme", "difficulty", "unit", "batch"]


def by_condition(responses: pd.DataFrame) -> pd.DataFrame:
    """The answers with one column per measure, and `none` also split by when it was shown.

    Adds a column per measure (rt_s in seconds; repeat_same_choice is NaN except for repeated trials) and `margin_bin`,
    and appends the trials without references once more as none_pre and none_post.
    """
    responses = responses.reset_index(drop=True)
    trials = responses.assign(
        accuracy=responses["correct"].astype(float),
        rt_s=responses["rt_ms"] / 1000,
        repeat_same_choice=_same_choice(responses),
        margin_bin=margin_bins(responses["margin"].to_numpy()),
        **{f"confidence_{k}": (responses["confidence"] == k).astype(float) for k in (1, 2, 3)},
    )
    none = trials[(trials["condition"] == "none") & trials["phase"].isin(["pre", "post"])]
    phases = none.assign(condition="none_" + none["phase"])
    return pd.concat([trials, phases], ignore_index=True)


def margin_bins(margins: np.ndarray) -> np.ndarray:
    """The group of each margin between two queries, (n,); empty for NaN.

    >>> margin_bins(np.array([0.3, 2.0, 9.1, np.nan])).tolist()
    ['0 to 0.5', '2 to 3', '8 and above', '']
    """
    ends = ["0", *(f"{bound:g}" for bound in MARGINS)]
    names = [f"{low} to {high}" for low, high in pairwise(ends)] + [f"{ends[-1]} and above", ""]
    place = np.where(np.isnan(margins), len(names) - 1, np.searchsorted(MARGINS, margins, side="right"))
    chosen: np.ndarray = np.array(names, dtype=object)[place]
    return chosen


def order(names: Iterable[str], baseline: str = BASELINE) -> list[str]:
    """Conditions in the order of all tables: the baseline, natural, synthetic, others by name, none."""
    present = set(names)
    none = [name for name in ("none", "none_pre", "none_post") if name in present]
    first = [name for name in dict.fromkeys((baseline, *ORDER)) if name in present]
    return first + sorted(present - set(first) - set(none)) + none


def sampled(answers: pd.DataFrame) -> str:
    """What is the sample of these answers of one observer: `participant`, or `unit` for a machine.

    A machine is one observer: repeating its sessions says nothing about other observers, so its results vary over
    units alone.
    """
    return "unit" if (answers["observer_kind"] == "machine").any() else "participant"


def weights(trials: pd.DataFrame) -> np.ndarray:
    """The weight of each answer, (n,): 1, or for a machine 1 / (showings of its stimulus), so that each counts once."""
    if sampled(trials) == "participant":
        return np.ones(len(trials))
    codes = trials.groupby(STIMULUS, sort=False).ngroup().to_numpy()
    return 1 / np.bincount(codes)[codes]


def participant_cells(
    trials: pd.DataFrame, by: str, measures: Sequence[str] = MEASURES, sample: str = "participant"
) -> pd.DataFrame:
    """Means by condition, group, subset and participant: one row each, with NaN where a participant has no answers.

    `trials` is from `by_condition`, of one experiment, observer and trial kind. Columns: condition, group, subset,
    participant, and for each measure its mean and `n_MEASURE`, the number of answers. Answers without a value of the
    variable `by` (the scheme of `none`) are left out. With `sample` unit, for a machine (see `sampled`), units stand in
    the place of participants, and stimuli, each averaged over its showings, in the place of answers.
    """
    frame = trials.assign(group=groups(trials, by))
    frame = frame[frame["group"] != ""]
    split = frame.assign(subset=np.where(frame["correct"], "correct", "wrong"))
    frame = pd.concat([frame.assign(subset="all"), split], ignore_index=True)
    keys = ["condition", "group", "subset", sample]
    if sample == "unit":
        frame = _stimuli(frame, [*keys, "scheme", "difficulty", "batch"], measures)
    codes, table = _codes(frame, keys)
    for measure in measures:
        table[measure], table[f"n_{measure}"] = _mean(frame, measure, codes, len(table))
    return table


def _stimuli(frame: pd.DataFrame, keys: list[str], measures: Sequence[str]) -> pd.DataFrame:
    """One row per stimulus and cell, averaged over its showings."""
    codes, table = _codes(frame, keys)
    for measure in measures:
        if measure != "rt_median_s":  # made from rt_s
            table[measure] = _mean(frame, measure, codes, len(table))[0]
    return table


def has_groups(trials: pd.DataFrame, by: str) -> bool:
    """Whether every column named in `by` has a value in some row, or several values for those in SEVERAL."""
    least = 2 if by in SEVERAL else 1
    return all(_values(trials[column], least) for column in BYS[by])


def _values(column: pd.Series, least: int) -> bool:
    """Whether the column has at least one value, or two different ones, that are not empty."""
    given = column[column.astype(str) != ""]
    return len(given) > 0 if least == 1 else given.nunique() >= least


def groups(trials: pd.DataFrame, by: str) -> pd.Series:
    """The group of every answer: "all" for by = all, "" if a column named in `by` has no value."""
    return joined(trials, BYS[by])


def joined(rows: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """The values of some columns as one text joined by |; "" if one of them is empty, "all" for no columns."""
    if not columns:
        return pd.Series("all", index=rows.index)
    parts = [rows[column].astype(str) for column in columns]
    empty = np.logical_or.reduce([part == "" for part in parts])
    text = parts[0]
    for part in parts[1:]:
        text = text + "|" + part
    return text.mask(empty, "")


def _codes(frame: pd.DataFrame, keys: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """A number for each combination of the keys present, and the table of the combinations, sorted."""
    combined = np.zeros(len(frame), dtype=np.int64)
    levels = []
    for key in keys:
        code, level = pd.factorize(frame[key], sort=True)
        combined = combined * max(len(level), 1) + code
        levels.append(level)
    present, codes = np.unique(combined, return_inverse=True)
    columns: dict[str, np.ndarray] = {}
    for key, level in zip(reversed(keys), reversed(levels), strict=True):
        present, code = np.divmod(present, max(len(level), 1))
        columns[key] = np.asarray(level)[code]
    return codes, pd.DataFrame({key: columns[key] for key in keys})


def _mean(frame: pd.DataFrame, measure: str, codes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    values = frame["rt_s" if measure == "rt_median_s" else measure].to_numpy(dtype=float)
    given = ~np.isnan(values)
    count = np.bincount(codes[given], minlength=size)
    if measure == "rt_median_s":
        medians = pd.Series(values).groupby(codes).median()
        return medians.reindex(range(size)).to_numpy(), count
    total = np.bincount(codes[given], weights=values[given], minlength=size)
    return np.divide(total, count, out=np.full(size, np.nan), where=count > 0), count


def _same_choice(responses: pd.DataFrame) -> pd.Series:
    """Whether the same image was chosen in a repeated trial as at its first showing; NaN for other trials."""
    keys = ["experiment", "observer", "participant"]
    first = responses.set_index([*keys, "trial_id"])["correct"]
    repeated = responses[(responses["trial_kind"] == "repeated") & (responses["repeats"] != "")]
    same = pd.Series(np.nan, index=responses.index)
    if len(repeated):
        before = first.reindex(pd.MultiIndex.from_frame(repeated[[*keys, "repeats"]]))
        now = repeated["correct"].to_numpy(dtype=float)
        then = before.to_numpy(dtype=float, na_value=np.nan)
        same.loc[repeated.index] = np.where(np.isnan(then), np.nan, now == then)
    return same


Z95 = float(norm.ppf(0.975))
KEYS = ["experiment", "observer", "condition"]


def each_condition(responses: pd.DataFrame, kind: str = "main") -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Trials of one kind by experiment, observer and condition, with these three and the kind as a dict."""
    chosen = responses[responses["trial_kind"] == kind]
    for (experiment, observer), rows in chosen.groupby(["experiment", "observer"], sort=True):
        for condition in order(rows["condition"].unique()):
            where = {"experiment": experiment, "observer": observer, "condition": condition, "trial_kind": kind}
            yield where, rows[rows["condition"] == condition]


def row(
    where: dict[str, Any],
    measure: str,
    estimate: float,
    interval: tuple[str, float, float] = ("none", np.nan, np.nan),
    n: tuple[int, int] = (0, 0),
    aggregate: str = "pooled",
    by: str = "all",
    group: str = "",
) -> dict[str, Any]:
    """One row; `n` is trials and participants."""
    name, low, high = interval
    return where | {
        "measure": measure, "by": by, "group": group, "subset": "all", "aggregate": aggregate,
        "estimate": estimate, "interval": name, "low": low, "high": high, "n_trials": n[0], "n_participants": n[1],
    }  # fmt: skip


def normal(estimate: float, error: float) -> tuple[str, float, float]:
    """The interval estimate ± 1.96 standard errors."""
    return "normal", estimate - Z95 * error, estimate + Z95 * error


def over_sample(
    values: np.ndarray, limits: intervals.Limits | None = None, trials: float | None = None
) -> tuple[float, tuple[str, float, float]]:
    """Mean over participants, or units, with the interval of `intervals.of_mean`; NaNs are left out, NaN for none."""
    values = values[np.isfinite(values)]
    mean = float(values.mean()) if len(values) else np.nan
    names, low, high = intervals.of_mean(values, limits, None if trials is None else np.array([float(trials)]))
    return mean, (str(names[0]), float(low[0]), float(high[0]))


def size(trials: pd.DataFrame) -> tuple[int, int]:
    """Trials and participants; a machine's stimuli and units."""
    sample = sampled(trials)
    once = trials if sample == "participant" else trials[STIMULUS].drop_duplicates()
    return len(once), int(once[sample].nunique())
