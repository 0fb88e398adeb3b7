"""The study folder: its id, its configuration, and what each stage left in it."""

from __future__ import annotations

import html
import json
import platform
import re
import secrets
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exemplum import store
from exemplum.errors import UserError, command
from exemplum.runtime import console
from exemplum.study import toml_files
from exemplum.study.config import StudyError, parse
from exemplum.tables import StudyTables

if TYPE_CHECKING:
    from exemplum.study.config import Config

STAGES = ("index", "explanations", "design", "responses", "analysis", "report")  # folders, in the order of the line


@dataclass(frozen=True)
class Study:
    """A folder with a checked study.toml. Stages write into `folder / stage`."""

    folder: Path
    config: Config
    ray: str | None = None  # address of the Ray cluster that index and synthesis are spread over; none: this machine
    unblinded: str = ""  # why people's answers are included while the study recruits; "": they are not (blinding.py)
    opened: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # by stages, once a command

    def __repr__(self) -> str:
        done = [stage for stage in STAGES if self.record(stage)]
        return f"Study({str(self.folder)!r}, {'done: ' + ', '.join(done) if done else 'nothing done yet'})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"

    def run(
        self, stage: str | None = None, *, force: bool = False, unblind: str | None = None, database: str = ""
    ) -> Study:
        """Do a stage and what it needs, as far as they are stale; every stage if none is named. Returns the study.

        stage: index, explanations, design, responses, analysis or report. `force` runs the stage again. `unblind` is
        the reason for including people's answers while the study recruits; the audit notes it.
        Raises UserError for what study.toml says wrong.
        """
        from exemplum.study import pipeline  # late: it imports this module

        return pipeline.run_by_name(self, stage, force, unblind, database)

    @property
    def tables(self) -> StudyTables:
        """The study's tables as data frames: `study.tables.estimates`; docs/tables.md names their columns."""
        return StudyTables(self.folder)

    @classmethod
    def open(cls, folder: Path | str, ray: str | None = None) -> Study:
        """Read FOLDER/study.toml. Raises StudyError if it is absent, not TOML, or has a wrong key or value."""
        folder = Path(folder)
        path = folder / "study.toml"
        _check_name(folder.absolute())
        try:
            return cls(folder, parse(toml_files.text(path), path), ray)
        except toml_files.AbsentError as error:
            raise StudyError(f"{path} does not exist; make a study with: {command('new', folder)}") from error

    @contextmanager
    def setting(self, key: str) -> Iterator[None]:
        """Within, a UserError is told as one of this key: `study.toml: [units] hand_picked: …`; with "" of the file."""
        try:
            yield
        except UserError as error:
            where = f"{self.folder / 'study.toml'}: " + (f"{key}: " if key else "")
            raise StudyError(f"{where}{error}") from error

    @property
    def identity(self) -> Identity:
        """STUDY/study.json; an older folder is given one. Raises UserError if the file is broken."""
        return read_identity(self.folder)

    @property
    def id(self) -> str:
        """32 hex digits that stay the same when the folder is renamed, moved or copied."""
        return self.identity.id

    def stage(self, name: str) -> Path:
        return self.folder / name

    def resolve(self, path: str) -> Path:
        """A path that study.toml names: absolute, or relative to the study folder, or else to the working directory.

        Raises StudyError if it is no path.
        """
        try:
            given = Path(path).expanduser()
            beside = self.folder.absolute() / given  # given itself if that is absolute
            return beside if beside.exists() else given.absolute()
        except (OSError, RuntimeError) as error:  # too long a name, ~NOBODY
            raise StudyError(f"{path} is no path ({getattr(error, 'strerror', None) or error})") from error

    def weights(self, given: str | None) -> str | None:
        """What study.toml says of weights: DEFAULT or another name stays, a file gets its whole path."""
        return given if given in (None, "DEFAULT") else str(self.resolve(given))

    def is_current(self, stage: str, fingerprint: str) -> bool:
        """Whether the stage was finished from inputs of this fingerprint."""
        record = self.record(stage)
        return record is not None and record["fingerprint"] == fingerprint

    def made(self, stage: str) -> str | None:
        """What tells the result of a stage from others: its fingerprint, and its files if a forced run changed them."""
        record = self.record(stage)
        return None if record is None else record["fingerprint"] + record.get("remade", "")

    def record(self, stage: str) -> dict[str, Any] | None:
        """What the stage said when it finished; None if it did not."""
        path = self.stage(stage) / "record.json"
        return store.read_json(path) if path.exists() else None

    def begin_writing(self, stage: str) -> None:
        """Take back the stage's record, before the first of its tables is written: who is killed now leaves a mixture.

        The record of an earlier run would else be true of it again when study.toml is changed back.
        """
        (self.stage(stage) / "record.json").unlink(missing_ok=True)

    def finish(
        self, stage: str, fingerprint: str, seconds: float, summary: dict[str, Any], code: int | None = None
    ) -> None:
        """Mark the stage as done, last of all its writes. `code` is the VERSION of the stage's module."""
        store.write_json(self.stage(stage) / "record.json", {
            "stage": stage, "fingerprint": fingerprint, "code": code, "seconds": round(seconds, 2),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "seed": self.config.seed,
            "summary": summary, "versions": versions(), "machine": platform.platform(),
        })  # fmt: skip


