"""Error consistency: whether two observers err on the same trials, more often than their accuracies say.

Geirhos, Meding & Wichmann (2020, NeurIPS 33): κ = (c − e) / (1 − e), with c the share of trials on which both are right
or both are wrong, and e = p q + (1 − p)(1 − q) that of independent observers with the same accuracies p and q. It is
Cohen's κ of the answers. Intervals are needed (Klein et al. 2025, arXiv 2507.06645): a jackknife over participants and
units together.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pandas as pd

from exemplum import tables
from exemplum.analysis import kappa
from exemplum.analysis.estimates import cells
from exemplum.analysis.estimates.cells import order

SAME = ["trial_id", "condition", "unit"]


def consistency_estimates(responses: pd.DataFrame) -> pd.DataFrame:
    """κ of every two observers who answered the same main trials, by condition: rows of ESTIMATES, by = observer.

    People come first. `kappa_cohen`, and `kappa_limit`, the most that κ can be between observers of these accuracies.
    NaN with n where all answers are in one cell. Of two machines each stimulus counts once, and the interval is over
    units.
    """
    return tables.ESTIMATES.frame(_between(responses))


def limit(p: float, q: float) -> float:
    """The most that κ can be between observers of accuracies p and q: then the better one errs only where both do.

    >>> round(limit(0.9, 0.8), 3), limit(0.9, 0.9)
    (0.615, 1.0)
    """
    chance = p * q + (1 - p) * (1 - q)
    return max(1 - abs(p - q) - chance, 0.0) / (1 - chance) if chance < 1 else float("nan")


def _between(responses: pd.DataFrame) -> Iterator[dict[str, Any]]:
    main = responses[responses["trial_kind"] == "main"]
    columns = [*dict.fromkeys([*SAME, *cells.STIMULUS]), "correct", "participant"]
    for experiment, answers in main.groupby("experiment", sort=True):
        kinds = answers.groupby("observer")["observer_kind"].first()
        names = sorted(kinds.index, key=lambda name: (kinds[name] == "machine", name))
        for a, b in combinations(names, 2):
            first, second = (answers.loc[answers["observer"] == name, columns] for name in (a, b))
            both = first.merge(second[[*SAME, "correct"]], on=SAME, suffixes=("", "_b"))
            by: tuple[str, ...] = ("participant", "unit")
            if kinds[a] == kinds[b] == "machine":  # each is one observer, whose sessions show the same stimuli again
                both, by = both.drop_duplicates(cells.STIMULUS), ("unit",)
            for condition in order(both["condition"].unique()):
                pair = both[both["condition"] == condition]
                where = {"experiment": experiment, "observer": a, "condition": condition, "trial_kind": "main"}
                value, interval = kappa.clustered(pair, "correct", "correct_b", by)
                most = limit(float(pair["correct"].mean()), float(pair["correct_b"].mean()))
                size = len(pair), pair[by[0]].nunique()
                yield cells.row(where, "kappa_cohen", value, interval, size, by="observer", group=b)
                yield cells.row(where, "kappa_limit", most, n=size, by="observer", group=b)
