"""The main table of a study with several difficulties: methods ranked against the baseline, at each difficulty."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from exemplum import pages
from exemplum.records import ALL, easiest_first
from exemplum.report import formatting, style
from exemplum.report.figures.difficulty import ranked
from exemplum.report.formatting import Tables, pick
from exemplum.report.style import CHANCE

ROLES = ("primary", "secondary", "exploratory")
MANY = 4  # other methods, of which a sentence names the best and the worst


@dataclass(frozen=True)
class Standing:
    """One method at one difficulty, or over all of them, as text."""

    accuracy: str = ""  # empty over all difficulties
    interval: str = ""
    difference: str = ""  # from the baseline, in points; empty for the baseline itself and for none
    ends: str = ""  # of the difference's interval
    verdict: str = ""
    is_declared: bool = False  # else the verdict is exploratory, and its p value not corrected
    chance: str = ""  # of a null: whether its accuracy is at chance
    share: float = float("nan")  # the accuracy as a number


@dataclass(frozen=True)
class Place:
    """A row of the table: a method, its note, and how it stands in each column."""

    method: str
    note: str  # baseline, null, or empty
    standings: tuple[Standing, ...]


@dataclass(frozen=True)
class Ranking:
    """The methods by one observer, the best first."""

    observer: str
    experiment: str  # empty if the tables hold only one
    columns: tuple[str, ...]  # all difficulties, then each
    places: tuple[Place, ...]
    how: str  # of the intervals of accuracies
    sizes: str  # n of the accuracies
    for_whom: str  # what the intervals of differences are about

    @property
    def is_exploratory(self) -> bool:
        """Whether some verdict is."""
        return any(one.verdict and not one.is_declared for place in self.places for one in place.standings)


FOR_WHOM = {
    "new_units": "for new participants and new units",
    "these_units": "for new participants and these units",
    "machine": "for new units",
}


def rankings(tables: Tables) -> list[Ranking]:
    """One per experiment and observer with several difficulties, people first, without those that check the study."""
    rows = pick(tables.estimates, "accuracy", by="difficulty").dropna(subset=["estimate"])
    several = tables.estimates["experiment"].nunique() > 1
    return [
        _ranking(own, tables.verdicts[tables.verdicts["experiment"] == experiment], observer, str(experiment) * several)
        for experiment, of_experiment in rows.groupby("experiment")
        for observer in style.ordered_observers(of_experiment["observer"])
        if observer not in style.CHECKS
        for own in [of_experiment[of_experiment["observer"] == observer]]
        if own["group"].nunique() > 1
    ]


def _ranking(rows: pd.DataFrame, verdicts: pd.DataFrame, observer: str, experiment: str) -> Ranking:
    claims = _told(verdicts[verdicts["observer"] == observer])
    levels = easiest_first(rows["group"])
    primary = claims[claims["role"] == "primary"]
    ranks = claims[claims["by"] == ALL] if primary.empty else primary
    judged = ranks.set_index("method")["difference"].to_dict()
    judged.setdefault(style.conditions().baseline, 0.0)
    order = ranked(rows)
    order.sort(key=lambda name: (name in style.LAST, -judged.get(name, float("-inf"))))  # stable: else by accuracy
    return Ranking(
        observer=observer,
        experiment=experiment,
        columns=("all difficulties", *levels),
        places=tuple(_place(name, rows, claims, levels) for name in order),
        how=formatting.how(rows),
        sizes=formatting.sizes(rows),
        for_whom=" or ".join(FOR_WHOM[name] for name in claims["population"].unique()),
    )


def _told(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One claim for each method and group of difficulties: the declared one, of the primary population."""
    rows = verdicts[verdicts["by"].isin([ALL, "difficulty"])]
    rank = rows["role"].map({role: place for place, role in enumerate(ROLES)})
    return rows.assign(rank=rank).sort_values("rank", kind="stable").drop_duplicates(["by", "group", "method"])


def _place(condition: str, rows: pd.DataFrame, claims: pd.DataFrame, levels: list[str]) -> Place:
    said, own = style.conditions(), claims[claims["method"] == condition]
    note = "baseline" if condition == said.baseline else "null" if condition in said.nulls else ""
    accuracies = rows[rows["condition"] == condition].set_index("group")
    standings = [_claim(own[own["by"] == ALL])]
    for level in levels:
        claim = _claim(own[(own["by"] == "difficulty") & (own["group"] == level)])
        standings.append(_with(claim, accuracies.loc[level], note == "null") if level in accuracies.index else claim)
    return Place(style.label(condition), note, tuple(standings))


def _claim(rows: pd.DataFrame) -> Standing:
    """The difference and the verdict of a claim; nothing without one."""
    if rows.empty:
        return Standing()
    row = rows.iloc[0]
    ends = " to ".join(pages.points(row[end]) for end in ("low", "high")) if pd.notna(row["low"]) else ""
    return Standing(
        difference=pages.points(row["difference"]),
        ends=ends,
        verdict=str(row["verdict"]),
        is_declared=bool(row["role"] != "exploratory"),
    )


def _with(claim: Standing, row: pd.Series, is_null: bool) -> Standing:
    """The claim with the accuracy of a row of ESTIMATES."""
    inside, known = bool(row["low"] <= CHANCE <= row["high"]), is_null and pd.notna(row["low"])
    return replace(
        claim,
        accuracy=pages.percent(row["estimate"]),
        interval=pages.interval(row["low"], row["high"]),
        chance=("chance is within its interval" if inside else "not at chance") if known else "",
        share=float(row["estimate"]),
    )


def sentence(ranking: Ranking) -> str:
    """The baseline, the best and the worst other method and the nulls at each difficulty, in words."""
    parts = [f"at {level} on {pages.listed(_shares(ranking, k))}" for k, level in enumerate(ranking.columns) if k]
    return f"Right {'; '.join(parts)} (main trials)."


def _shares(ranking: Ranking, column: int) -> list[str]:
    shown = [(place, place.standings[column]) for place in ranking.places if place.standings[column].accuracy]
    others = sorted((pair for pair in shown if not pair[0].note), key=lambda pair: -pair[1].share)
    chosen = [pair for pair in shown if pair[0].note == "baseline"]
    chosen += others if len(others) < MANY else [others[0], others[-1]]
    chosen += [pair for pair in shown if pair[0].note == "null"]
    said = {others[0][0].method: f"the best of {len(others)}", others[-1][0].method: "the worst"} if (
        len(others) >= MANY) else {}  # fmt: skip
    notes = {"baseline": "the baseline", "null": "a null"}
    named = [(place, standing, notes.get(place.note) or said.get(place.method, "")) for place, standing in chosen]
    return [f"{standing.accuracy} with {place.method}{f' ({note})' if note else ''}" for place, standing, note in named]
