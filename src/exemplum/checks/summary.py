"""The table of checks as people read it, in the terminal and in the report. Needs no torch."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from exemplum.checks.finding import ANY, Verdict
from exemplum.checks.table import CHECK_TITLES

OF_UNITS = (
    "copies",
    "same_poles",
    "same_queries",
    "activation",
)  # a row tells of all, and others of units with a fault
VERDICTS = (Verdict.WRONG, Verdict.LOOK, Verdict.UNKNOWN, Verdict.FINE)  # in the order in which lines are shown


@dataclass(frozen=True)
class Line:
    """Rows of CHECKS in words: those of one check and place that ask for the same to be done."""

    verdict: str
    title: str  # of the check
    where: str  # method and difficulty; empty for the whole study
    found: tuple[str, ...]  # of it and of its units, each with what a fair study may have, where something was tested
    advice: str


def counts(checks: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many things have each verdict in CHECKS, by the title of the check; only checks that have any."""
    things = _things(checks)
    found = {
        title: things.loc[things["check"] == check, "verdict"].value_counts() for check, title in CHECK_TITLES.items()
    }
    return {title: {verdict: int(of.get(verdict, 0)) for verdict in VERDICTS} for title, of in found.items() if len(of)}


def _things(checks: pd.DataFrame) -> pd.DataFrame:
    """Rows of CHECKS without those that name the units of another row."""
    return checks[(checks["scope"] == ANY) | ~checks["check"].isin(OF_UNITS)]


def lines(checks: pd.DataFrame, *, fine: bool = False) -> list[Line]:
    """Rows of CHECKS in words, the worst first; with `fine` also those that are fine.

    Without it, what could not be checked for one reason is one line that says how many things these are.
    """
    shown = checks if fine else checks[checks["verdict"] != Verdict.FINE]
    told: dict[tuple[str, str, str, str], list[str]] = {}
    for row in shown.iloc[shown["verdict"].map(VERDICTS.index).argsort(kind="stable")].to_dict("records"):
        verdict, title = str(row["verdict"]), CHECK_TITLES[str(row["check"])]
        where = "" if verdict == Verdict.UNKNOWN and not fine else _where(row)
        told.setdefault((verdict, title, where, str(row["advice"])), []).append(_found(row))
    return [
        Line(verdict, title, where, _few(found) if verdict == Verdict.UNKNOWN and not fine else tuple(found), advice)
        for (verdict, title, where, advice), found in told.items()
    ]


def _where(row: Mapping[Hashable, Any]) -> str:
    return ", ".join(str(row[name]) for name in ("condition", "difficulty") if row[name] != ANY)


def _found(row: Mapping[Hashable, Any]) -> str:
    found = row["found"] if row["scope"] == ANY else f"{row['scope']}: {row['found']}"
    if pd.isna(row["p"]):
        return str(found)
    fair = f"up to {row['high']:.2f}" if row["low"] == 0 else f"{row['low']:.2f} to {row['high']:.2f}".replace("-", "−")
    return f"{found} (fair: {fair}; n = {row['n']:,} {row['counted']})"


def _few(found: Sequence[str]) -> tuple[str, ...]:
    return tuple(found) if len(found) == 1 else (f"{len(found)} things could not be checked",)


def conclusion(checks: pd.DataFrame) -> str:
    """What the checks come to, in a sentence.

    >>> from exemplum.tables import CHECKS
    >>> conclusion(CHECKS.frame())
    'Nothing was checked.'
    """
    things = _things(checks)
    n = {verdict: int((things["verdict"] == verdict).sum()) for verdict in VERDICTS}
    looks = f"{'is' if n[Verdict.LOOK] == 1 else 'are'} to be looked at"
    if things.empty:
        return "Nothing was checked."
    if n[Verdict.WRONG]:
        more = f"; {n[Verdict.LOOK]} more {looks}" if n[Verdict.LOOK] else ""
        return f"Wrong: {n[Verdict.WRONG]} of {len(things)} things checked{more}."
    if n[Verdict.LOOK]:
        return f"Nothing is wrong; {n[Verdict.LOOK]} of {len(things)} things checked {looks}."
    return f"All {n[Verdict.FINE]} things that could be checked are fine."
