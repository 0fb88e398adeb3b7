"""Does confidence know when it is right? The type-2 ROC; accuracy by rating is in the estimates, by = confidence."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exemplum import tables
from exemplum.analysis import tidy

Array = np.ndarray
RATINGS = 3
RESAMPLES = 2000


def estimates(responses: pd.DataFrame, seed: int, resamples: int = RESAMPLES) -> pd.DataFrame:
    """The type-2 ROC of each condition's main trials and the area below it: rows of ESTIMATES.

    `type2_hit` and `type2_false_alarm` with by = confidence, group = rating k: the shares of right and of wrong answers
    rated k or above, the points of the curve. `type2_auc`: area, pooled over trials (percentile interval, participants
    drawn with replacement) and mean over participants (t). ½ is confidence that knows nothing. NaN with n where every
    answer is right, or wrong.

    Source: Galvin, Podd, Drga & Whitmore (2003), Psychon. Bull. Rev. 10, 843-876.
    """
    rows = []
    for where, trials in tidy.by_condition(responses):
        table, n = counts(trials), tidy.size(trials)
        total = table.sum(axis=0)
        for measure, side in (("type2_false_alarm", 0), ("type2_hit", 1)):
            points = np.cumsum(total[side][::-1])[::-1]
            for rating, above in enumerate(points, start=1):
                share = above / points[0] if points[0] else np.nan
                rows.append(tidy.row(where, measure, share, n=n, by="confidence", group=str(rating)))
        rng = np.random.default_rng([seed, len(table)])
        rows.append(tidy.row(where, "type2_auc", float(area(total)), _bootstrap(table, rng, resamples), n))
        mean, interval = tidy.over_participants(area(table))
        defined = int(np.isfinite(area(table)).sum())
        rows.append(tidy.row(where, "type2_auc", mean, interval, (n[0], defined), "participants"))
    return tables.ESTIMATES.frame(rows)


def counts(trials: pd.DataFrame) -> Array:
    """Answers by participant, wrong (0) or right (1), and rating: (participants, 2, RATINGS)."""
    person, names = pd.factorize(trials["participant"], sort=True)
    cell = (person * 2 + trials["correct"].to_numpy(dtype=int)) * RATINGS + trials["confidence"].to_numpy() - 1
    return np.bincount(cell, minlength=len(names) * 2 * RATINGS).reshape(len(names), 2, RATINGS).astype(float)


def area(table: Array) -> Array:
    """Area below the type-2 ROC of counts (…, 2, ratings) by trapezoids: P(right rated higher) + ½ P(same) → (…)."""
    wrong, right = table[..., 0, :], table[..., 1, :]
    below = np.cumsum(wrong, axis=-1) - wrong
    won = (right * (below + wrong / 2)).sum(axis=-1)
    pairs = right.sum(axis=-1) * wrong.sum(axis=-1)
    return np.divide(won, pairs, out=np.full(np.shape(pairs), np.nan), where=pairs > 0)


def _bootstrap(table: Array, rng: np.random.Generator, resamples: int) -> tuple[str, float, float]:
    n = len(table)
    if n < 2:
        return "percentile", np.nan, np.nan
    weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    drawn = area((weights @ table.reshape(n, -1)).reshape(resamples, 2, RATINGS))
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return "percentile", float(low), float(high)
