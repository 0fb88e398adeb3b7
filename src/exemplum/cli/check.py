"""`exemplum check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from exemplum.cli.arguments import StudyFolder
from exemplum.runtime import console, output, styled
from exemplum.study import Study, locks

if TYPE_CHECKING:
    import pandas as pd

STYLES = {"wrong": "bold red", "look": "yellow", "unknown": "dim", "fine": "green"}


def check(
    study: StudyFolder,
    every: Annotated[bool, typer.Option("--all", help="List also what is fine.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 also if there is something to look at.")
    ] = False,
) -> None:
    """Check a finished design for leaks: can its trials be answered without the explanations?

    Compares queries with references, and looks at brightness, colour, sides and activations. Writes the table
    checks/checks.parquet and changes nothing else. Exits with 1 if something is wrong.
    """
    from exemplum.checks import audit  # late: it imports what compares pictures

    opened = Study.open(study)
    with locks.alone(opened.folder):
        found = audit(opened)
    show(found, every)
    console.print(f"wrote {opened.folder / 'checks' / 'checks.parquet'}")
    if found["verdict"].isin(["wrong", "look"] if strict else ["wrong"]).any():
        raise typer.Exit(1)


def show(found: pd.DataFrame, every: bool = False) -> None:
    """Print CHECKS: how many rows of each kind have which verdict, then what is not fine and what to do about it."""
    from exemplum.checks import conclusion, counts, lines

    summary = Table()
    summary.add_column("checked")
    for verdict in STYLES:
        summary.add_column(verdict, justify="right")
    for title, numbers in counts(found).items():
        summary.add_row(title, *(styled((f"{numbers[v]}", STYLES[v])) if numbers[v] else "" for v in STYLES))
    output.print(summary)
    if shown := lines(found, fine=every):
        table = Table(show_lines=True)
        for name in ("verdict", "checked", "found", "what to do"):
            table.add_column(name, overflow="fold")
        for line in shown:
            checked = "\n".join(filter(None, (line.title, line.where)))
            table.add_row(styled((line.verdict, STYLES[line.verdict])), checked, "\n".join(line.found), line.advice)
        output.print(table)
    output.print(conclusion(found))
