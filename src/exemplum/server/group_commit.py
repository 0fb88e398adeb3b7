"""Group commit: what many participants write at the same moment goes to disk in one transaction.

One commit costs one wait for the disk. While it waits, further jobs queue up, and the next transaction takes them all;
so the busier the server, the more answers share a commit. A job's result is given only after the commit that holds it:
whoever has it knows that it is on disk. Each job runs in a savepoint, so one that fails spoils no other.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from exemplum.server.errors import ApiError

T = TypeVar("T")
Job = Callable[[Session], Any]
log = logging.getLogger("exemplum.server")

MOST = 128  # jobs a transaction: a batch of this size takes some 100 ms
TRIES = 4  # of one job alone, when the database says that it may work on another try
RETRY_STATES = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock


class GroupWriter:
    """One thread that writes. Start it with the first job; `stop` does what is queued and ends."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[tuple[Job, Future[Any]] | None] = queue.SimpleQueue()
        self._stopped = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    async def submit(self, job: Callable[[Session], T]) -> T:
        """Run a job in a transaction; returns when it is committed. Raises what the job raised, or ApiError 503."""
        return await asyncio.wrap_future(self._enqueue(job))

    def submit_sync(self, job: Callable[[Session], T]) -> T:
        """As `submit`, for threads."""
        return self._enqueue(job).result()

    @property
    def waiting(self) -> int:
        return self._jobs.qsize()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            thread, self._thread = self._thread, None
            if thread:
                self._jobs.put(None)
        if thread:
            thread.join()

    def _enqueue(self, job: Callable[[Session], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._lock:
            if self._stopped:
                raise ApiError("unavailable", "the server is shutting down")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
                self._thread.start()
            self._jobs.put((job, future))
        return future

    def _run(self) -> None:
        ended = False
        while not ended:
            first = self._jobs.get()
            batch = [first] if first else []
            ended = first is None
            while len(batch) < MOST and not ended:
                try:
                    item = self._jobs.get_nowait()
                except queue.Empty:
                    break
                ended = item is None
                if item:
                    batch.append(item)
            if batch:
                self._write(batch)

    def _write(self, batch: list[tuple[Job, Future[Any]]]) -> None:
        try:
            outcomes = self._transaction([job for job, _ in batch])
        except Exception as error:
            if len(batch) > 1:  # one of them, or the database, broke the transaction: find out which
                for item in batch:
                    self._write([item])
                return
            outcomes = [self._alone(batch[0][0], error)]
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _transaction(self, jobs: list[Job]) -> list[Any]:
        """Results or exceptions of the jobs, committed. Raises if the transaction failed: then nothing is kept."""
        outcomes: list[Any] = []
        with Session(self._engine, expire_on_commit=False) as orm, orm.begin():
            for job in jobs:
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
    """What the participant's page is told: wait and send it again, in either case."""
    if not isinstance(error, SQLAlchemyError):
        return error
    told = _told(error)
    told.__cause__ = error
    return told


def _told(error: SQLAlchemyError) -> ApiError:
    cause = str(getattr(error, "orig", error)).strip()
    # sqlite3: SQLITE_FULL and SQLITE_IOERR; PostgreSQL: class 53, insufficient resources.
    full = any(words in cause for words in ("disk is full", "disk I/O error", "No space left", "File too large"))
    state = str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")
    if full or state.startswith("53"):
        log.error("the disk is full: nothing can be saved", extra={"cause": cause})
        return ApiError("storage_full", "the server's disk is full: this was not saved, all acknowledged before was")
    log.error("the database failed", extra={"cause": cause})
    return ApiError("unavailable", "the database failed: this was not saved; send it again")
