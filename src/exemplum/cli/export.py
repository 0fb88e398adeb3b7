"""`exemplum export`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from exemplum.cli.arguments import DatabaseUrl, StudyFolder, Unblind, open_study
from exemplum.runtime import console
from exemplum.study import pipeline


def export(
    study: StudyFolder,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A new folder, or that of an earlier export.")],
    unblind: Unblind = None,
    database: DatabaseUrl = "",
) -> None:
    """Export the study as a Psych-DS dataset: data with a codebook, results, scripts that refit the main model.

    Brings analysis and report up to date first. Pilots are left out, and people's answers while the study recruits.
    """
    from exemplum.export import write  # late: it imports the report

    opened = open_study(study, unblind=unblind, database=database, before=partial(pipeline.refuse, only=["report"]))
    pipeline.run_stage(opened, "report", force=False)
    for name, value in write(opened, to).items():
        console.print(f"{name}: {value}", highlight=False, soft_wrap=True)
