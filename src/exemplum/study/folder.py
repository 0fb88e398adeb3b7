"""The study folder: its id, its configuration, and the records of its stages."""

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
from datetime import datetime
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

# The names of the stages and of their folders, in the order of the pipeline
STAGES = ("index", "queries", "explanations", "design", "responses", "scores", "analysis", "report")
TIME = "%Y-%m-%dT%H:%M:%S%z"  # of records


@dataclass(frozen=True)
class Study:
    """A folder with a checked study.toml. Stages write into `folder / stage`."""

    folder: Path
    config: Config
    ray: str | None = None  # address of the Ray cluster that index and synthesis run on; None: this machine
    unblinded: str = ""  # the reason why people's answers are included while the study recruits; "": they are not
    opened: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # loaded by stages in this command

    def __repr__(self) -> str:
        done = [stage for stage in STAGES if self.record(stage)]
        return f"Study({str(self.folder)!r}, {'done: ' + ', '.join(done) if done else 'nothing done yet'})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"

    def run(
        self, stage: str | None = None, *, force: bool = False, unblind: str | None = None, database: str = ""
    ) -> Study:
        """Run a stage and the stages that it needs, if they are stale; all stages if none is named. Returns the study.

        stage: index, queries, explanations, design, responses, scores, analysis or report. force: run the stage again
        even if it is up to date. unblind: the reason for including people's answers while the study recruits, which
        the audit records. database: address of a PostgreSQL database; SQLite in the study folder if not given. Raises
        UserError if study.toml is wrong.
        """
        from exemplum.study import pipeline  # late: it imports this module

        return pipeline.run_by_name(self, stage, force, unblind, database)

    @property
    def tables(self) -> StudyTables:
        """The study's tables as data frames: `study.tables.estimates`; docs/reference/tables.md names their columns."""
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
        """Within, a UserError names this key, as in `study.toml: [units] hand_picked: …`, or with "" only the file."""
        try:
            yield
        except UserError as error:
            where = f"{self.folder / 'study.toml'}: " + (f"{key}: " if key else "")
            raise StudyError(f"{where}{error}") from error

    @property
    def identity(self) -> Identity:
        """The content of STUDY/study.json, which an older folder is given. Raises UserError if the file is broken."""
        return read_identity(self.folder)

    @property
    def id(self) -> str:
        """32 hex digits that stay the same when the folder is renamed, moved or copied."""
        return self.identity.id

    def stage(self, name: str) -> Path:
        return self.folder / name

    def resolve(self, path: str) -> Path:
        """A path that study.toml names: absolute, or relative to the study folder, or else to the working directory.

        Raises StudyError if it cannot be a path.
        """
        try:
            given = Path(path).expanduser()
            beside = self.folder.absolute() / given  # given itself if that is absolute
            return beside if beside.exists() else given.absolute()
        except (OSError, RuntimeError) as error:  # too long a name, ~NOBODY
            raise StudyError(f"{path} is not a valid path ({getattr(error, 'strerror', None) or error})") from error

    def weights(self, given: str | None) -> str | None:
        """`weights` of study.toml: DEFAULT stays as it is, a file gets its full path."""
        return given if given in (None, "DEFAULT") else str(self.resolve(given))

    def is_current(self, stage: str, fingerprint: str) -> bool:
        """Whether the stage was finished from inputs of this fingerprint."""
        record = self.record(stage)
        return record is not None and record["fingerprint"] == fingerprint

    def made(self, stage: str) -> str | None:
        """Identifies the result of a stage: its fingerprint and, if a forced run changed its files, a hash of these."""
        record = self.record(stage)
        return None if record is None else record["fingerprint"] + record.get("remade", "")

    def record(self, stage: str) -> dict[str, Any] | None:
        """The record that the stage wrote when it finished; None if it has not finished."""
        path = self.stage(stage) / "record.json"
        return store.read_json(path) if path.exists() else None

    def day(self, stage: str) -> str:
        """The day on which the stage finished, as 2026-11-29; "" if it has not."""
        return str((self.record(stage) or {}).get("finished", ""))[:10]

    def finished_at(self, stage: str) -> float | None:
        """When the stage finished, in whole seconds since 1970; None if it has not."""
        record = self.record(stage)
        return None if record is None else datetime.strptime(record["finished"], TIME).timestamp()

    def begin_writing(self, stage: str) -> None:
        """Delete the stage's record before the first of its tables is written.

        If the process is killed now, old and new tables are mixed. The record of the earlier run would make this
        mixture count as up to date once study.toml is changed back.
        """
        (self.stage(stage) / "record.json").unlink(missing_ok=True)

    def finish(
        self, stage: str, fingerprint: str, seconds: float, summary: dict[str, Any], code: int | None = None
    ) -> None:
        """Record that the stage is done, after all other files. `code` is the VERSION of the stage's module."""
        store.write_json(self.stage(stage) / "record.json", {
            "stage": stage, "fingerprint": fingerprint, "code": code, "seconds": round(seconds, 2),
            "finished": time.strftime(TIME), "seed": self.config.seed,
            "summary": summary, "versions": versions(), "machine": platform.platform(),
        })  # fmt: skip


