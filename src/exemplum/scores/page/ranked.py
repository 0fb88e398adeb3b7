"""Which units are shown: the best, the worst, and those that observers or methods disagree on most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from exemplum.scores.page.labels import label

MOST = 9  # units of a list


@dataclass(frozen=True)
class View:
    """By whom and how units are scored: one observer, one method, one number of references."""

    observer: str
    method: str
    references: int

    def rows(self, table: pd.DataFrame, null: str | None = "") -> pd.DataFrame:
        """Its rows of SCORES or SCORE_SUMMARIES, of one null; of the units and of all nulls if that is None."""
        own = table[
            (table["observer"] == self.observer) & (table["method"] == self.method)
            & (table["references"] == self.references)
        ]  # fmt: skip
        return own if null is None else own[own["null"] == null]


@dataclass(frozen=True)
class Lists:
    """Names of units, the most extreme first, and what puts a unit among the disputed."""

    best: list[str]
    worst: list[str]
    disputed: list[str]
    disputes: dict[str, str]


def unit_scores(scores: pd.DataFrame, view: View, null: str = "") -> pd.Series:
    """Mean `score` over the difficulties, by unit; of the units that have tasks at every difficulty."""
    own = view.rows(scores, null)
    by_unit = own[own["n_tasks"] > 0].groupby("unit", sort=False)["score"].agg(["mean", "count"])
    return by_unit.loc[by_unit["count"] == own["difficulty"].nunique(), "mean"]


def lists(scores: pd.DataFrame, view: View, rivals: Sequence[View], most: int = MOST) -> Lists:
    """The units of the page's lists. No unit is among the best and the worst.

    Disputed are those whose percentile among the units differs most between the view and one of its rivals.
    """
    own = unit_scores(scores, view).sort_values(ascending=False, kind="stable")
    each = min(most, len(own) // 2) or min(1, len(own))
    gaps = disagreements(scores, view, rivals)
    return Lists(
        list(own.index[:each]), list(own.index[::-1][: min(each, len(own) - each)]), list(gaps.index[:most]),
        gaps["said"].to_dict(),
    )  # fmt: skip


def disagreements(scores: pd.DataFrame, view: View, rivals: Sequence[View]) -> pd.DataFrame:
    """By unit, the most disputed first: `gap`, the largest difference of its percentiles, and `said` in words.

    A unit's percentile is its rank by mean score among the units that both have scored; ties share their mean rank.
    """
    own, found = unit_scores(scores, view), []
    for rival in rivals:
        both = pd.concat([own, unit_scores(scores, rival)], axis=1, join="inner", keys=["own", "other"])
        if len(both) < 2:
            continue
        ranks = 100 * (both.rank() - 1) / (len(both) - 1)
        names = ("observer", "observer") if rival.observer != view.observer else ("method", "method")
        by = "by" if names[0] == "observer" else "with"
        one, other = (getattr(seen, name) for seen, name in zip((view, rival), names, strict=True))
        said = [
            f"percentile {a:.0f} {by} {label(one)}, {b:.0f} {by} {label(other)}"
            for a, b in ranks.itertuples(index=False)
        ]
        found.append(pd.DataFrame({"gap": (ranks["own"] - ranks["other"]).abs().round(6), "said": said}))
    if not found:
        return pd.DataFrame({"gap": [], "said": []})
    joined = pd.concat(found).sort_values("gap", ascending=False, kind="stable")
    return joined[~joined.index.duplicated()]


def luck(scores: pd.DataFrame, view: View) -> str:
    """What the best of as many units with shuffled images reach: the part of luck in being the best of many."""
    shuffled = unit_scores(scores, view, "shuffled")
    if shuffled.empty:
        return ""
    return (
        f"Of {len(shuffled):,} units with shuffled images, whose truth is chance, the best reaches a mean score of "
        f"{shuffled.max():.2f} and the worst {shuffled.min():.2f}, by luck alone."
    )
