"""Several studies on one server: each at its own path with its own data, and none tells of another."""

import asyncio
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from exemplum.errors import UserError
from exemplum.server import Settings, live, panel_links
from exemplum.server.http.studies import (
    create_server,
    from_environment,
    in_environment,
    opened,
    overview_token,
    settings_of,
)
from exemplum.server.sessions.entry import link_codes
from exemplum.server.storage.schema import Answer, SessionRow
from exemplum.study import Study
from server.conftest import new_database
from server.test_experimenter import TRIALS
from server.walk import Walker

BASE = "http://testserver"


class Below:
    """A client of one study below its path, as its pages ask."""

    def __init__(self, client, name):
        self.client, self.name = client, name

    def get(self, path, **more):
        return self.client.get(f"/{self.name}{path}", **more)

    def post(self, path, **more):
        return self.client.post(f"/{self.name}{path}", **more)


@contextmanager
def served(*folders, **shared):
    settings = settings_of(Settings(Path(), address=BASE, limits=False, **shared), folders)
    with opened(settings) as experiments, TestClient(create_server(experiments)) as client:
        client.experiments = experiments
        yield client


def counts(experiment):
    with experiment.database.read() as orm:
        return tuple(orm.scalar(select(func.count()).select_from(table)) for table in (SessionRow, Answer))


@pytest.fixture
def two(study_folder):
    return study_folder('[server]\ntitle = "First"\n', "first"), study_folder('[server]\ntitle = "Second"\n', "second")


def test_two_sessions_in_one_browser_do_not_mix(two):
    """One client, whose cookies and ids both studies see: each has its own sessions, tokens, images and pages."""
    with served(*two) as client:
        first, second = (Walker(Below(client, name), PROLIFIC_PID="same") for name in ("first", "second"))
        for walker in (first, second):
            assert walker.start().status_code == 201
        assert first.walk()["outcome"] == "completed"
        assert [counts(one) for one in client.experiments.values()] == [(1, TRIALS), (1, 0)]
        assert client.get("/second/api/session", headers=first.headers).json()["error"]["code"] == "no_session"
        block = second.walk(until=lambda step: step["kind"] == "block")
        assert client.get(f"/second/{block['images'][0]}").status_code == 200
        assert client.get(f"/first/{block['images'][0]}").status_code == 404
        stores = {client.get(f"/{name}/api/config").json()["store"] for name in ("first", "second")}
        assert len(stores) == 2
        for name in ("first", "second"):  # the cookie of one does not lock out of the other
            client.get(f"/{name}/experimenter", params={"token": client.experiments[name].token})
        for name in ("first", "second"):
            page = client.get(f"/{name}/experimenter/links").text
            assert f"{BASE}/{name}/?link=pilot-" in page
        assert client.get("/second/experimenter", params={"token": "guess"}).status_code == 200  # by the cookie
    assert (two[0] / "responses" / "people.parquet").exists()  # written when the server stops
    assert not (two[1] / "responses" / "people.parquet").exists()


def test_the_root_tells_nothing_without_the_overviews_link(two):
    with served(*two) as client:
        for path in (
            "/",
            "/?PROLIFIC_PID=x",
            "/api/config",
            "/experimenter",
            "/experimenter/",
            "/third/",
            "/favicon.svg",
        ):
            response = client.get(path, headers={"accept": "text/html"})
            assert response.status_code in (403, 404), path
            assert not re.search("first|second", response.text, re.IGNORECASE), path
            assert response.headers["x-frame-options"] == "DENY"
        assert client.get("/", headers={"accept": "text/html", "accept-language": "de"}).text.count("Link") >= 1
        assert client.get("/health").json()["status"] in ("ok", "low disk")
        page = client.get("/experimenter", params={"token": overview_token(client.experiments)}).text
        for name in ("first", "second"):
            link = re.search(rf'href="\.\./({name}/experimenter\?token=[^"]+)"', page)[1]
            assert client.get(f"/{link}").status_code == 200
        assert not re.search("natural|synthetic|correct", page)


