"""Keeps STUDY/server/status.json as the database is: what stages may know of people (exemplum.status)."""

from __future__ import annotations

import threading
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Orm

from exemplum import status
from exemplum.server.experiment import Experiment
from exemplum.server.registration import real_answers
from exemplum.server.schema import Participant, StudyRow
from exemplum.status import Recruitment, Status

ONE = threading.Lock()  # the latest state is written last
FIRST = threading.Lock()  # many first answers at the same moment freeze the study once


def keep(experiment: Experiment) -> None:
    """Write the status as it is now. Called at the start and the end, and after whatever changes it."""
    with ONE, experiment.database.read() as orm:
        now = current(orm, experiment)
        experiment.is_frozen = now.answers > 0
        status.write(experiment.study, now)


def note_answer(experiment: Experiment) -> None:
    """After an answer was stored: the first by somebody who is no pilot freezes the study before it is acknowledged."""
    with FIRST:
        if experiment.is_frozen:
            return
        with experiment.database.read() as orm:
            first = real_answers(orm, experiment.study_id) > 0
        if first:
            keep(experiment)


def current(orm: Orm, experiment: Experiment) -> Status:
    """What the database says. Frozen is what it is frozen to, and nothing while there are no answers."""
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
