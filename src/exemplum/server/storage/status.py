"""The server's status for the study folder (server/status.json), and the audit of looks at results."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Orm

from exemplum.errors import UserError
from exemplum.server.experiment import Experiment
from exemplum.server.storage.database import Database, of_study, sqlite_url
from exemplum.server.storage.registration import real_answers
from exemplum.server.storage.schema import Audit, Participant, StudyRow, now_ms
from exemplum.study import DATABASE, Recruitment, Status, Study, blinding, freezing

ONE = threading.Lock()  # the latest state is written last
FIRST = threading.Lock()  # many first answers at the same moment freeze the study once


def keep(experiment: Experiment) -> None:
    """Write the current status. Called at the start and the end, and after every change."""
    with ONE, experiment.database.read() as orm:
        now = current(orm, experiment)
        experiment.is_frozen = now.answers > 0
        blinding.write_status(experiment.study, now)


def note_answer(experiment: Experiment) -> None:
    """After an answer was stored: the first that is not a pilot's freezes the study before it is acknowledged."""
    with FIRST:
        if experiment.is_frozen:
            return
        with experiment.database.read() as orm:
            first = real_answers(orm, experiment.study_id) > 0
        if first:
            keep(experiment)


def current(orm: Orm, experiment: Experiment) -> Status:
    """The status from the database. `frozen` is empty while there are no answers."""
    row = orm.get_one(StudyRow, experiment.study_id)
    answers = real_answers(orm, row.id)
    entered = select(func.count(Participant.id)).where(
        Participant.study_id == row.id, Participant.pilot.is_(False), Participant.withdrawn_at.is_(None)
    )
    return Status(
        id=experiment.study.id,
        recruitment=cast(Recruitment, row.recruitment),
        unblinded_at=row.unblinded_at,
        answers=answers,
        participants=orm.scalar(entered) or 0,
        design=experiment.design_hash,
        database=experiment.database.shown,
        frozen=(row.frozen or {}) if answers else {},
    )


MOST = 400  # characters of a reason that the audit holds
HOW = "give its database, or set EXEMPLUM_DATABASE"


def note(study: Study, reason: str, url: str = "") -> None:
    """Record a look at people's results in the audit, and the time of the first look.

    `url` is the database; the study folder's own SQLite if empty. Raises UserError if there is none, or if it does not
    contain the study. For people's answers that were not collected by our server, it is recorded in STUDY/audit.jsonl.
    """
    if not url and not is_served(study):
        _note_beside(study, reason)
        return
    database = Database(own(study, url))
    try:
        first, frozen = database.writer.submit_sync(lambda orm: _mark(orm, study, reason))
    finally:
        database.close()
    said = blinding.read_status(study)
    if said is not None and said.unblinded_at is None:
        blinding.write_status(study, replace(said, unblinded_at=first, frozen=frozen if said.frozen else {}))


def _mark(orm: Orm, study: Study, reason: str) -> tuple[int, dict[str, Any]]:
    """As `mark`; at the first look the rules of study.toml are frozen."""
    row = row_of(orm, study)
    if row.unblinded_at is None and row.frozen:
        row.frozen = freezing.with_rules_of(row.frozen, study)
    return mark(orm, row, reason), row.frozen or {}


def mark(orm: Orm, row: StudyRow, reason: str) -> int:
    """Record a look with its reason; returns the time of the first look, ms since 1970."""
    if row.unblinded_at is None:
        row.unblinded_at = now_ms()
    orm.add(Audit(study_id=row.id, action="unblind", detail=reason[:MOST]))
    orm.flush()
    return row.unblinded_at


def row_of(orm: Orm, study: Study) -> StudyRow:
    """The study in the database."""
    row = orm.scalar(select(StudyRow).where(StudyRow.uid == study.id))
    if row is None:
        raise UserError(f"the database does not contain {study.folder} ({study.id}); serve the study once, or {HOW}")
    return row


def is_served(study: Study) -> bool:
    """Whether the study has been served: its database is in the folder, or its status names another one."""
    return blinding.read_status(study) is not None or (study.folder / DATABASE).exists()


def _note_beside(study: Study, reason: str) -> None:
    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "action": "unblind", "detail": reason}
    with (study.folder / "audit.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line, ensure_ascii=False) + "\n")


def own(study: Study, url: str = "") -> str:
    """The address of the study's database: `url`, or that in the study folder. Raises UserError if it has none."""
    if url:
        return of_study(url, study.folder)
    path: Path = study.folder / DATABASE
    if path.exists():
        return sqlite_url(path)
    said = blinding.read_status(study)
    raise UserError(f"people's answers of {study.folder} are in {said.database if said else 'a database'}; {HOW}")