def test_the_path_without_its_slash_leads_to_the_study(two):
    with served(*two) as client:
        response = client.get("/first?PROLIFIC_PID=a%20b", follow_redirects=False)
        assert response.status_code == 307
        assert response.headers["location"] == "first/?PROLIFIC_PID=a%20b"  # relative: no Host header in it
        assert "content-security-policy" in response.headers
        assert client.get("/first/nothing", headers={"accept": "text/html"}).status_code == 404
        style = re.search(r'stylesheet" href="([^"]+)"', client.get("/first/x", headers={"accept": "text/html"}).text)[
            1
        ]
        assert client.get(style).headers["content-type"].startswith("text/css")


def test_one_study_is_at_the_root_and_at_its_path(two):
    with served(two[0]) as client:
        walker, below = Walker(client), Below(client, "first")
        walker.start()
        assert below.get("/api/session", headers=walker.headers).status_code == 200
        assert client.get("/api/config").json() == below.get("/api/config").json()
        assert client.experiments["first"].settings.address == BASE  # links are as they were


def test_a_request_for_the_whole_server_is_answered(two):
    """OPTIONS * has a path without a slash, which the test client cannot send."""
    answered = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        answered.append(message)

    with served(*two) as client:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "OPTIONS", "scheme": "http",
            "path": "*", "raw_path": b"*", "query_string": b"", "root_path": "", "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        asyncio.run(client.app(scope, receive, send))
    assert 400 <= answered[0]["status"] < 500


def test_one_of_several_that_cannot_start_stops_no_other_for_good(two, tmp_path):
    with pytest.raises(UserError, match="nothing"), served(two[0], tmp_path / "nothing"):
        pass
    with served(two[0]) as client:  # its lock was released
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize(("names", "database", "said"), [
    (["a/study", "b/Study"], "", "rename the folder of one of them"),
    (["study", "study"], "", "given twice"),
    (["study", "api"], "", "which the server uses itself"),
    (["one", "two"], "postgresql://host/exemplum", "exemplum_{study}, for one, two"),
])  # fmt: skip
def test_what_cannot_be_told_apart_is_refused(tmp_path, names, database, said):
    with pytest.raises(UserError) as refused:
        settings_of(Settings(Path(), database), [tmp_path / name for name in names])
    assert said in str(refused.value)


def test_one_address_with_the_name_of_the_study_is_right_for_the_other_commands_too(two, tmp_path):
    """Oracle: the links of each study's own server. EXEMPLUM_DATABASE may hold such an address for all commands."""
    url = f"sqlite:///{tmp_path}/{{study}}.sqlite"
    with served(*two, database=url) as client:
        codes = {name: link_codes(experiment) for name, experiment in client.experiments.items()}
    assert sorted(path.name for path in tmp_path.glob("*.sqlite")) == ["first.sqlite", "second.sqlite"]
    for folder in two:
        study = Study.open(folder)
        printed = dict(panel_links(study, "sona", BASE, url))
        assert codes[folder.name]["pilot"] in printed["pilot"]
        live.opened(study, url).close()


def test_each_has_its_own_database_on_postgresql_in_every_process(two, postgres, monkeypatch):
    addresses = [new_database(postgres) for _ in two]
    settings = settings_of(Settings(Path(), "x{study}", address=BASE, limits=False), two)
    from dataclasses import replace

    settings = {
        name: replace(said, database=url) for (name, said), url in zip(settings.items(), addresses, strict=True)
    }
    monkeypatch.setenv("EXEMPLUM_SERVE", in_environment(settings))
    with TestClient(from_environment()) as one, TestClient(from_environment()) as other:
        walker = Walker(Below(one, "first"))
        walker.start()
        assert Below(other, "first").get("/api/session", headers=walker.headers).status_code == 200
        assert Below(other, "second").get("/api/session", headers=walker.headers).status_code == 401
