"""Withdrawal: delete a participant's data, also from the bytes of the database's files.

Deleting rows is one commit. But SQLite's write-ahead log keeps the old pages until it is emptied, which a long reader
(a download, a replica) prevents, and gaps of the file may hold copies of rows from when pages were split. So the log is
emptied, the file is rewritten, and the log is emptied again. None of these steps waits: if a reader or writer prevents
one, it is tried again later. The database records which withdrawals are done, so a restart continues with the rest.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from math import inf

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session as Orm
from starlette.concurrency import run_in_threadpool

from exemplum.server.experiment import Experiment
from exemplum.server.sessions.entry import hashed_id
from exemplum.server.storage.group_commit import after_commit
from exemplum.server.storage.schema import (
    Answer,
    Audit,
    Event,
    Participant,
    SessionRow,
    StepRecord,
    StudyRow,
    Summary,
    TrialRow,
    now_ms,
)
from exemplum.server.storage.tables import label
from exemplum.study import Study

GONE = "there is no such session; its participant may have withdrawn"


def withdraw(orm: Orm, experiment: Experiment, key: str) -> bool:
    """Delete all data of a participant, by the key of the session. False if there is no such session.

    The key is never used again: a form that is sent twice, or years later, finds nobody.
    """
    row = session_of_key(orm, experiment, key)
    if row is None:
        return False
    for table in (Answer, Event, StepRecord, Summary, TrialRow):
        orm.execute(delete(table).where(table.session_id == row.id))
    participant = orm.get_one(Participant, row.participant_id)
    participant.external_id = hashed_id(experiment.secret, participant.external_id)
    participant.group, participant.withdrawn_at = "", now_ms()
    orm.add(Audit(study_id=experiment.study_id, action="withdraw", detail=label(row)))
    orm.delete(row)
    after_commit(orm, experiment.ended.set)
    after_commit(orm, experiment.withdrew.set)
    return True


def session_of_key(orm: Orm, experiment: Experiment, key: str) -> SessionRow | None:
    """The session of this study with this key, as used on the experimenter's pages."""
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
    finished = study.finished_at(stage)
    # in whole seconds: a stage of the same second may have been made before
    return inf if finished is None else finished * 1000


log = logging.getLogger("exemplum.server")
ONE = threading.Lock()
SMALL = 32 * 1024**2  # bytes; a smaller file is rewritten at any time (0.15 s where it was measured)
QUIET_S = 60  # a larger one is rewritten when nobody has answered for this long, or when the server starts or stops
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 30.0  # between two tries
MOST_NAMED = 40  # labels in one line of the audit


def pending(orm: Orm, experiment: Experiment) -> list[str]:
    """Labels of withdrawn participants whose data may still be in SQLite's files."""
    return _pending(orm, experiment)[1] if experiment.database.is_sqlite else []


async def keep_trying(experiment: Experiment) -> None:
    """While the server runs: clean the files of pending withdrawals, with growing pauses while it does not succeed."""
    done = await run_in_threadpool(attempt, experiment, quiet=True)  # nobody answers yet
    wait = FIRST_WAIT_S
    while True:
        await asyncio.sleep(wait)
        if experiment.withdrew.is_set() or not done:
            experiment.withdrew.clear()
            done = await run_in_threadpool(attempt, experiment)
            wait = FIRST_WAIT_S if done else min(2 * wait, LONGEST_WAIT_S)


def attempt(experiment: Experiment, quiet: bool = False, last: bool = False) -> bool:
    """Try once; True if nothing is pending. `quiet`: nobody answers now, so a large file may be rewritten.

    `last`: the server ends, so another try that is under way, of this study or another one, is waited for.
    """
    if not experiment.database.is_sqlite:
        return True  # docs/how-to/withdrawal-and-data-protection.md says what PostgreSQL keeps, and for how long
    if not ONE.acquire(blocking=last):
        return False
    try:
        return _attempt(experiment, quiet)
    except Exception:  # a full disk, for example: the withdrawals remain pending
        log.exception("deleted data could not be removed from the database's files yet")
        return False
    finally:
        ONE.release()


def _attempt(experiment: Experiment, quiet: bool) -> bool:
    database = experiment.database
    with database.read() as orm:
        upto, labels = _pending(orm, experiment)
        quiet = quiet or _is_quiet(orm, experiment)
    if not labels:
        return True
    if not database.empty_log():
        return False
    if experiment.rewritten_to < upto:
        assert database.file is not None
        if database.file.stat().st_size > SMALL and not quiet:
            return False
        try:
            database.rewrite()
        except sqlite3.OperationalError:  # another connection is writing
            return False
        experiment.rewritten_to = upto
        if not database.empty_log():
            return False
    database.writer.submit_sync(lambda orm: _note(orm, experiment, upto, labels))
    return True


def _pending(orm: Orm, experiment: Experiment) -> tuple[int, list[str]]:
    """The audit id of the last withdrawal, and the labels of pending ones."""
    done = orm.get_one(StudyRow, experiment.study_id).scrubbed_to
    found = orm.execute(
        select(Audit.id, Audit.detail)
        .where(Audit.study_id == experiment.study_id, Audit.action == "withdraw", Audit.id > done)
        .order_by(Audit.id)
    ).all()
    return (found[-1][0] if found else done), [label for _, label in found]


def _is_quiet(orm: Orm, experiment: Experiment) -> bool:
    last = orm.scalar(
        select(func.max(SessionRow.seen_at))
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(Participant.study_id == experiment.study_id)
    )
    return last is None or last < now_ms() - QUIET_S * 1000


def _note(orm: Orm, experiment: Experiment, upto: int, labels: list[str]) -> None:
    orm.get_one(StudyRow, experiment.study_id).scrubbed_to = upto
    named = ", ".join(labels[:MOST_NAMED]) + (f" and {len(labels) - MOST_NAMED} more" if labels[MOST_NAMED:] else "")
    orm.add(Audit(study_id=experiment.study_id, action="deleted from files", detail=named))
