"""Counts of people by how their sessions ended, for the participant flow of a report."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Orm

from exemplum.responses import UNFINISHED, Entered
from exemplum.server.storage.schema import Participant, SessionRow


def entered(orm: Orm, study_id: int) -> Entered:
    """The counts at present, without pilots."""
    people = (Participant.study_id == study_id, Participant.pilot.is_(False))
    everyone = select(func.count(Participant.id)).where(*people)
    present = (*people, Participant.withdrawn_at.is_(None))
    of_session = (
        select(SessionRow.outcome, func.count(SessionRow.id))
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(*present)
    )
    outcomes = {outcome or UNFINISHED: count for outcome, count in orm.execute(of_session.group_by(SessionRow.outcome))}
    not_begun = of_session.where(SessionRow.outcome == "", SessionRow.answered == 0).with_only_columns(
        func.count(SessionRow.id), maintain_column_froms=True
    )
    return Entered(
        entered=orm.scalar(everyone) or 0,
        withdrawn=orm.scalar(everyone.where(Participant.withdrawn_at.is_not(None))) or 0,
        not_begun=orm.scalar(not_begun) or 0,
        outcomes=outcomes,
    )
