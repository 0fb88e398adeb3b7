"""Arguments that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from exemplum.errors import UserError
from exemplum.runtime.progress import console
from exemplum.study import blinding, locks, pipeline
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
    """Run a stage, and before it the stages that it needs and that are stale."""
    run_stage(Study.open(folder, ray), stage, force)


def run_stage(study: Study, stage: str, force: bool) -> None:
    """As `run_until`, for a study that is open."""
    before = pipeline.before(study, stage)
    pipeline.check(study, [*before, stage])
    with locks.alone(study.folder):  # one lock for both, so that no other command comes between them
        pipeline.run(study, before)
        pipeline.run(study, [stage], force)


CLOSED = "recruitment is closed: first analysis"


def open_study(
    folder: Path,
    ray: str | None = None,
    unblind: str | None = None,
    database: str = "",
    before: Callable[[Study], object] = lambda _: None,
) -> Study:
    """Open a study to show its results. A reason to `unblind` is recorded in the audit before they are shown.
    `before` raises what would stop the command anyway, so that only real looks are recorded. Raises UserError for an
    empty reason, or if the audit cannot be written.
    """
    study = Study.open(folder, ray)
    if unblind is not None and not unblind.strip():
        raise UserError('--unblind needs the reason for looking, as in --unblind "planned interim analysis"')
    if not blinding.has_people(study):
        return study
    if unblind is not None or not blinding.is_recruiting(study):
        before(study)
    if not blinding.is_recruiting(study):
        _note_first(study, unblind or CLOSED, database)
        return study
    if unblind is None:
        console.print(blinding.notice(study), highlight=False, markup=False, soft_wrap=True)
        return study
    _note(study, unblind.strip(), database)
    return replace(study, unblinded=unblind.strip())


def _note_first(study: Study, reason: str, database: str) -> None:
    """Record the first look after recruitment. Without the database (in a copy of the folder) only say so."""
    said = blinding.read_status(study)
    if said is None or said.unblinded_at is not None:
        return
    try:
        _note(study, reason, database)
    except UserError as error:
        console.print(f"not recorded in the audit: {error}", highlight=False, markup=False, soft_wrap=True)


def _note(study: Study, reason: str, database: str) -> None:
    from exemplum.server.storage.status import note  # late: only this needs the database

    note(study, reason, database)