def _check_name(folder: Path) -> None:
    """Refuse a folder's name that has bytes outside of the system's encoding; libraries cannot write such names."""
    if not str(folder).isascii() and any("\ud800" <= character <= "\udfff" for character in str(folder)):
        raise StudyError(
            f"{folder}: the name cannot be read as {sys.getfilesystemencoding()}; set PYTHONUTF8=1, or give the folder "
            "another name"
        )


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in ("exemplum", "torch", "torchvision", "numpy", "pandas", "scipy", "pillow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


IDENTITY_FILE = "study.json"
STATUS = "server/status.json"  # written by the server; it has the id too
DATABASE = "server/experiment.sqlite"  # it has the id too


@dataclass(frozen=True)
class Identity:
    """The content of STUDY/study.json."""

    id: str  # 32 hex digits
    older: bool = False  # the folder is older than ids: its data may be in a database without ids
    version_of: str = ""  # id of the study that this one is a new version of
    adopt: str = ""  # written by hand: the name under which a database without ids has this study


def read_identity(folder: Path) -> Identity:
    """The identity of a study folder. An older folder without one is given one, and a line is printed.

    Raises UserError naming study.json if it is broken.
    """
    path = folder / IDENTITY_FILE
    if not path.exists():
        _assign_id(folder)
    return _checked(path, _read(path))


@contextmanager
def taken_back(folder: Path, unless: type[Exception]) -> Iterator[None]:
    """Within, a new study.json is kept only if nothing fails: after an error there is no new file.

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


def new_identity(folder: Path, **relation: str) -> None:
    """Write the identity of a new study; `relation` is version_of, or copy and copy_of, if it has one."""
    _write(folder, {"id": secrets.token_hex(16)} | {name: value for name, value in relation.items() if value})


def _assign_id(folder: Path) -> None:
    """Give an older folder an id: if study.json was lost, the one that its server or its database has."""
    known = _known(folder / STATUS) or _stored(folder / DATABASE)
    _write(folder, {"id": known or secrets.token_hex(16), "older": True})
    console.print(
        f"wrote {folder / IDENTITY_FILE}: the study's id, by which its data are identified; keep the file",
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
    except sqlite3.DatabaseError:  # empty, older than ids, or broken, which the server reports
        return ""
    return _id({"id": found[0][0]}) if len(found) == 1 else ""


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}); restore the file from a backup") from error


def _id(held: Any) -> str:
    """The id in the content of such a file; "" if there is none."""
    found = held.get("id") if isinstance(held, dict) else None
    return found if isinstance(found, str) and re.fullmatch(r"[0-9a-f]{32}", found) else ""


def _write(folder: Path, held: dict[str, Any]) -> None:
    store.write_json(folder / IDENTITY_FILE, held | {"created": time.strftime(TIME)})


def _checked(path: Path, held: Any) -> Identity:
    fields = held if isinstance(held, dict) else {}
    if not _id(held):
        raise UserError(
            f'{path}: "id" must be 32 hexadecimal digits (got {fields.get("id")!r}); restore the file from a backup'
        )
    texts = {name: str(fields.get(name, "")) for name in ("version_of", "adopt")}
    return Identity(_id(held), bool(fields.get("older")), **texts)
