"""Group commit: simultaneous writes of many participants are committed in one transaction.

One commit costs one wait for the disk. Meanwhile further jobs queue, and the next transaction takes them all; so the
busier the server, the more answers share a commit. A job's result is returned only after its commit, so a result means
that the data are on disk. Each job runs in a savepoint, so a failing job does not affect others. Answers go before
other jobs, and a transaction has a time limit, so that many simultaneous entries do not delay answers.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from exemplum.server.requests import ApiError

T = TypeVar("T")
Job = Callable[[Session], Any]
Ranked = tuple[int, int, Job | None, Future[Any]]  # rank, number, job (None ends the thread), where its result goes
log = logging.getLogger("exemplum.server")

MOST = 128  # jobs per transaction
BUDGET_S = 0.05  # a transaction begins no further job after that; the rest goes into the next one
LAST = 9  # rank of the mark that ends the thread: after everything else
TRIES = 4  # of a single job, when the database says that a retry may succeed
AFTER = "after commit"  # in a session's info
RETRY_STATES = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock


def after_commit(orm: Session, action: Callable[[], object]) -> None:
    """Call `action` once what a job has done is committed; also called if only other jobs of its transaction are."""
    orm.info.setdefault(AFTER, []).append(action)


class GroupWriter:
    """The one thread that writes. It starts with the first job; `stop` finishes queued jobs and ends it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: queue.PriorityQueue[Ranked] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._stopped = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    async def submit(self, job: Callable[[Session], T], urgent: bool = False) -> T:
        """Run a job in a transaction; returns when it is committed. Raises what the job raised, or ApiError 503."""
        return await asyncio.wrap_future(self._enqueue(job, urgent))

    def submit_sync(self, job: Callable[[Session], T]) -> T:
        """As `submit`, for threads."""
        return self._enqueue(job).result()

    def settle(self) -> None:
        """Wait until every job that runs at present is committed, or has failed."""
        with suppress(ApiError):  # stopped, so all are; or the database failed, which who reads it next is told
            self.submit_sync(lambda _orm: None)

    @property
    def waiting(self) -> int:
        return self._jobs.qsize()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            thread, self._thread = self._thread, None
            if thread:
                self._jobs.put((LAST, next(self._numbers), None, Future()))
        if thread:
            thread.join()

    def _enqueue(self, job: Callable[[Session], T], urgent: bool = False) -> Future[T]:
        future: Future[T] = Future()
        with self._lock:
            if self._stopped:
                raise ApiError("unavailable", "the server is shutting down")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
                self._thread.start()
            self._jobs.put((0 if urgent else 1, next(self._numbers), job, future))
        return future

    def _run(self) -> None:
        while True:
            batch = [self._jobs.get()]
            if batch[0][2] is None:
                return
            while len(batch) < MOST:
                try:
                    item = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if item[2] is None:
                    self._jobs.put(item)
                    break
                batch.append(item)
            self._write(batch)

    def _write(self, batch: list[Ranked]) -> None:
        jobs = [job for _, _, job, _ in batch if job is not None]
        try:
            outcomes = self._transaction(jobs)
        except Exception as error:
            if len(batch) > 1:  # one job, or the database, broke the transaction: try them one by one
                for item in batch:
                    self._write([item])
                return
            outcomes = [self._alone(jobs[0], error)]
        for (_, _, _, future), outcome in zip(batch, outcomes, strict=False):
            with suppress(InvalidStateError):  # the waiting task was cancelled; the writer must go on
                if isinstance(outcome, BaseException):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)
        for item in batch[len(outcomes) :]:
            self._jobs.put(item)

    def _transaction(self, jobs: list[Job]) -> list[Any]:
        """Results or exceptions of the committed jobs: all, or those that fit into the time limit.

        Raises if the transaction as a whole failed; then nothing is kept.
        """
        outcomes: list[Any] = []
        began = time.monotonic()
        with Session(self._engine, expire_on_commit=False) as orm, orm.begin():
            for job in jobs:
                if outcomes and time.monotonic() - began > BUDGET_S:
                    break
                try:
                    with orm.begin_nested():
                        outcomes.append(job(orm))
                except DBAPIError as error:
                    if not isinstance(error, IntegrityError) or len(jobs) > 1:
                        raise
                    outcomes.append(ApiError("unavailable", "two requests at the same moment; send it again"))
                except Exception as error:
                    outcomes.append(error)
                orm.expunge_all()
        for action in orm.info.get(AFTER, ()):
            action()
        return outcomes

    def _alone(self, job: Job, error: Exception) -> Any:
        for attempt in range(1, TRIES):
            if not _may_work_again(error):
                break
            time.sleep(0.02 * 2**attempt)
            try:
                return self._transaction([job])[0]
            except Exception as again:
                error = again
        return _explained(error)


def _may_work_again(error: Exception) -> bool:
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return state in RETRY_STATES or lost


def _explained(error: Exception) -> Exception:
    """The error for the participant's page, which waits and sends the request again."""
    if not isinstance(error, SQLAlchemyError):
        return error
    told = _told(error)
    told.__cause__ = error
    return told


def _told(error: SQLAlchemyError) -> ApiError:
    if isinstance(error, DataError):
        return ApiError("bad_request", "a text or number of the request cannot be stored")
    cause = str(getattr(error, "orig", error)).strip()
    # sqlite3: SQLITE_FULL and SQLITE_IOERR; PostgreSQL: class 53, insufficient resources.
    full = any(words in cause for words in ("disk is full", "disk I/O error", "No space left", "File too large"))
    state = str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")
    if full or state.startswith("53"):
        log.error("the disk is full: nothing can be saved", extra={"cause": cause})
        return ApiError(
            "storage_full", "the server's disk is full: this was not saved; everything acknowledged before is saved"
        )
    log.error("the database failed", extra={"cause": cause})
    return ApiError("unavailable", "the database failed: this was not saved; send it again")
