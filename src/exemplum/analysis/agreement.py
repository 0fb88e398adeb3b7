"""Agreement between observers on the same units and trials, and reliability of each observer's own answers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from statsmodels.stats.inter_rater import cohens_kappa

from exemplum import tables
from exemplum.analysis.estimates import cells
from exemplum.analysis.estimates.cells import order
from exemplum.analysis.models.crossed import Array

SHARED = 10  # items that two participants must share for a κ between them
AGREEMENT_RESAMPLES = 2000


def agreement_estimates(responses: pd.DataFrame, seed: int, resamples: int = AGREEMENT_RESAMPLES) -> pd.DataFrame:
    """Agreement by condition on main trials: rows of ESTIMATES.

    Items are unit and scheme; the judgement is which query, the maximal or the minimal one, was chosen. The natural
    images differ between participants (equally extreme batches), so this is agreement about units, not about images.

    - `kappa_fleiss`: over all participants, with the percentile interval of items drawn with replacement;
    - `kappa_cohen`: mean over pairs of participants with 10 shared items or more, aggregate participants;
    - `noise_ceiling_low`, `noise_ceiling_high` by unit, and their mean over units: see `noise_ceiling`;
    - `kappa_cohen` by = observer: between two observers on the same trials (people and machines), interval normal.

    NaN with n if nobody shares an item or all answers are equal.
    """
    rows = []
    for where, trials in cells.each_condition(responses):
        item, names = pd.factorize(trials["unit"] + "|" + trials["scheme"])
        person, people = pd.factorize(trials["participant"])
        right = trials["correct"].to_numpy(dtype=float)
        n, k = np.bincount(item), np.bincount(item, weights=right)
        size = cells.size(trials)
        rng = np.random.default_rng([seed, len(names)])
        rows.append(cells.row(where, "kappa_fleiss", float(fleiss(k, n)), _bootstrap(k, n, rng, resamples), size))
        pairwise = pairwise_cohen(item, person, right, len(names), len(people))
        rows.append(cells.row(where, "kappa_cohen", pairwise, n=size, aggregate="participants"))
        rows += _ceilings(where, trials)
    return tables.ESTIMATES.frame(rows + _between(responses))


def fleiss(right: Array, n: Array) -> Array:
    """Fleiss' κ of two categories: `right` of `n` raters per item, (…, items) → (…). The number of raters may vary.

    Items with fewer than two raters are left out; P̄ is the unweighted mean over items, chance agreement is computed
    from all answers. NaN when all answers are equal. Source: Fleiss (1971), Psychol. Bull. 76, 378-382; unequal
    numbers: Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, ch. 18.3.
    """
    right, n = np.asarray(right, dtype=float), np.asarray(n, dtype=float)
    rated = n > 1
    wrong = n - right
    pairs = np.where(rated, n * (n - 1), 1)
    agree = np.where(rated, (right * (right - 1) + wrong * (wrong - 1)) / pairs, 0).sum(axis=-1)
    items, answers = rated.sum(axis=-1), np.where(rated, n, 0).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(rated, right, 0).sum(axis=-1) / answers
        chance = share**2 + (1 - share) ** 2
        return np.where(chance < 1, (agree / items - chance) / (1 - chance), np.nan)


def pairwise_cohen(item: Array, person: Array, right: Array, items: int, people: int) -> float:
    """Mean Cohen's κ over pairs of people who share at least SHARED items, one answer per item; NaN for no such pair.

    Pairs who both always give the same answer have no κ and are left out.
    """
    shape = (items, people)
    seen = csr_array((np.ones(len(item)), (item, person)), shape=shape)
    chose = csr_array((right, (item, person)), shape=shape)
    if seen.nnz < len(item):  # an item answered twice by one person: keep its mean, rounded to an answer
        chose.data = np.round(chose.data / seen.data)
        seen.data[:] = 1
    shared = (seen.T @ seen).toarray().astype(np.float32)
    both = (chose.T @ chose).toarray().astype(np.float32)
    mine = (chose.T @ seen).toarray().astype(np.float32)  # right answers of the row's person on shared items
    upper = np.triu(shared >= SHARED, 1)
    n, a, r, s = shared[upper], both[upper], mine[upper], mine.T[upper]
    observed = (n - r - s + 2 * a) / n
    chance = (r * s + (n - r) * (n - s)) / n**2
    defined = chance < 1 - 1e-6
    if not defined.any():
        return np.nan
    return float(((observed - chance)[defined] / (1 - chance)[defined]).mean())


def noise_ceiling(right: Array, n: Array) -> tuple[Array, Array]:
    """How often the best guess from others' answers equals a single answer, by item: (low, high).

    High: always predicting the majority, including the answer itself, max(k, n − k)/n: no predictor that knows only the
    unit does better. Low: predicting each answer from the majority of the others (ties count half). NaN for n < 2.
    """
    right, n = np.asarray(right, dtype=float), np.asarray(n, dtype=float)
    others = np.where(n > 1, n - 1, np.nan)

    def majority(k: Array) -> Array:
        return np.where(np.isnan(others), np.nan, (np.sign(2 * k - others) + 1) / 2)

    low = (right * majority(right - 1) + (n - right) * (1 - majority(right))) / n
    high = np.where(n > 1, np.maximum(right, n - right) / n, np.nan)
    return low, high


def _ceilings(where: dict[str, str], trials: pd.DataFrame) -> list[dict[str, object]]:
    table = trials.groupby("unit", sort=True)["correct"].agg(["sum", "size"])
    people = trials.groupby("unit", sort=True)["participant"].nunique()
    rows = []
    for name, values in zip(("low", "high"), noise_ceiling(table["sum"], table["size"]), strict=True):
        defined = values[np.isfinite(values)]
        mean = float(defined.mean()) if len(defined) else np.nan
        rows.append(cells.row(where, f"noise_ceiling_{name}", mean, n=cells.size(trials)))
        for unit, value, n, who in zip(table.index, values, table["size"], people, strict=True):
            rows.append(
                cells.row(where, f"noise_ceiling_{name}", float(value), n=(int(n), int(who)), by="unit", group=unit)
            )
    return rows


def _between(responses: pd.DataFrame) -> list[dict[str, object]]:
    """κ of each pair of observers who answered the same trials."""
    main = responses[responses["trial_kind"] == "main"]
    rows = []
    for experiment, answers in main.groupby("experiment", sort=True):
        for a, b in combinations(sorted(answers["observer"].unique()), 2):
            columns = ["trial_id", "condition", "correct", "participant"]
            first, second = (answers.loc[answers["observer"] == name, columns] for name in (a, b))
            both = first.merge(second, on=["trial_id", "condition"], suffixes=("", "_b"))
            for condition in order(both["condition"].unique()):
                pair = both[both["condition"] == condition]
                where = {"experiment": experiment, "observer": a, "condition": condition, "trial_kind": "main"}
                table = np.bincount(2 * pair["correct"].astype(int) + pair["correct_b"].astype(int), minlength=4)
                kappa, error = cohen(table.reshape(2, 2))
                interval = cells.normal(kappa, error)
                rows.append(cells.row(where, "kappa_cohen", kappa, interval, cells.size(pair), by="observer", group=b))
    return rows


def _bootstrap(right: Array, n: Array, rng: np.random.Generator, resamples: int) -> tuple[str, float, float]:
    if len(n) < 2:
        return "percentile", np.nan, np.nan
    drawn = rng.integers(0, len(n), size=(resamples, len(n)))
    values = fleiss(right[drawn], n[drawn])
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (np.nan, np.nan)
    return "percentile", float(low), float(high)


SPLITS = 100
FEWEST = 4  # participants or units; with fewer a correlation over them is meaningless


def reliability_estimates(responses: pd.DataFrame, seed: int, splits: int = SPLITS) -> pd.DataFrame:
    """Split-half reliability and repeated-trial consistency by condition: rows of ESTIMATES.

    `split_half_participants`, `split_half_units`: how well accuracies of participants (units) in one random half of
    their main trials agree with those in the other, at full length; see `split_half`. Interval normal on Fisher's z of
    the half-length correlation. `repeat_kappa`: Cohen's κ between the images chosen at first and second showing of
    repeated trials (1: always the same, 0: chance level, given how often answers are right), interval normal. NaN
    with n for fewer than 4 participants or units, or accuracies that do not vary.
    """
    rows = []
    rng = np.random.default_rng(seed)
    for where, trials in cells.each_condition(responses):
        for level in ("participant", "unit"):
            code, names = pd.factorize(trials[level])
            half = split_half(code, trials["correct"].to_numpy(dtype=float), rng, splits)
            full, interval = _at_full_length(half, len(names))
            rows.append(cells.row(where, f"split_half_{level}s", full, interval, cells.size(trials)))
    pairs = repeats(responses)
    for where, trials in cells.each_condition(pairs, "repeated"):
        both = trials["first"].to_numpy(dtype=int) * 2 + trials["correct"].to_numpy(dtype=int)
        kappa, error = cohen(np.bincount(both, minlength=4).reshape(2, 2))
        rows.append(cells.row(where, "repeat_kappa", kappa, cells.normal(kappa, error), cells.size(trials)))
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
        # the number of right answers in a random half is hypergeometric, so trials need not be shuffled
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

    The side of the maximal query is drawn again, so answers are compared by image: the same if both are right or both
    are wrong.
    """
    keys = ["experiment", "observer", "participant"]
    first = responses[[*keys, "trial_id", "correct"]].rename(columns={"trial_id": "repeats", "correct": "first"})
    repeated = responses[(responses["trial_kind"] == "repeated") & (responses["repeats"] != "")]
    return repeated.merge(first, on=[*keys, "repeats"], how="inner")


def _at_full_length(half: float, levels: int) -> tuple[float, tuple[str, float, float]]:
    if not np.isfinite(half):
        return np.nan, ("normal", np.nan, np.nan)
    reach = cells.Z95 / np.sqrt(levels - 3)
    low, high = (spearman_brown(float(np.tanh(np.arctanh(half) + sign * reach))) for sign in (-1, 1))
    return spearman_brown(half), ("normal", low, high)


def cohen(table: Array) -> tuple[float, float]:
    """Kappa and its standard error of a table of counts (2, 2).

    NaN for fewer than two answers, or if all are in one cell, where chance agreement is 1.
    """
    n = table.sum()
    if n < 2 or (table.sum(axis=0).max() == n and table.sum(axis=1).max() == n):
        return np.nan, np.nan
    with np.errstate(divide="ignore", invalid="ignore"):  # variances that a small table leaves undefined are NaN
        found = cohens_kappa(table)
        return float(found.kappa), float(found.std_kappa)
