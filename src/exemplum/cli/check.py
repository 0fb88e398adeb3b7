"""`exemplum check`: whether people may come, and whether the trials are valid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.padding import Padding
from rich.table import Table

from exemplum.cli.arguments import DatabaseUrl, StudyFolder
from exemplum.errors import command
from exemplum.runtime import console, output, styled
from exemplum.study import Study, locks

if TYPE_CHECKING:
    import pandas as pd

    from exemplum.server import live as going_live

STYLES = {"wrong": "bold red", "look": "yellow", "unknown": "dim", "fine": "green"}
NOT_FOR_PEOPLE = "study.toml has no section [server], and nobody was served"
WORDS = {"fine": "ok"}  # for one's own declarations


def check(
    study: StudyFolder,
    every: Annotated[bool, typer.Option("--all", help="List also what is fine.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 also if there is something to look at.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Only whether people may come: takes a second, and needs no torch.")
    ] = False,
    address: Annotated[
        str, typer.Option(help="Public address that participants are to use, as given to exemplum serve.")
    ] = "",
    database: DatabaseUrl = "",
) -> None:
    """Check a study before people come: may it begin, and can its trials be answered without the explanations?

    Looks at consent, contact, rules, sample size, links, HTTPS, disk, clock, backup and pilots; then compares queries
    with references, and looks at brightness, colour, sides and activations. Writes the table checks/checks.parquet and
    changes nothing else. Exits with 1 if something is wrong; what concerns people counts if study.toml has a section
    [server], the study was served, or with --live.
    """
    opened = Study.open(study)
    bad = ("wrong", "look") if strict else ("wrong",)
    failed = _going_live(opened, every, address, database, bad, alone=live)
    if not live:
        failed = _validity(opened, every, bad) or failed
    if failed:
        raise typer.Exit(1)


def _going_live(study: Study, every: bool, address: str, url: str, bad: tuple[str, ...], alone: bool) -> bool:
    """Print whether people may come; returns whether a check that counts has a bad verdict.

    `alone`: the trials are not checked now, so the earlier table of their checks is looked at.
    """
    from exemplum.server import base_of, live  # late: it imports the database

    address = base_of(address) if address else ""
    counts = alone or live.is_for_people(study)
    if not (counts or every):  # ten rows about consent and links would bury what matters to a study of machines
        output.print(
            f"Only the trials are checked: {NOT_FOR_PEOPLE}. What matters before people come: "
            f"{command('check', study.folder)} --live",
            soft_wrap=True,
        )
        return False
    database = live.opened(study, url)
    try:
        found = live.live_checks(live.Situation(study, database, address, of_trials=alone))
    finally:
        if database is not None:
            database.close()
    show_live(found, every, counts)
    return counts and any(check.verdict in bad for check in found)


def _validity(study: Study, every: bool, bad: tuple[str, ...]) -> bool:
    """Check the trials, print what was found, and return whether something has a bad verdict.

    Without what compares pictures, as on a server without torch, the table of an earlier check is printed.
    """
    from exemplum import checks

    try:
        with locks.alone(study.folder):
            found = checks.audit(study)
    except ModuleNotFoundError as error:
        found = checks.current(study)
        console.print(
            f"the trials are not compared here, since {error.name} is not installed (docs/start/installing.md); "
            + ("this is what an earlier check found" if len(found) else "check them where the study was made")
        )
    else:
        console.print(f"wrote {study.folder / 'checks' / 'checks.parquet'}")
    show(found, every)
    return bool(found["verdict"].isin(bad).any())


def show_live(found: list[going_live.LiveCheck], every: bool = False, counts: bool = True) -> None:
    """Print what concerns people: a table of what is not fine and what to do about it, and a conclusion."""
    from exemplum.server import live

    output.print(styled(("May this study begin?", "bold")))
    shown = [check for check in found if every or check.verdict != "fine"]
    for check in sorted(shown, key=lambda check: list(STYLES).index(check.verdict)):
        _show(check.verdict, check.title, [check.found], check.advice, WORDS.get(check.verdict, ""))
    output.print(styled((live.conclusion(found), "bold red" if any_wrong(found) else "bold green")), soft_wrap=True)
    if not counts:
        output.print(f"It does not count here: {NOT_FOR_PEOPLE}.", soft_wrap=True)


def any_wrong(found: list[going_live.LiveCheck]) -> bool:
    return any(check.verdict == "wrong" for check in found)


def show(found: pd.DataFrame, every: bool = False) -> None:
    """Print CHECKS: how many rows of each kind have which verdict, then what is not fine and what to do about it."""
    from exemplum.checks import conclusion, counts, lines

    summary = Table(title="Can the trials be answered without the explanations?")
    summary.add_column("checked")
    for verdict in STYLES:
        summary.add_column(verdict, justify="right")
    for title, numbers in counts(found).items():
        summary.add_row(title, *(styled((f"{numbers[v]}", STYLES[v])) if numbers[v] else "" for v in STYLES))
    output.print(summary)
    for line in lines(found, fine=every):
        _show(line.verdict, ", ".join(filter(None, (line.title, line.where))), line.found, line.advice)
    output.print(conclusion(found))


def _show(verdict: str, checked: str, found: Iterable[str], advice: str, word: str = "") -> None:
    """Print one thing that was checked. Paths stay whole where a table's narrow columns would break them."""
    output.print(styled((f"{word or verdict}: ", STYLES[verdict]), (checked, "bold")))
    for text in (*found, *([f"What to do: {advice}."] if advice else [])):
        output.print(Padding(styled((text, "")), (0, 0, 0, 4)))
