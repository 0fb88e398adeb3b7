"""Arguments that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exemplum import pipeline, run_lock
from exemplum.study import Study

StudyFolder = Annotated[Path, typer.Argument(help="The study's folder, with its study.toml.")]
Force = Annotated[bool, typer.Option("--force", help="Do it again even if nothing has changed.")]

Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Use a Ray cluster: HOST:PORT, auto (this machine's) or local (docs/scaling.md).",
    ),
]


Unblind = Annotated[
    str | None,
    typer.Option(
        "--unblind", metavar="REASON", help="Include people's answers while the study recruits; the audit notes it."
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
    run_stage(Study.open(folder, ray), stage, force)


def run_stage(study: Study, stage: str, force: bool) -> None:
    """As `run_until`, for a study that is open."""
    before = pipeline.before(study, stage)
    pipeline.check(study, [*before, stage])
    with run_lock.alone(study.folder):  # both times, so that nobody comes between
        pipeline.run(study, before)
        pipeline.run(study, [stage], force)
