"""Who answered: people and machines, how many trials, and how they did on the trials that check attention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from exemplum.report import style, wording

ABOUT = {
    "ideal": "reads the tested unit's own activations: must be right on every main trial",
    "chance": "guesses: must be right on about half",
    "similarity": "compares queries with references in another layer's features",
    "simulated": "draws answers with an accuracy set beforehand",
    style.PEOPLE: "people in the browser",
}


@dataclass(frozen=True)
class Respondent:
    observer: str
    about: str
    kind: str
    participants: int
    trials: int
    main: int
    catch: str
    median_rt: str
    mean_confidence: str


def respondents(responses: pd.DataFrame) -> list[Respondent]:
    """One row an observer, people first. Without answers the list is empty."""
    return [
        _respondent(observer, responses[responses["observer"] == observer])
        for observer in style.ordered_observers(responses["observer"])
    ]


def _respondent(observer: str, rows: pd.DataFrame) -> Respondent:
    main = rows[rows["trial_kind"] == "main"]
    catch = rows[rows["trial_kind"] == "catch"]
    kind = "people" if (rows["observer_kind"] == "person").all() else "machine"
    return Respondent(
        observer=observer,
        about=ABOUT.get(observer, "people" if kind == "people" else "a machine observer"),
        kind=kind,
        participants=rows["participant"].nunique(),
        trials=len(rows),
        main=len(main),
        catch=f"{wording.percent(float(catch['correct'].mean()))} of {len(catch):,}" if len(catch) else "— (n = 0)",
        median_rt=_by_condition(main.dropna(subset=["rt_ms"]), lambda of: wording.seconds(of["rt_ms"].median() / 1000)),
        mean_confidence=_by_condition(main, lambda of: wording.number(of["confidence"].mean())),
    )


def _by_condition(main: pd.DataFrame, said: Callable[[pd.DataFrame], str]) -> str:
    """A number for each condition, which are never pooled: trials without references are guesses."""
    named = [
        f"{style.label(condition)}{wording.SPACE}{said(main[main['condition'] == condition])}"
        for condition in style.ordered(main["condition"])
    ]
    return ", ".join(named) or "—"


def people(table: pd.DataFrame) -> str:
    """PEOPLE in a sentence: how many, ages, answers on gender and handedness, time; empty for no people."""
    if table.empty:
        return ""
    said = [f"{wording.count(len(table), 'person', 'people')} finished"]
    ages = table["age"].dropna()
    if len(ages):
        said.append(f"aged {ages.min():.0f} to {ages.max():.0f} (median {ages.median():.0f}, n = {len(ages)})")
    for column in ("expertise", "gender", "handedness", "visual_aid"):
        given = table.loc[table[column] != "", column].value_counts()
        if len(given):
            said.append(f"{column.replace('_', ' ')}: " + ", ".join(f"{name} {n}" for name, n in given.items()))
    times = table["total_time_s"].dropna()
    if len(times):
        said.append(f"median time {wording.seconds(float(times.median()))}")
    return "; ".join(said) + "."


def exclusions(table: pd.DataFrame) -> list[str]:
    """EXCLUSIONS in words: a sentence an observer on who was left out and why; none if there were no rules."""
    said = []
    for observer in style.ordered_observers(table["observer"]):
        own = table[table["observer"] == observer]
        out = own[own["verdict"] == "excluded"]
        people = wording.count(own["participant"].nunique(), "participant")
        rules = wording.listed([f"{rule.replace('_', ' ')} ({limit:g})" for rule, limit in _rules(own)])
        said.append(f"{observer.capitalize()}: {people} held against {rules}; {_left_out(out)}")
    return said


def _rules(rows: pd.DataFrame) -> list[tuple[str, float]]:
    pairs = rows[["rule", "limit"]].drop_duplicates()
    return list(pairs.itertuples(index=False, name=None))


def _left_out(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "none was excluded."
    reasons = "; ".join(f"{row.participant}: {row.reason}" for row in rows.itertuples())
    return f"{rows['participant'].nunique()} excluded ({reasons})."
