"""Arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from exemplum.study import Study, blinding, pipeline

StudyFolder = Annotated[Path, typer.Argument(help="The study's folder, which holds study.toml.")]
Force = Annotated[
    bool, typer.Option("--force", help="Remake this stage, or with run every stage, even if nothing has changed.")
]

Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Run on a Ray cluster: HOST:PORT, auto (the cluster of this machine) or local; see docs/how-to/ray.md.",
    ),
]


Unblind = Annotated[
    str | None,
    typer.Option(
        "--unblind",
        metavar="REASON",
        help="Include people's answers before recruitment is closed. The reason is recorded in the audit log.",
    ),
]
DatabaseUrl = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="EXEMPLUM_DATABASE",
        help="Address of a PostgreSQL database, postgresql://… (docs/how-to/postgresql.md). Default: SQLite in "
        "the study folder.",
    ),
]


def run_until(folder: Path, stage: str, force: bool, ray: str | None = None) -> None:
    """Run a stage, after the stages that it depends on and that are stale."""
    pipeline.run_stage(Study.open(folder, ray), stage, force)


def open_study(
    folder: Path,
    ray: str | None = None,
    unblind: str | None = None,
    database: str = "",
    before: Callable[[Study], object] = lambda _: None,
) -> Study:
    """Open a study whose results are to be shown; see `blinding.look`."""
    return blinding.look(Study.open(folder, ray), unblind, database, before)
