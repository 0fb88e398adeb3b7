"""What pilots say: how long a session takes, and what the pay comes to per hour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select

from exemplum import pages
from exemplum.checks import Verdict
from exemplum.responses import FINISHED
from exemplum.server import ServerSection
from exemplum.server.live.check import LiveCheck, Situation
from exemplum.server.storage.schema import Participant, SessionRow, StudyRow

ENOUGH = 3  # pilots
LONGER = 1.2  # times the promised duration
NAN = float("nan")


@dataclass(frozen=True)
class PilotTimes:
    """Minutes from the link to the end, of pilots who answered every trial; NaN without any."""

    n: int
    median: float = NAN
    most: float = NAN  # of nine in ten


@dataclass(frozen=True)
class Pay:
    """What is promised, and what pilots say of it; None where it is not declared or not known."""

    amount: float
    currency: str
    promised: float | None  # per hour, at the promised duration
    hourly: float | None  # per hour, at the pilots' median


def pilot_times(situation: Situation) -> PilotTimes:
    """How long the pilots took.

    A pilot's break is not told from work, so the median is what to go by.
    """
    if situation.database is None:
        return PilotTimes(0)
    with situation.database.read() as orm:
        took = orm.execute(
            select(SessionRow.created_at, SessionRow.finished_at)
            .join(Participant, Participant.id == SessionRow.participant_id)
            .join(StudyRow, StudyRow.id == Participant.study_id)
            .where(StudyRow.uid == situation.study.id, Participant.pilot, SessionRow.outcome.in_(FINISHED))
        ).all()
    minutes = [(finished - created) / 60_000 for created, finished in took if finished is not None]
    if not minutes:
        return PilotTimes(0)
    return PilotTimes(len(minutes), float(np.median(minutes)), float(np.quantile(minutes, 0.9)))


def pay(said: ServerSection, took: PilotTimes) -> Pay | None:
    """The pay of study.toml per hour; None if no amount is declared."""
    if said.pay.amount is None:
        return None
    promised = None if said.minutes is None else said.pay.amount * 60 / said.minutes
    hourly = None if math.isnan(took.median) else said.pay.amount * 60 / took.median
    return Pay(said.pay.amount, said.pay.currency, promised, hourly)


def pilots(situation: Situation) -> Iterator[LiveCheck]:
    """Checks that rest on pilots: that there were some, the promised time, and the pay per hour."""
    took, said = pilot_times(situation), situation.study.config.server
    if took.n < ENOUGH:
        yield LiveCheck(
            "pilots", Verdict.LOOK, f"{pages.count(took.n, 'pilot') if took.n else 'no pilots'} finished",
            "have three people take part by the pilot link, and read what they say",
        )  # fmt: skip
    else:
        yield LiveCheck("pilots", Verdict.FINE, f"{took.n} finished")
    if took.n:
        yield _duration(took, said.minutes)
    if found := pay(said, took):
        yield _pay(found)


def _duration(took: PilotTimes, minutes: int | None) -> LiveCheck:
    found = f"pilots took {took.median:.0f} min (median; nine of ten at most {took.most:.0f} min; n = {took.n})"
    if minutes is None:
        return LiveCheck("duration", Verdict.LOOK, f"{found}; none is promised", "set study.toml: [server] minutes")
    if took.median > LONGER * minutes:
        return LiveCheck(
            "duration", Verdict.WRONG, f"{found}; {minutes} min are promised",
            "set study.toml: [server] minutes to what people need, and the pay with it",
        )  # fmt: skip
    return LiveCheck("duration", Verdict.FINE, f"{found}; {minutes} min are promised")


def _pay(found: Pay) -> LiveCheck:
    amount = f"{found.amount:,.2f} {found.currency}"
    if found.hourly is None:
        return LiveCheck("pay", Verdict.LOOK, f"{amount}; per hour not known without pilots", "see what pilots need")
    said = f"{amount}, {found.hourly:,.2f} per hour at the pilots' median"
    if found.promised is not None and found.hourly * LONGER < found.promised:
        return LiveCheck(
            "pay", Verdict.WRONG, f"{said}, but {found.promised:,.2f} are promised",
            "raise study.toml: [server.pay] amount, or promise the time that people need",
        )  # fmt: skip
    promised = "" if found.promised is None else f"; {found.promised:,.2f} are promised"
    return LiveCheck("pay", Verdict.FINE, said + promised)
