"""Reliability of an observer's own answers: split halves, and repeated trials."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exemplum import tables
from exemplum.analysis import kappa
from exemplum.analysis.estimates import cells
from exemplum.analysis.kappa import Interval
from exemplum.analysis.models.crossed import Array

SPLITS = 100
FEWEST = 4  # participants or units; with fewer a correlation over them is meaningless


def reliability_estimates(responses: pd.DataFrame, seed: int, splits: int = SPLITS) -> pd.DataFrame:
    """Split-half reliability and repeated-trial consistency by condition: rows of ESTIMATES.

    `split_half_participants`, `split_half_units`: how well accuracies of participants (units) in one random half of
    their main trials agree with those in the other, at full length; see `split_half`. Interval fisher, of the
    half-length correlation. Below 0 where the halves agree less than by chance; not cut, so low ends may be far below
    −1. `repeat_kappa`: Cohen's κ between the images chosen at first and second showing of repeated trials (1: always
    the same, 0: chance level, given how often answers are right), jackknife over participants. NaN with n for fewer
    than 4 participants or units, or accuracies that do not vary. A machine is one observer: only its units, each
    stimulus at its first showing.
    """
    rows = []
    rng = np.random.default_rng(seed)
    for where, trials in cells.each_condition(responses):
        machine, size = cells.sampled(trials) == "unit", cells.size(trials)
        once = trials.drop_duplicates(cells.STIMULUS) if machine else trials
        for level in ("unit",) if machine else ("participant", "unit"):
            code, _ = pd.factorize(once[level])
            half = split_half(code, once["correct"].to_numpy(dtype=float), rng, splits)
            full, interval = _at_full_length(half, int((np.bincount(code) > 1).sum()))
            rows.append(cells.row(where, f"split_half_{level}s", full, interval, size))
    pairs = repeats(responses)
    for where, trials in cells.each_condition(pairs, "repeated"):
        value, interval = kappa.clustered(trials, "first", "correct", (cells.sampled(trials),))
        rows.append(cells.row(where, "repeat_kappa", value, interval, cells.size(trials)))
    return tables.ESTIMATES.frame(rows)


def split_half(code: Array, correct: Array, rng: np.random.Generator, splits: int = SPLITS) -> float:
    """Mean correlation between the accuracies of random halves of each level's trials: half-length reliability.

    `code`, `correct` (n,): level of each trial, and whether it was right; levels with one trial are left out. The mean
    is over Fisher's z of the splits. NaN for fewer than 4 levels or accuracies that do not vary.

    >>> rng = np.random.default_rng(0)
    >>> unit = np.repeat(np.arange(40), 20)  # 20 answers to each of 40 units
    >>> right = rng.random(800) < np.repeat(rng.uniform(0.5, 1, 40), 20)
    >>> half = split_half(unit, right, rng)
    >>> round(half, 2), round(spearman_brown(half), 2)
    (0.52, 0.68)
    """
    size, right = np.bincount(code), np.bincount(code, weights=correct).astype(int)
    size, right = size[size > 1], right[size > 1]
    if len(size) < FEWEST:
        return np.nan
    half, found = size // 2, []
    for _ in range(splits):
        # the number of right answers in a random half is hypergeometric, so trials need not be shuffled
        first = rng.hypergeometric(right, size - right, half)
        a, b = first / half, (right - first) / (size - half)
        if a.std() > 0 and b.std() > 0:
            found.append(np.corrcoef(a, b)[0, 1])
    return float(np.tanh(np.mean(np.arctanh(np.clip(found, -0.9999, 0.9999))))) if found else np.nan


def spearman_brown(half: float) -> float:
    """Reliability of a test twice as long: 2r / (1 + r), not cut at −1. Spearman, Brown (1910), Br. J. Psychol. 3.

    >>> round(spearman_brown(0.6), 2)
    0.75
    """
    return 2 * half / (1 + half) if half > -1 else np.nan


def _at_full_length(half: float, levels: int) -> tuple[float, Interval]:
    """Reliability at full length, and Fisher's interval of the half-length correlation converted in the same way."""
    if not np.isfinite(half):
        return np.nan, ("fisher", np.nan, np.nan)
    reach = cells.Z95 / np.sqrt(levels - 3)
    low, high = (spearman_brown(float(np.tanh(np.arctanh(half) + sign * reach))) for sign in (-1, 1))
    return spearman_brown(half), ("fisher", low, high)


def repeats(responses: pd.DataFrame) -> pd.DataFrame:
    """Repeated trials with a column `first`: whether the first showing was answered right. Unlinked ones are left out.

    The side of the maximal query is drawn again, so answers are compared by image: the same if both are right or both
    are wrong.
    """
    keys = ["experiment", "observer", "participant"]
    first = responses[[*keys, "trial_id", "correct"]].rename(columns={"trial_id": "repeats", "correct": "first"})
    repeated = responses[(responses["trial_kind"] == "repeated") & (responses["repeats"] != "")]
    return repeated.merge(first, on=[*keys, "repeats"], how="inner")
