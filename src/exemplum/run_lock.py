"""One command at a time works on a study: a second one would write the same files.

The operating system gives the lock back when its process ends, also after `kill -9`: the file that stays blocks nobody.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from exemplum.errors import UserError
from exemplum.progress import console

FILE = ".run.lock"
NOTHING_IS_WRITTEN = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the study folder's lock; who holds it already may take it again. Raises UserError if another command has it.

    A folder that cannot be written to has no lock: a study that is up to date is still told to be.
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
            f"another exemplum command is at work on {folder}; wait until it has ended, or stop it"
        ) from error
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", None) not in NOTHING_IS_WRITTEN:
            console.print(f"{folder} cannot be locked ({error}): let no other command work on it meanwhile")
        return False
    return True