def _check_name(folder: Path) -> None:
    """Python stands for bytes of a name that are not in the system's encoding by characters that no library writes."""
    if not str(folder).isascii() and any("\ud800" <= character <= "\udfff" for character in str(folder)):
        raise StudyError(
            f"{folder}: the name cannot be read as {sys.getfilesystemencoding()}; set PYTHONUTF8=1, or give the folder "
            "another name"
        )


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in ("exemplum", "torch", "torchvision", "numpy", "pandas", "scipy", "pillow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


IDENTITY_FILE = "study.json"
STATUS = "server/status.json"  # the server's word, which names the id too
DATABASE = "server/experiment.sqlite"  # which knows it as well


@dataclass(frozen=True)
class Identity:
    """What STUDY/study.json holds."""

    id: str  # 32 hex digits
    older: bool = False  # given to a folder that was there before: its data may lie in a database without ids
    version_of: str = ""  # id of the study that this one is a new version of
    adopt: str = ""  # written by hand: name of the study without an id, in the database, that belongs to this folder


def read_identity(folder: Path) -> Identity:
    """The identity of a study folder; an older folder without one is given one, with a line that says so.

    Raises UserError naming study.json if it is broken.
    """
    path = folder / IDENTITY_FILE
    if not path.exists():
        _give(folder)
    return _checked(path, _read(path))


@contextmanager
def taken_back(folder: Path, unless: type[Exception]) -> Iterator[None]:
    """Within, an id is given for good only if all goes well: who is refused finds no new study.json.

    `unless` is the error that asks to write something into the new file.
    """
    lacking = not (folder / IDENTITY_FILE).exists()
    try:
        yield
    except unless:
        raise
    except BaseException:
        if lacking:
            (folder / IDENTITY_FILE).unlink(missing_ok=True)
        raise


def new_identity(folder: Path, version_of: str = "") -> None:
    """Write the identity of a new study."""
    _write(folder, {"id": secrets.token_hex(16)} | ({"version_of": version_of} if version_of else {}))


def _give(folder: Path) -> None:
    """An id for an older folder: the one that its server or its database knew, if study.json was lost."""
    known = _known(folder / STATUS) or _stored(folder / DATABASE)
    _write(folder, {"id": known or secrets.token_hex(16), "older": True})
    console.print(
        f"{folder / IDENTITY_FILE} written: the study's id, which identifies its data from now on",
        highlight=False,
        soft_wrap=True,
    )


def _known(status: Path) -> str:
    """The id in the server's status; "" if there is none or the file is broken (the server writes it again)."""
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
        raise UserError(f"{path} cannot be read ({error}); restore the file from a backup") from error


def _id(held: Any) -> str:
    """The id in what such a file holds; "" if it holds none."""
    found = held.get("id") if isinstance(held, dict) else None
    return found if isinstance(found, str) and re.fullmatch(r"[0-9a-f]{32}", found) else ""


def _write(folder: Path, held: dict[str, Any]) -> None:
    store.write_json(folder / IDENTITY_FILE, held | {"created": time.strftime("%Y-%m-%dT%H:%M:%S%z")})


def _checked(path: Path, held: Any) -> Identity:
    fields = held if isinstance(held, dict) else {}
    if not _id(held):
        raise UserError(
            f'{path}: "id" must be 32 hexadecimal digits (got {fields.get("id")!r}); restore the file from a backup'
        )
    version_of, adopt = str(fields.get("version_of", "")), str(fields.get("adopt", ""))
    return Identity(_id(held), bool(fields.get("older")), version_of, adopt)
