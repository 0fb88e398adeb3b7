"""Withdrawal: a participant's data are deleted; what stays is a keyed hash that refuses a second entry."""

from __future__ import annotations

from datetime import datetime
from math import inf

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session as Orm

from exemplum.server.experiment import Experiment
from exemplum.server.identity import veiled
from exemplum.server.rows import label
from exemplum.server.schema import Answer, Audit, Event, Participant, SessionRow, StepRecord, TrialRow, now_ms
from exemplum.study import Study


def withdraw(orm: Orm, experiment: Experiment, key: str) -> bool:
    """Delete all that is known of a participant, by the key of the session. False if there is no such session.

    The key is never given again: a form that is sent twice, or years later, finds nobody.
    """
    row = session_of_key(orm, experiment, key)
    if row is None:
        return False
    for table in (Answer, Event, StepRecord, TrialRow):
        orm.execute(delete(table).where(table.session_id == row.id))
    participant = orm.get_one(Participant, row.participant_id)
    participant.external_id = veiled(experiment.secret, participant.external_id)
    participant.group, participant.withdrawn_at = "", now_ms()
    orm.add(Audit(study_id=experiment.study_id, action="withdraw", detail=label(row)))
    orm.delete(row)
    experiment.ended.set()
    experiment.withdrew.set()
    return True


def session_of_key(orm: Orm, experiment: Experiment, key: str) -> SessionRow | None:
    """The session of this study that the experimenter's pages name by `key`, which cannot be guessed."""
    return orm.scalar(
        select(SessionRow)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(SessionRow.image_ref == key, Participant.study_id == experiment.study_id)
    )


def outdated(study: Study, last: int | None) -> list[str]:
    """Stages that were made before the `last` withdrawal (ms since 1970) and so may hold that person's answers."""
    if last is None:
        return []
    return [name for name in ("analysis", "report") if _finished_ms(study, name) <= last]


def last_withdrawal(orm: Orm, study_id: int) -> int | None:
    """ms since 1970 of the last withdrawal; None if nobody has withdrawn."""
    return orm.scalar(select(func.max(Audit.at)).where(Audit.study_id == study_id, Audit.action == "withdraw"))


def _finished_ms(study: Study, stage: str) -> float:
    record = study.record(stage)
    if record is None:
        return inf
    # records tell time in seconds: one of the same second may have been made before
    return datetime.strptime(record["finished"], "%Y-%m-%dT%H:%M:%S%z").timestamp() * 1000
