"""The table of checks as people read it, in the terminal and in the report. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from exemplum.checks.table import CHECK_TITLES

VERDICTS = ("wrong", "look", "unknown", "fine")  # in the order in which lines are shown


@dataclass(frozen=True)
class Line:
    """One row of CHECKS in words."""

    verdict: str
    title: str  # of the check
    where: str  # method, difficulty, unit; empty for the whole study
    found: str
    fair: str  # what a fair study may have, and how many were tested; empty where nothing is tested
    advice: str


def counts(checks: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many rows of CHECKS have each verdict, by the title of the check; only checks that have any."""
    found = {
        title: checks.loc[checks["check"] == check, "verdict"].value_counts() for check, title in CHECK_TITLES.items()
    }
    return {title: {verdict: int(of.get(verdict, 0)) for verdict in VERDICTS} for title, of in found.items() if len(of)}


def lines(checks: pd.DataFrame, *, fine: bool = False) -> list[Line]:
    """Rows of CHECKS in words, the worst first; with `fine` also those that are fine.

    Otherwise what could not be checked for one reason is one line.
    """
    shown = checks if fine else checks[checks["verdict"] != "fine"]
    place = shown["verdict"].map(VERDICTS.index)
    found = [_line(row) for row in shown.iloc[place.argsort(kind="stable")].to_dict("records")]
    if fine:
        return found
    told: dict[tuple[str, str], list[Line]] = {}
    for line in found:
        if line.verdict == "unknown":
            told.setdefault((line.title, line.advice), []).append(line)
    unknown = [
        of[0] if len(of) == 1 else replace(of[0], where="", found=f"{len(of)} things could not be checked", fair="")
        for of in told.values()
    ]
    return [line for line in found if line.verdict != "unknown"] + unknown


def _line(row: dict[str, object]) -> Line:
    where = [str(row[name]) for name in ("condition", "difficulty", "scope") if row[name] != "all"]
    fair = ""
    if not pd.isna(row["p"]):
        fair = f"a fair study: {row['low']:.2f} to {row['high']:.2f}; n = {row['n']:,} {row['counted']}"
    return Line(
        str(row["verdict"]), CHECK_TITLES[str(row["check"])], ", ".join(where), str(row["found"]), fair,
        str(row["advice"]),
    )  # fmt: skip


def conclusion(checks: pd.DataFrame) -> str:
    """What the checks come to, in a sentence.

    >>> from exemplum.tables import CHECKS
    >>> conclusion(CHECKS.frame())
    'Nothing was checked.'
    """
    n = {verdict: int((checks["verdict"] == verdict).sum()) for verdict in VERDICTS}
    if checks.empty:
        return "Nothing was checked."
    if n["wrong"]:
        told = (
            f"Wrong: {n['wrong']} of {len(checks)} things checked. Answers are given away, or not what they should be"
        )
        return f"{told}; {n['look']} more to look at." if n["look"] else f"{told}."
    if n["look"]:
        return f"Nothing is wrong; {n['look']} of {len(checks)} things checked are to be looked at."
    return f"All {n['fine']} things that could be checked are fine."
