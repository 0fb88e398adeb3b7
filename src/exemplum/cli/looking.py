"""What a command does before it shows people's results: say that they are left out, or note that they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from exemplum import blinding, status
from exemplum.errors import UserError
from exemplum.progress import console
from exemplum.study import Study

CLOSED = "recruitment is closed: first analysis"


def open_study(
    folder: Path,
    ray: str | None = None,
    unblind: str | None = None,
    database: str = "",
    before: Callable[[Study], object] = lambda _: None,
) -> Study:
    """Open a study whose results are to be shown. With a reason to `unblind`, the audit notes it before they are.

    `before` refuses what cannot be done at all: a look that does not come about is not to be noted. Raises UserError
    for an empty reason, or if the audit cannot be written.
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
    """After recruitment the first look is noted; who analyses a copy without the database is told, not stopped."""
    said = status.read(study)
    if said is None or said.unblinded_at is not None:
        return
    try:
        _note(study, reason, database)
    except UserError as error:
        console.print(f"not noted in the audit: {error}", highlight=False, markup=False, soft_wrap=True)


def _note(study: Study, reason: str, database: str) -> None:
    from exemplum.server import unblinding  # late: only this needs the database

    unblinding.note(study, reason, database)
