"""Watching a running study: a line in the log when it is full, stalled or failing, and when it goes on."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session as Orm
from starlette.concurrency import run_in_threadpool

from exemplum.server.experiment import Experiment
from exemplum.server.sessions import recruitment
from exemplum.server.storage.schema import Participant, SessionRow, StudyRow, now_ms

log = logging.getLogger("exemplum.server")
EVERY_S = 60.0
LAST = 10  # participants who finished or left, of whom most must have finished
FEWEST = 5
DONE = ("completed", "screened_out", "no_consent")  # outcomes of people for whom everything worked


@dataclass(frozen=True)
class StudyState:
    """Whether recruitment goes as it should; `detail` says in words what does not."""

    name: str  # open, paused, closed, full, stalled or failing
    detail: str = ""


def state(orm: Orm, experiment: Experiment) -> StudyState:
    """The state now. Pilots do not count."""
    study = orm.get_one(StudyRow, experiment.study_id)
    if study.recruitment != "open":
        return StudyState(study.recruitment)
    if recruitment.is_full(orm, experiment):
        done = recruitment.completed(orm, experiment)
        return StudyState("full", f"{done} have completed; nobody else is taken")
    recent = _recent(orm, experiment)
    left = sum(not is_done for is_done in recent)
    if len(recent) >= FEWEST and left > len(recent) / 2:
        return StudyState("failing", f"{left} of the last {len(recent)} participants left before the end, or failed")
    return _stalled(orm, experiment) or StudyState("open")


def note(experiment: Experiment, before: StudyState) -> StudyState:
    """The state now, with a line in the log if its name has changed."""
    with experiment.database.read() as orm:
        now = state(orm, experiment)
    if now.name != before.name:
        log.warning(f"the study is {now.name}", extra={"study": experiment.study.folder.name, "detail": now.detail})
    return now


async def keep_watching(experiment: Experiment) -> None:
    """While the server runs: note the state every minute. An error of the database is logged where it occurs."""
    known = StudyState("open")
    while True:
        try:
            known = await run_in_threadpool(note, experiment, known)
        except Exception:
            log.exception("the state of the study could not be read")
        await asyncio.sleep(EVERY_S)


def _recent(orm: Orm, experiment: Experiment) -> list[bool]:
    """Of the last participants who finished or left, whether each is done, the last first."""
    gone = recruitment.alive_since(experiment)
    found = orm.scalars(
        select(SessionRow.outcome)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(
            Participant.study_id == experiment.study_id,
            Participant.pilot.is_(False),
            or_(SessionRow.status == "finished", SessionRow.seen_at <= gone),
        )
        .order_by(SessionRow.seen_at.desc())
        .limit(LAST)
    )
    return [outcome in DONE for outcome in found]


def _stalled(orm: Orm, experiment: Experiment) -> StudyState | None:
    hours = experiment.config.stalled_hours
    last = orm.scalar(
        select(SessionRow.seen_at)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(Participant.study_id == experiment.study_id, Participant.pilot.is_(False))
        .order_by(SessionRow.seen_at.desc())
        .limit(1)
    )
    if last is None or now_ms() - last < hours * 3_600_000:
        return None
    return StudyState("stalled", f"open, but no participant has done anything for {hours:g} hours")
