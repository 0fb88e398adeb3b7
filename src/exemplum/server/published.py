"""What responses/ holds of people already: it is never written with less, except for those who withdrew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from filelock import FileLock
from sqlalchemy import select
from sqlalchemy.orm import Session as Orm

from exemplum.errors import UserError
from exemplum.server.rows import label_of
from exemplum.server.schema import Answer, Audit, Participant, SessionRow, TrialRow
from exemplum.store import Table
from exemplum.study import Study
from exemplum.tables import PEOPLE, RATINGS, RESPONSES

# Files below responses/, and what tells one of their rows from another: not the label alone, since the first
# participant of any database is P0001.
FILES: dict[str, tuple[Table, list[str]]] = {
    "people.parquet": (RESPONSES, ["participant", "trial_id", "choice", "rt_ms"]),
    "sessions/people.parquet": (PEOPLE, ["participant"]),
    "ratings/people.parquet": (RATINGS, ["participant", "phase", "condition", "unit", "rating"]),
}
ANSWERS = "people.parquet"
Rows = set[tuple[object, ...]]


class FewerError(UserError):
    """Writing a table of people would lose rows; the message says whose."""


def missing(orm: Orm, study: Study, study_id: int) -> str:
    """Rows that the folder holds and the database lacks, in words: `FILE holds 28 answers of P0001`; "" if none.

    Raises UserError if a file cannot be read.
    """
    gone = withdrawn(orm, study_id)
    known = {(label_of(session),) for session in _sessions(orm, study_id)}
    for name, (_, columns) in FILES.items():
        path = study.stage("responses") / name
        if not path.exists():
            continue
        # beside the answers the label is enough: it tells of somebody whom the database does not know at all
        lost = _held(path, columns) - _answers(orm, study_id) if name == ANSWERS else _held(path, columns[:1]) - known
        if said := _said(path, "answers" if name == ANSWERS else "rows", lost, gone):
            return said
    return ""


def refuse_fewer(folder: Path, frames: dict[str, pd.DataFrame], gone: set[str]) -> None:
    """Raise FewerError if a file below `folder` holds rows that its new frame lacks, of people who did not withdraw."""
    for name, frame in frames.items():
        path, columns = folder / name, FILES[name][1]
        if path.exists() and (lost := _said(path, "rows", _held(path, columns) - _rows(frame, columns), gone)):
            raise FewerError(
                f"{lost} that would be lost: it was not written; is the database the right one, and whole?"
            )


def publishing(study: Study) -> FileLock:
    """Held while the tables of people are written."""
    return FileLock(study.folder / "server" / "publishing.lock")


def withdrawn(orm: Orm, study_id: int) -> set[str]:
    """Labels of those who withdrew, and whom no one after them has: SQLite gave labels again before schema 0002."""
    gone = orm.scalars(select(Audit.detail).where(Audit.study_id == study_id, Audit.action == "withdraw"))
    return set(gone) - {label_of(session) for session in _sessions(orm, study_id)}


def _sessions(orm: Orm, study_id: int) -> Sequence[int]:
    return orm.scalars(
        select(SessionRow.id)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(Participant.study_id == study_id)
    ).all()


def _said(path: Path, what: str, lost: Rows, gone: set[str]) -> str:
    stays = sorted({str(row[0]) for row in lost} - gone)
    count = sum(row[0] in set(stays) for row in lost)
    named = ", ".join(stays[:3]) + (", …" if len(stays) > 3 else "")
    return f"{path} holds {count} {what} of {named}" if stays else ""


def _held(path: Path, columns: list[str]) -> Rows:
    try:
        return _rows(pd.read_parquet(path, columns=columns), columns)
    except Exception as error:
        raise UserError(
            f"{path} cannot be read ({error}); if the database has all answers delete it, it is written anew"
        ) from error


def _rows(frame: pd.DataFrame, columns: list[str]) -> Rows:
    return set(frame[columns].itertuples(index=False, name=None))


def _answers(orm: Orm, study_id: int) -> Rows:
    """Answers of the database as the rows that the file would have: of all sessions, to be on the safe side."""
    found = orm.execute(
        select(Answer.session_id, TrialRow.trial_id, Answer.choice, Answer.rt_ms)
        .join(TrialRow, TrialRow.id == Answer.trial_id)
        .join(SessionRow, SessionRow.id == Answer.session_id)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(Participant.study_id == study_id)
    )
    return {(label_of(session), trial, choice, rt) for session, trial, choice, rt in found}
