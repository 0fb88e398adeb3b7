"""How far answers can be trusted to come out the same: split halves of the trials, and trials shown twice."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exemplum import tables
from exemplum.analysis import tidy
from exemplum.analysis.kappa import cohen

Array = np.ndarray
SPLITS = 100
FEWEST = 4  # participants or units below which a correlation over them says nothing


def estimates(responses: pd.DataFrame, seed: int, splits: int = SPLITS) -> pd.DataFrame:
    """Split-half reliability and repeated-trial consistency by condition: rows of ESTIMATES.

    `split_half_participants`, `split_half_units`: how well accuracies of participants (units) in one random half of
    their main trials agree with those in the other, at full length; see `split_half`. Interval normal on Fisher's z of
    the half-length correlation. `repeat_kappa`: Cohen's κ between the images chosen at first and second showing of
    repeated trials (1: always the same, 0: as chance has it, given how often answers are right), interval normal. NaN
    with n for fewer than 4 participants or units, or accuracies that do not vary.
    """
    rows = []
    rng = np.random.default_rng(seed)
    for where, trials in tidy.by_condition(responses):
        for level in ("participant", "unit"):
            code, names = pd.factorize(trials[level])
            half = split_half(code, trials["correct"].to_numpy(dtype=float), rng, splits)
            full, interval = _at_full_length(half, len(names))
            rows.append(tidy.row(where, f"split_half_{level}s", full, interval, tidy.size(trials)))
    pairs = repeats(responses)
    for where, trials in tidy.by_condition(pairs, "repeated"):
        both = trials["first"].to_numpy(dtype=int) * 2 + trials["correct"].to_numpy(dtype=int)
        kappa, error = cohen(np.bincount(both, minlength=4).reshape(2, 2))
        rows.append(tidy.row(where, "repeat_kappa", kappa, tidy.normal(kappa, error), tidy.size(trials)))
    return tables.ESTIMATES.frame(rows)


def split_half(code: Array, correct: Array, rng: np.random.Generator, splits: int = SPLITS) -> float:
    """Mean correlation between the accuracies of random halves of each level's trials: half-length reliability.

    `code`, `correct` (n,): level of each trial, and whether it was right; levels with one trial are left out. The mean
    is over Fisher's z of the splits. NaN for fewer than 4 levels or accuracies that do not vary.
    """
    size, right = np.bincount(code), np.bincount(code, weights=correct).astype(int)
    size, right = size[size > 1], right[size > 1]
    if len(size) < FEWEST:
        return np.nan
    half, found = size // 2, []
    for _ in range(splits):
        # how many right answers fall into a random half is hypergeometric: no trial need be moved
        first = rng.hypergeometric(right, size - right, half)
        a, b = first / half, (right - first) / (size - half)
        if a.std() > 0 and b.std() > 0:
            found.append(np.corrcoef(a, b)[0, 1])
    return float(np.tanh(np.mean(np.arctanh(np.clip(found, -0.9999, 0.9999))))) if found else np.nan


def spearman_brown(half: float) -> float:
    """Reliability of a test twice as long: 2r / (1 + r), at least -1. Spearman, Brown (1910), Br. J. Psychol. 3."""
    return max(2 * half / (1 + half), -1.0)


def repeats(responses: pd.DataFrame) -> pd.DataFrame:
    """Repeated trials with a column `first`: whether the first showing was answered right. Unlinked ones are left out.

    The side of the maximal query is drawn anew, so what is the same or not is the image: right both times, or wrong
    both times.
    """
    keys = ["experiment", "observer", "participant"]
    first = responses[[*keys, "trial_id", "correct"]].rename(columns={"trial_id": "repeats", "correct": "first"})
    repeated = responses[(responses["trial_kind"] == "repeated") & (responses["repeats"] != "")]
    return repeated.merge(first, on=[*keys, "repeats"], how="inner")


def _at_full_length(half: float, levels: int) -> tuple[float, tuple[str, float, float]]:
    if not np.isfinite(half):
        return np.nan, ("normal", np.nan, np.nan)
    reach = tidy.Z95 / np.sqrt(levels - 3)
    low, high = (spearman_brown(float(np.tanh(np.arctanh(half) + sign * reach))) for sign in (-1, 1))
    return spearman_brown(half), ("normal", low, high)
