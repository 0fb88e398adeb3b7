"""Arguments that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from exemplum.study import blinding, pipeline
from exemplum.study.folder import Study

StudyFolder = Annotated[Path, typer.Argument(help="The study's folder, with its study.toml.")]
Force = Annotated[bool, typer.Option("--force", help="Run again even if nothing has changed.")]

Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Use a Ray cluster: HOST:PORT, auto (the one that this machine belongs to) or local (docs/scaling.md).",
    ),
]


Unblind = Annotated[
    str | None,
    typer.Option(
        "--unblind",
        metavar="REASON",
        help="Include people's answers while the study recruits; the reason is recorded in the audit.",
    ),
]
DatabaseUrl = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="EXEMPLUM_DATABASE",
        help="postgresql://USER:PASSWORD@HOST/NAME; SQLite in the study folder if not given.",
    ),
]


def run_until(folder: Path, stage: str, force: bool, ray: str | None = None) -> None:
    """Do a stage, and before it those that it needs and that are stale."""
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
