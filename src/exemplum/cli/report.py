"""`exemplum report`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from exemplum.cli.arguments import DatabaseUrl, Force, StudyFolder, Unblind, open_study
from exemplum.runtime import console
from exemplum.study import Study, locks, pipeline, stamped


def report(
    study: StudyFolder,
    force: Force = False,
    unblind: Unblind = None,
    pilot: Annotated[
        bool,
        typer.Option(
            "--pilot", help="Report the pilots instead, in STUDY/pilots, stamped on every page. The audit records it."
        ),
    ] = False,
    database: DatabaseUrl = "",
) -> None:
    """Write the report: one HTML file, with figures and tables in files beside it."""
    if pilot:
        report_pilots(Study.open(study), database)
        return
    opened = open_study(study, unblind=unblind, database=database, before=partial(pipeline.refuse, only=["report"]))
    pipeline.run_stage(opened, "report", force)


def report_pilots(study: Study, database: str = "") -> Study:
    """Write the report of a study's pilots into its stamped copy STUDY/pilots, which is remade; returns the copy.

    Raises UserError if nobody has finished as a pilot of the present design.
    """
    from exemplum.server import pilots  # late: it imports the database

    with locks.alone(study.folder):
        found = pilots(study, database)
        copy = stamped.make(study, stamped.PILOTS)
        found.write(copy)
        pipeline.run_stage(copy, "report", force=False)
    if found.others:
        console.print(f"left out: {found.others} pilots of an earlier design")
    pipeline.point_to_report(copy)
    return copy
