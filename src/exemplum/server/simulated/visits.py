"""The visits of a whole crowd; stopped at any time, they go on where they were."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import BigInteger, cast, select, update
from sqlalchemy.orm import Session as Orm

from exemplum.design import duration
from exemplum.runtime import track
from exemplum.server import PaySection
from exemplum.server.experiment import Experiment, Settings
from exemplum.server.http.app import create_app
from exemplum.server.pages import session_lines
from exemplum.server.panels.decisions import Decision, decisions
from exemplum.server.sessions import summaries
from exemplum.server.simulated.crowd import Crowd, Manner
from exemplum.server.simulated.person import SimulatedPerson
from exemplum.server.simulated.visit import EVERY_MS, MINUTE_MS, Visit, last_ms
from exemplum.server.storage.schema import Answer, Audit, Participant, SessionRow, StepRecord, StudyRow
from exemplum.server.storage.tables import Member, label
from exemplum.study import Study

SOURCE = "link"  # by which the server knows people who come with the parameter `participant`
AT_ONCE = 8  # people in a session at the same time
LONGEST_MS = 180 * MINUTE_MS  # no session is longer: the last one ends before now


@dataclass(frozen=True)
class SimulatedVisit:
    """How one simulated person's visit went. Times are simulated, in minutes."""

    number: int
    manner: str
    outcome: str  # completed, failed_attention, no_consent, …; dropped_out, turned_away
    broken: tuple[str, ...] = ()  # the exclusion rules that leave this person out
    minutes: float = 0.0
    trial_minutes: float = 0.0  # of these, on trials with their feedback
    paid: float = 0.0  # by the rules of study.toml: [server.pay], bonus included


def began_ms(crowd: Crowd) -> int:
    """When the first person of a crowd comes, ms since 1970: so long ago that the last one has left by now."""
    return round(time.time() * 1000 - EVERY_MS * (crowd.people + 1) - LONGEST_MS)


def visits(copy: Study, crowd: Crowd, began: int) -> list[SimulatedVisit]:
    """Send a crowd through the server of a study's stamped copy; those who were through before come to the same end.

    `began` is when they began to come, ms since 1970. Raises UserError if the study cannot be served.
    """
    experiment = Experiment.open(Settings(copy.folder, limits=False, simulated=True))
    return asyncio.run(_visits(experiment, crowd, began))


async def _visits(experiment: Experiment, crowd: Crowd, began: int) -> list[SimulatedVisit]:
    """The whole crowd's visits; however they end, the server is shut down in good order."""
    app = create_app(experiment)
    section, manners = experiment.study.config.observers.simulated, crowd.manners()
    people = [SimulatedPerson(crowd, number, manner, section) for number, manner in enumerate(manners, 1)]
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://rehearsal") as http:
            turned_away = await _come(http, experiment, people, began)
            await experiment.database.writer.submit(lambda orm: _close(orm, experiment, began))
            with experiment.database.read() as orm:
                return _summaries(orm, experiment, people, turned_away)


async def _come(http: httpx.AsyncClient, experiment: Experiment, people: list[SimulatedPerson], began: int) -> set[int]:
    """All people come, a few at a time; returns the numbers of those who came when the study took nobody any more.

    Those of a group enter one after the other, and the next group comes when all of them have ended: so who gets which
    place of the design does not depend on the machine's speed.
    """
    turned_away = set()
    with track("simulated people", len(people), "people") as advance:
        for first in range(0, len(people), AT_ONCE):
            entered = []
            for person in people[first : first + AT_ONCE]:
                visit = Visit(http, experiment, person, began)
                if await visit.enter():
                    entered.append(_counted(visit, advance))
                else:
                    turned_away.add(person.number)
                    advance(1)
            await _together(entered)
    return turned_away


async def _together(visits: list[Coroutine[Any, Any, None]]) -> None:
    """Run visits at the same time; the first that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            for visit in visits:
                group.create_task(visit)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _counted(visit: Visit, advance: Any) -> None:
    await visit.finish()
    advance(1)


def _close(orm: Orm, experiment: Experiment, began: int) -> None:
    """Close recruitment, and give every row its simulated time instead of the server's."""
    orm.get_one(StudyRow, experiment.study_id).recruitment = "closed"
    orm.add(Audit(study_id=experiment.study_id, action="rehearsal", detail="all simulated people have come"))
    orm.execute(update(Answer).values(received_at=cast(Answer.shown_at + Answer.rt_ms, BigInteger)))
    orm.execute(update(StepRecord).values(received_at=cast(StepRecord.shown_at + StepRecord.ms, BigInteger)))
    for row, participant in _sessions(orm):
        row.created_at = participant.created_at = round(began + EVERY_MS * _number(participant))
        row.seen_at = round(last_ms(orm, row.id))
        row.assigned_at = row.created_at if row.assigned_at else None
        row.finished_at = row.seen_at if row.finished_at else None
        summaries.keep(orm, row)


def _summaries(
    orm: Orm, experiment: Experiment, people: list[SimulatedPerson], turned_away: set[int]
) -> list[SimulatedVisit]:
    manners = {person.number: person.manner.value for person in people}
    found = {number: SimulatedVisit(number, manners[number], "turned_away") for number in turned_away}
    lines = {line.label: line for line in session_lines.lines(orm, experiment)}
    decided = {decision.label: decision for decision in decisions(orm, experiment, lines.values())[SOURCE]}
    for row, participant in _sessions(orm):
        number = _number(participant)
        outcome = row.outcome or ("dropped_out" if manners[number] == Manner.DROPOUT else row.status)
        found[number] = SimulatedVisit(
            number, manners[number], outcome, tuple(lines[label(row)].broken), lines[label(row)].minutes,
            _trial_minutes(orm, row), _paid(decided[label(row)], experiment.config.pay),
        )  # fmt: skip
    return [found[number] for number in sorted(found)]


def _sessions(orm: Orm) -> list[Member]:
    joined = select(SessionRow, Participant).join(Participant, Participant.id == SessionRow.participant_id)
    return [(row, participant) for row, participant in orm.execute(joined.where(Participant.pilot.is_(False)))]


def _number(participant: Participant) -> int:
    return int(participant.external_id.rpartition("-")[2])


def _trial_minutes(orm: Orm, row: SessionRow) -> float:
    """Simulated minutes on trials with their feedback."""
    times = orm.scalars(select(Answer.rt_ms).where(Answer.session_id == row.id)).all()
    return (sum(times) / 1000 + duration.FEEDBACK_S * len(times)) / 60


def _paid(decision: Decision, pay: PaySection) -> float:
    """What one person is paid."""
    return float(decision.bonus) + ((pay.amount or 0.0) if decision.kind == "approve" else 0.0)
