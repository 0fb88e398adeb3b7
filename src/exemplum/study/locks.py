"""Locks: one command at a time works on a study, and one server per SQLite database.

The operating system releases a lock when the process that holds it ends, also after `kill -9`, so a lock file that was
left behind blocks nobody.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from exemplum.errors import UserError
from exemplum.runtime import console

FILE = ".run.lock"
NOTHING_IS_WRITTEN = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the study folder's lock; a process may take it several times. Raises UserError if another process has it.

    A folder that cannot be written to is not locked, so that a study on a read-only disk can be found up to date.
    """
    lock = FileLock(folder.resolve() / FILE, timeout=0, is_singleton=True)
    held = _acquire(lock, folder)
    try:
        yield
    finally:
        if held:
            lock.release()


def _acquire(lock: BaseFileLock, folder: Path) -> bool:
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(
            f"another exemplum command is running on {folder}; wait until it has ended, or stop it"
        ) from error
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", None) not in NOTHING_IS_WRITTEN:
            console.print(
                f"{folder} cannot be locked ({error}); run no other command on this study until this one has ended"
            )
        return False
    return True


class ServerLock:
    """Held by a server as long as it runs. Raises UserError if another server uses `database`."""

    def __init__(self, folder: Path, database: Path | None) -> None:
        """`folder` is STUDY/server, `database` the SQLite file; None for PostgreSQL, which several servers may use."""
        folder.mkdir(parents=True, exist_ok=True)
        self._alone = _lock(database.with_name(database.name + ".lock")) if database else None
        self._present = _lock(folder / f"serve-{secrets.token_hex(4)}.lock")
        try:
            if self._alone:
                self._alone.acquire()
        except Timeout as error:
            raise UserError(
                f"another server already uses {database}, and SQLite allows only one; stop that server, or use "
                "PostgreSQL (to try the study out, open the pilot link of that server)"
            ) from error
        self._present.acquire()

    def release(self) -> None:
        self._present.release()
        Path(self._present.lock_file).unlink(missing_ok=True)
        if self._alone:
            self._alone.release()


def is_served(folder: Path) -> bool:
    """Whether a server runs on this machine for the study whose STUDY/server is `folder`."""
    return any(_is_held(path) for path in folder.glob("serve-*.lock"))


def _is_held(path: Path) -> bool:
    lock = _lock(path)
    try:
        with lock:
            path.unlink(missing_ok=True)  # left over from a server that was killed
    except Timeout:
        return True
    return False


def _lock(path: Path) -> FileLock:
    # not thread_local: a server is opened in one thread and may be closed in another
    return FileLock(path, timeout=0, thread_local=False)
