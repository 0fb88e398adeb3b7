"""Withdrawal: a participant's data are deleted; what stays is a keyed hash that refuses a second entry."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session as Orm

from exemplum.server.experiment import Experiment
from exemplum.server.identity import veiled
from exemplum.server.rows import label
from exemplum.server.schema import Answer, Audit, Event, Participant, SessionRow, StepRecord, TrialRow, now_ms


def withdraw(orm: Orm, experiment: Experiment, session_id: int) -> bool:
    """Delete all that is known of a participant. False if there is no such session."""
    row = orm.scalar(
        select(SessionRow)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(SessionRow.id == session_id, Participant.study_id == experiment.study_id)
    )
    if row is None:
        return False
    for table in (Answer, Event, StepRecord, TrialRow):
        orm.execute(delete(table).where(table.session_id == session_id))
    participant = orm.get_one(Participant, row.participant_id)
    participant.external_id = veiled(experiment.secret, participant.external_id)
    participant.group, participant.withdrawn_at = "", now_ms()
    orm.add(Audit(study_id=experiment.study_id, action="withdraw", detail=label(row)))
    orm.delete(row)
    experiment.ended.set()
    return True
