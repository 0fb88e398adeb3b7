"""The database: SQLite in the study folder (WAL, synchronous=FULL) or PostgreSQL, migrated by Alembic."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, NullPool, StaticPool, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from exemplum.errors import UserError
from exemplum.server.requests import from_stored, to_stored
from exemplum.server.storage.group_commit import GroupWriter
from exemplum.server.storage.schema import Base

PLACEHOLDER = "{study}"  # in the address of several studies' databases
MIGRATION_LOCK = 0x6578656D  # any number; the same for every process that migrates
JSON: dict[str, Any] = {"json_serializer": to_stored, "json_deserializer": from_stored}


class DatabaseError(UserError):
    """The database cannot be opened; the message names it and the reason."""


def path_name(folder: Path) -> str:
    """The name of a study in its path: that of its folder, in characters that an address holds.

    >>> path_name(Path("/studies/Größe & Form"))
    'Gr-e-Form'
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-.")
    return name or "study"


def of_study(url: str, folder: Path) -> str:
    """The address of one study's database, where `url` is said for several: `{study}` is the name of its path.

    >>> of_study("postgresql://host/exemplum_{study}", Path("/studies/mine"))
    'postgresql://host/exemplum_mine'
    """
    return url.replace(PLACEHOLDER, path_name(folder))


class Database:
    """Reading connections for many threads, and one writer that commits pending jobs together."""

    def __init__(self, url: str) -> None:
        """Open and migrate. Raises DatabaseError with one line if that fails."""
        self.url = url
        with _told(url):
            self._reading = _engine(url, writes=False)
            self._writing = _engine(url, writes=True)
            self.migrated_from = migrate(self._writing)
        self.writer = GroupWriter(self._writing)

    @property
    def is_sqlite(self) -> bool:
        return self._reading.dialect.name == "sqlite"

    @property
    def shown(self) -> str:
        """Where the data are, without a password: the file, or the address."""
        return str(make_url(self.url).database) if self.is_sqlite else _shown(self.url)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database. Changes in it are not kept."""
        with Session(self._reading, expire_on_commit=False, autoflush=False) as orm:
            yield orm

    def ping(self) -> None:
        with self._reading.connect() as connection:
            connection.execute(text("SELECT 1"))

    @property
    def file(self) -> Path | None:
        """SQLite's file; None for PostgreSQL."""
        return _file(self.url)

    def empty_log(self) -> bool:
        """Empty SQLite's write-ahead log, which holds old pages with deleted data. False if a reader prevents it.

        Does not wait, and blocks writers only while the last pages are copied.
        """
        with self._maintenance() as cursor:
            # without the writers' lock, so that nearly everything is copied before the lock is taken
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
            return bool(cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)

    def rewrite(self) -> None:
        """Rewrite SQLite's file: split pages leave copies of rows in gaps, where `secure_delete` misses them.

        Writers wait meanwhile. Raises sqlite3.OperationalError if one is writing.
        """
        with self._maintenance() as cursor:
            cursor.execute("VACUUM")

    @contextmanager
    def _maintenance(self) -> Iterator[Any]:
        """A cursor of a separate SQLite connection, which waits for no lock."""
        engine = create_engine(self.url, poolclass=NullPool)
        event.listen(engine, "connect", _prepare_sqlite)
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=0")
            yield cursor
            cursor.close()
        finally:
            connection.close()
            engine.dispose()

    def close(self) -> None:
        self.writer.stop()
        self._reading.dispose()
        self._writing.dispose()


@contextmanager
def in_memory() -> Iterator[Session]:
    """A session of an empty database in memory, of which nothing is kept."""
    engine = create_engine("sqlite://", poolclass=StaticPool, **JSON)
    try:
        Base.metadata.create_all(engine)
        with Session(engine, expire_on_commit=False) as orm:
            yield orm
    finally:
        engine.dispose()


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for another database. Raises DatabaseError if it is not a URL."""
    try:
        return _file(url)
    except ArgumentError as error:
        raise DatabaseError(f"database {_shown(url)}: {error}; write sqlite:///FILE or postgresql://…") from error


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Raise DatabaseError with one line for whatever goes wrong with the database at `url`."""
    try:
        yield
    except CommandError as error:
        raise DatabaseError(
            f"database {_shown(url)} was made by a newer Exemplum ({error}); update Exemplum"
        ) from error
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise DatabaseError(
            f"{_shown(url)} is not the address of a database ({error}); write sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/NAME (PostgreSQL needs: pip install 'exemplum[postgres]')"
        ) from error
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise DatabaseError(
            f"database {_shown(url)} cannot be opened: {cause}; check that the address is right, and that "
            "the server runs or the file can be written"
        ) from error


def is_current(url: str) -> bool:
    """Whether a database has the newest schema. Only reads; opening a Database would migrate an older one.

    Raises DatabaseError for one that cannot be reached; a SQLite file that is absent, empty or broken is not current.
    """
    if file := sqlite_file(url):
        found = _revision_of_file(file)
    else:
        with _told(url):
            engine = _engine(url, writes=False)
            try:
                with engine.connect() as connection:
                    found = MigrationContext.configure(connection).get_current_revision()
            finally:
                engine.dispose()
    return found == _migrations().get_current_head()


def _revision_of_file(file: Path) -> str | None:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:  # absent, empty or broken
        return None
    return found[0] if found else None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


@cache
def _migrations() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def migrate(engine: Engine) -> str | None:
    """Migrate the schema to the newest revision; several processes may call this at once.

    An empty database gets the newest schema at once. Returns the earlier revision if it was older; None if nothing was
    done or the database was empty.
    """
    newest = _migrations().get_current_head()
    with engine.connect() as connection, _without_foreign_keys(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        context = MigrationContext.configure(connection)
        before = context.get_current_revision()
        if before == newest:
            return None
        if before is None and not set(inspect(connection).get_table_names()) & set(Base.metadata.tables):
            Base.metadata.create_all(connection, checkfirst=False)
            context.stamp(_migrations(), "head")
            return None
        config = _config()
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")
        return before


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by recreating it: dropping the old one must not delete rows that refer to it."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys=OFF")  # outside of a transaction, or it has no effect
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _engine(url: str, writes: bool) -> Engine:
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        size = {"pool_size": 1, "max_overflow": 0} if writes else {"pool_size": 8, "max_overflow": 24}
        engine = create_engine(parsed, **size, pool_timeout=60, **JSON)
        event.listen(engine, "connect", _prepare_sqlite)
        # IMMEDIATE takes the write lock at once, so that a transaction that reads first cannot fail halfway.
        event.listen(engine, "begin", _begin_immediate if writes else _begin)
        return engine
    return create_engine(parsed, pool_size=2 if writes else 8, max_overflow=8, pool_pre_ping=True, **JSON)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3's own transactions would break SAVEPOINT; `begin` below opens them
    connection.text_factory = _text  # one broken text must not break every list and download that contains it
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "replace")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _file(url: str) -> Path | None:
    parsed = make_url(url)
    named = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return Path(str(parsed.database)) if named else None


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return repr(url)
