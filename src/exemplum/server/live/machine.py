"""The machine that serves the study: disk, clock and backup."""

from __future__ import annotations

import ctypes
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select, text

from exemplum.checks import Verdict
from exemplum.runtime import said_duration
from exemplum.server.live.check import LiveCheck, Situation
from exemplum.server.storage.registration import real_answers
from exemplum.server.storage.schema import Answer, StudyRow
from exemplum.study import DATABASE, STAGES

LOW_DISK, TIGHT_DISK = 256 * 1024**2, 2 * 1024**3  # bytes free
TOLERATED_S = 5.0  # between two clocks
DAY_S = 86_400.0
UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2): no source of time corrects the clock


def machine(situation: Situation) -> Iterator[LiveCheck]:
    """Checks of the machine."""
    yield _disk(situation)
    yield _clock(situation)
    yield _backup(situation)


def _disk(situation: Situation) -> LiveCheck:
    free = shutil.disk_usage(situation.study.folder).free
    found = f"{free / 1e9:,.1f} GB free"
    if free < TIGHT_DISK:
        verdict = Verdict.WRONG if free < LOW_DISK else Verdict.LOOK
        return LiveCheck("disk", verdict, found, "free some space: no answer is taken when the disk is full")
    return LiveCheck("disk", Verdict.FINE, found)


def _clock(situation: Situation) -> LiveCheck:
    ahead = _ahead_s(situation)
    if ahead > TOLERATED_S:
        return LiveCheck(
            "clock", Verdict.WRONG,
            f"this machine's clock is {said_duration(ahead)} behind what the study or its database has recorded",
            "set the clock, and let it be set by a time server",
        )  # fmt: skip
    if is_synchronised() is False:
        return LiveCheck(
            "clock", Verdict.LOOK, "no time server sets this machine's clock",
            "switch on time synchronisation, for example with: timedatectl set-ntp true",
        )  # fmt: skip
    return LiveCheck("clock", Verdict.FINE, time.strftime("%Y-%m-%d %H:%M:%S %z"))


def _ahead_s(situation: Situation) -> float:
    """How far the latest time that is known to have passed is ahead of this machine's clock, in seconds."""
    known = [at for stage in STAGES if (at := situation.study.finished_at(stage)) is not None]
    if situation.database is not None:
        with situation.database.read() as orm:
            if last := orm.scalar(select(func.max(Answer.received_at))):
                known.append(last / 1000)
            if not situation.database.is_sqlite:  # the database may be on another machine
                known.append(float(orm.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0))
    return max(known, default=0.0) - time.time()


def is_synchronised() -> bool | None:
    """Whether a source of time corrects this machine's clock; None if that cannot be told."""
    if sys.platform != "linux":
        return None
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # with modes = 0 it only reads
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != UNSYNCHRONISED


def _backup(situation: Situation) -> LiveCheck:
    study = situation.study
    declared = study.config.server.backup
    own = study.folder / DATABASE
    if not declared:
        if own.with_name(f".{own.name}-litestream").exists():
            return LiveCheck("backup", Verdict.FINE, "a replica by Litestream")
        return LiveCheck(
            "backup", Verdict.LOOK, "not known to be made",
            "back the database up every hour (docs/how-to/put-a-study-online.md), and name the copy in study.toml: "
            "[server] backup",
        )  # fmt: skip
    path = study.resolve(declared)
    age = _age_s(path)
    if age is None:
        return LiveCheck("backup", Verdict.WRONG, f"{path} does not exist, or is empty", "make it before you begin")
    if path.stat().st_dev == study.folder.stat().st_dev:
        return LiveCheck("backup", Verdict.LOOK, f"{path} is on the study's own disk", "keep it on another one")
    if age > DAY_S and _has_answers(situation):
        return LiveCheck("backup", Verdict.WRONG, f"{path} is {said_duration(age)} old", "see that it is made again")
    return LiveCheck("backup", Verdict.FINE, f"{path}, {said_duration(age)} old")


def _age_s(path: Path) -> float | None:
    """The age of a file, or of the newest file in a folder; None if there is none that holds anything."""
    files = [path] if path.is_file() else path.rglob("*") if path.is_dir() else []
    times = [found.stat().st_mtime for found in files if found.is_file() and found.stat().st_size]
    return max(0.0, time.time() - max(times)) if times else None


def _has_answers(situation: Situation) -> bool:
    if situation.database is None:
        return False
    with situation.database.read() as orm:
        row = orm.scalar(select(StudyRow.id).where(StudyRow.uid == situation.study.id))
        return row is not None and real_answers(orm, row) > 0
