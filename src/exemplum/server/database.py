"""The database: SQLite in the study folder (WAL, synchronous=FULL) or PostgreSQL, brought up to date by Alembic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from exemplum.errors import UserError
from exemplum.server.group_commit import GroupWriter
from exemplum.server.text import from_stored, to_stored

MIGRATION_LOCK = 0x6578656D  # any number; the same for every process that migrates


class DatabaseError(UserError):
    """The database cannot be opened; the message says which and why."""


class Database:
    """Reading connections for many threads, and one writer that commits what comes together in one transaction."""

    def __init__(self, url: str) -> None:
        """Open and migrate. Raises DatabaseError with one line if that fails."""
        self.url = url
        try:
            self._reading = _engine(url, writes=False)
            self._writing = _engine(url, writes=True)
            migrate(self._writing)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise DatabaseError(
                f"database {_shown(url)}: {error}; write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME "
                "(PostgreSQL needs: pip install 'exemplum[postgres]')"
            ) from error
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise DatabaseError(f"database {_shown(url)} cannot be opened: {cause}") from error
        self.writer = GroupWriter(self._writing)

    @property
    def is_sqlite(self) -> bool:
        return self._reading.dialect.name == "sqlite"

    @property
    def shown(self) -> str:
        """Where the data is, without a password: the file, or the address."""
        return str(make_url(self.url).database) if self.is_sqlite else _shown(self.url)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database. What it changes is not kept."""
        with Session(self._reading, expire_on_commit=False, autoflush=False) as orm:
            yield orm

    def ping(self) -> None:
        with self._reading.connect() as connection:
            connection.execute(text("SELECT 1"))

    def scrub(self) -> None:
        """Overwrite what was deleted: SQLite's write-ahead log still holds the old pages until it is emptied."""
        if self.is_sqlite:
            with self._reading.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    def close(self) -> None:
        self.writer.stop()
        self._reading.dispose()
        self._writing.dispose()


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision; several processes may call this at once."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    newest = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        if MigrationContext.configure(connection).get_current_revision() != newest:
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")


def _engine(url: str, writes: bool) -> Engine:
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    json = {"json_serializer": to_stored, "json_deserializer": from_stored}
    if parsed.get_backend_name() == "sqlite":
        size = {"pool_size": 1, "max_overflow": 0} if writes else {"pool_size": 8, "max_overflow": 24}
        engine = create_engine(parsed, **size, pool_timeout=60, **json)
        event.listen(engine, "connect", _prepare_sqlite)
        # IMMEDIATE takes the write lock at once: a transaction that reads first can then not fail halfway.
        event.listen(engine, "begin", _begin_immediate if writes else _begin)
        return engine
    return create_engine(parsed, pool_size=2 if writes else 8, max_overflow=8, pool_pre_ping=True, **json)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3's own transactions would break SAVEPOINT; `begin` below opens them
    connection.text_factory = _text  # one broken text must not break every list and download that it is in
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


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return repr(url)
