"""A study's identity: the id in STUDY/study.json, which stays the same when the folder is renamed, moved or copied."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exemplum import store
from exemplum.errors import UserError
from exemplum.progress import console

FILE = "study.json"
STATUS = "server/status.json"  # the server's word, which names the id too
DATABASE = "server/experiment.sqlite"  # which knows it as well


@dataclass(frozen=True)
class Identity:
    """What STUDY/study.json holds."""

    id: str  # 32 hex digits
    older: bool = False  # given to a folder that was there before: its data may lie in a database without ids
    version_of: str = ""  # id of the study that this one is a new version of
    adopt: str = ""  # written by hand: name of the study without an id, in the database, that belongs to this folder


def identity(folder: Path) -> Identity:
    """The identity of a study folder; an older folder without one is given one, with a line that says so.

    Raises UserError naming study.json if it is broken.
    """
    path = folder / FILE
    if not path.exists():
        _give(folder)
    return _checked(path, _read(path))


@contextmanager
def taken_back(folder: Path, unless: type[Exception]) -> Iterator[None]:
    """Within, an id is given for good only if all goes well: who is refused finds no new study.json.

    `unless` is the error that asks to write something into the new file.
    """
    lacking = not (folder / FILE).exists()
    try:
        yield
    except unless:
        raise
    except BaseException:
        if lacking:
            (folder / FILE).unlink(missing_ok=True)
        raise


def make(folder: Path, version_of: str = "") -> None:
    """Write the identity of a new study."""
    _write(folder, {"id": secrets.token_hex(16)} | ({"version_of": version_of} if version_of else {}))


def _give(folder: Path) -> None:
    """An id for an older folder: the one that its server or its database knew, if study.json was lost."""
    known = _known(folder / STATUS) or _stored(folder / DATABASE)
    _write(folder, {"id": known or secrets.token_hex(16), "older": True})
    console.print(
        f"{folder / FILE} written: the study's id, by which its data are known from now on",
        highlight=False,
        soft_wrap=True,
    )


def _known(status: Path) -> str:
    """The id in the server's status; "" if there is none or the file is broken (the server writes it anew)."""
    try:
        return _id(_read(status)) if status.exists() else ""
    except UserError:
        return ""


def _stored(database: Path) -> str:
    """The id of the one study in the folder's own database; "" if there is none, or more than one, or no database."""
    if not database.exists():
        return ""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT uid FROM studies").fetchall()
    except sqlite3.DatabaseError:  # empty, of before studies had ids, or broken, which serving it tells
        return ""
    return _id({"id": found[0][0]}) if len(found) == 1 else ""


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}); bring the file back from a backup") from error


def _id(held: Any) -> str:
    """The id in what such a file holds; "" if it holds none."""
    found = held.get("id") if isinstance(held, dict) else None
    return found if isinstance(found, str) and re.fullmatch(r"[0-9a-f]{32}", found) else ""


def _write(folder: Path, held: dict[str, Any]) -> None:
    store.write_json(folder / FILE, held | {"created": time.strftime("%Y-%m-%dT%H:%M:%S%z")})


def _checked(path: Path, held: Any) -> Identity:
    fields = held if isinstance(held, dict) else {}
    if not _id(held):
        raise UserError(
            f'{path}: "id" must be 32 hexadecimal digits (got {fields.get("id")!r}); bring the file back from a backup'
        )
    version_of, adopt = str(fields.get("version_of", "")), str(fields.get("adopt", ""))
    return Identity(_id(held), bool(fields.get("older")), version_of, adopt)
