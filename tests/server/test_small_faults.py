"""The edge of the server again: odd addresses, failures, slow lines, quotas, links, and what is said to people."""

import json
import socket
import time

import pytest
from sqlalchemy import MetaData, func, select

from exemplum.server.sessions import answers
from exemplum.server.storage.database import Database, sqlite_url
from exemplum.server.storage.schema import Event, SessionRow
from server.conftest import ON_SQLITE, connected
from server.process import Server
from server.test_experimenter import let_in, press, session_page
from server.test_schema import upgrade
from server.test_text import event, raw
from server.walk import Walker

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@ON_SQLITE
@pytest.mark.parametrize(
    "path", ["/%00", "/assets/%00.js", "/" + "a" * 300, "/" + "a" * 5000, "/" + "a/" * 2000, "/i/%00", "/%ff%fe"]
)
def test_odd_addresses_are_not_found_without_a_trace(serve, caplog, path):
    response = serve().get(path)
    assert response.status_code in (404, 414)
    assert not [record for record in caplog.records if record.exc_info]


@ON_SQLITE
def test_an_unexpected_failure_has_the_security_headers(serve, monkeypatch):
    client = serve()

    def broken(*_args):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("exemplum.server.http.participant_routes.recruitment.is_open", broken)
    monkeypatch.setattr("exemplum.server.http.experimenter_routes.recruitment.is_open", broken)
    for path in ("/api/config", "/experimenter/"):
        response = let_in_quietly(client).get(path)
        assert response.status_code == 500
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "secret" not in response.text
    assert client.get("/api/config").json()["error"]["code"] == "other"


def let_in_quietly(client):
    client.get("/experimenter", params={"token": client.experiment.token}, follow_redirects=False)
    return client


def test_events_stop_at_the_quota_of_a_session(serve, monkeypatch):
    monkeypatch.setattr(answers, "MOST_ROWS", 5)
    client = serve()
    walker, other = Walker(client), Walker(client)
    walker.start()
    other.start()
    send = lambda who, seqs, size=10: raw(  # noqa: E731
        client, "/api/events",
        {"page": "page-load-1", "events": [event(n, {"message": "x" * size}) for n in seqs]}, who.token,
    ).json()  # fmt: skip
    assert send(walker, range(3)) == {"stored": 3, "full": False}
    assert send(walker, range(4)) == {"stored": 0, "full": True}  # it would pass five rows if all were new
    assert send(walker, [3, 4]) == {"stored": 2, "full": False}
    assert send(walker, [5]) == {"stored": 0, "full": True}
    monkeypatch.setattr(answers, "MOST_BYTES", 1000)
    assert send(other, [0], 900) == {"stored": 1, "full": False}
    assert send(other, [1], 100) == {"stored": 0, "full": True}
    with client.experiment.database.read() as orm:
        stored = dict(orm.execute(select(Event.session_id, func.count()).group_by(Event.session_id)).all())
        counted = dict(orm.execute(select(SessionRow.id, SessionRow.event_rows)).all())
    assert stored == counted == {1: 5, 2: 1}


def test_an_old_database_is_given_its_counts(tmp_path):
    url = sqlite_url(tmp_path / "old.sqlite")
    upgrade(url, "0002")
    with connected(url) as connection:  # no foreign keys are asked for: two events of a session alone
        table = MetaData()
        table.reflect(connection)
        for name, rows in (("sessions", [{"id": 7}]), ("events", [{"id": n, "session_id": 7} for n in (1, 2)])):
            columns = table.tables[name].columns
            filled = [{c.name: {} if c.name == "data" else 0 for c in columns if not c.nullable} | r for r in rows]
            connection.execute(table.tables[name].insert(), [row | {"page": row["id"]} if name == "events" else row
                                                             for row in filled])  # fmt: skip
    old = Database(url)
    with old.read() as orm:
        counts = select(SessionRow.event_rows, SessionRow.event_bytes, SessionRow.replaced)
        assert orm.execute(counts).all() == [(2, 4, 0)]
    old.close()


@ON_SQLITE
def test_links_do_not_follow_the_host_header(serve):
    client = let_in(serve(address="https://study.example.org"))
    Walker(client, PROLIFIC_PID="p").start()
    for path in ("/experimenter/links", f"{session_page(client)}?resume=code"):
        page = client.get(path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
        assert "evil.example" not in page.text
        assert "https://study.example.org/?" in page.text
    for path in ("/api/config/", "/experimenter/downloads/"):
        response = client.get(path, headers={"Host": "evil.example"}, follow_redirects=False)
        assert "evil.example" not in response.headers.get("location", "")


@ON_SQLITE
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROLIFIC_PID", "{{%PROLIFIC_PID%}}"), ("workerId", "${workerId}"), ("survey_code", "%SURVEY_CODE%"),
        ("participant", "{participant}"), ("participant", "{{ID}}"), ("participant", " [%ID%] "), ("id", "<ID>"),
        ("PROLIFIC_PID", "%7B%7B%25PROLIFIC_PID%25%7D%7D"), ("id", "%253CID%253E"),  # encoded once and twice more
    ],
)  # fmt: skip
def test_a_link_that_the_panel_did_not_fill_in_is_refused(serve, name, value):
    client = serve()
    refused = Walker(client, **{name: value}).start()
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "unfilled_link")
    for language in ("en", "de"):
        assert client.get(f"/api/texts/{language}").json()["error.unfilled_link"]
    assert Walker(client, **{name: "5f3a%{x}"}).start().status_code == 201


@ON_SQLITE
def test_people_get_a_page_and_programs_json(serve):
    client = serve()
    for path in ("/nowhere", "/experimenter/", "/experimenter?token=wrong", "/experimenter/session/1"):
        page = client.get(path, headers=BROWSER)
        assert page.headers["content-type"].startswith("text/html")
        assert "<h1>" in page.text
        assert '{"error"' not in page.text
        assert client.get(path).json()["error"]["code"] in ("not_found", "forbidden")
    assert client.get("/api/session", headers=BROWSER).json()["error"]["code"] == "no_session"
    german = client.get("/nowhere", headers=BROWSER | {"Accept-Language": "fr, de-AT;q=0.8"})
    assert "Diese Seite gibt es nicht" in german.text
    assert 'lang="de"' in german.text


@ON_SQLITE
@pytest.mark.parametrize(("declared", "code"), [("", ""), ('[server.codes]\nno_consent = "NOPE"\n', "NOPE")])
def test_refusing_consent_yields_no_made_up_code(serve, declared, code):
    client = serve(declared)
    walker = Walker(client)
    walker.do(walker.start().json()["state"]["step"], {"accepted": False})
    assert walker.step()["code"] == code
    words = client.get("/api/texts/en").json()
    assert "completion" not in words["finished.no_consent.code"].lower()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory, base_study):
    """A server process that waits one second."""
    from server import made

    folder = made.like(base_study(), tmp_path_factory.mktemp("slow") / "study").folder
    with Server(folder, head=IMPATIENT) as server:
        yield server


IMPATIENT = """
from exemplum.server.http.middleware import TimedHttpProtocol
TimedHttpProtocol.receive_s = 1.0
TimedHttpProtocol.read_s = 1.0
"""
HEAD = b"POST /api/answers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def seconds_until_closed(port, first, drip, every=0.2, most=15.0):
    """Send `first`, then a byte of `drip` now and then, until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(first)
        line.settimeout(every)
        began = time.monotonic()
        for n in range(int(most / every)):
            try:
                if line.recv(65536) == b"":
                    return time.monotonic() - began
            except TimeoutError:
                pass
            except ConnectionError:
                return time.monotonic() - began
            try:
                line.sendall(drip[n % len(drip) : n % len(drip) + 1])
            except ConnectionError:
                return time.monotonic() - began
        return float("inf")


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b"\r\n"),
        (b"GET /heal", b"h"),
        (HEAD, b"X-a: b\r\n"),
        (HEAD + b"Content-Length: 5000\r\n\r\n{", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\n", b"X-a: b\r\n"),  # after a whole one
    ],
)
def test_a_request_that_drips_in_is_cut_off(impatient, first, drip):
    assert 0.5 < seconds_until_closed(impatient.port, first, drip) < 5


def test_endless_headers_are_cut_off(impatient):
    ten_megabytes = HEAD + b"".join(b"X-filler: " + b"x" * 1000 + b"\r\n" for _ in range(10_000))
    with socket.create_connection(("127.0.0.1", impatient.port)) as line, pytest.raises(ConnectionError):
        line.sendall(ten_megabytes)


@pytest.mark.slow  # waits for slow clients
def test_patient_clients_are_served(impatient):
    """Requests of less than the limit, with pauses between them, on one connection."""
    with socket.create_connection(("127.0.0.1", impatient.port)) as line:
        for _ in range(3):
            line.sendall(b"GET /health HTTP/1.1\r\n")
            time.sleep(0.3)
            line.sendall(b"Host: x\r\n\r\n")
            said = line.recv(65536)
            assert said.startswith(b"HTTP/1.1 200")
            assert json.loads(said.partition(b"\r\n\r\n")[2] or line.recv(65536))["database"] == "ok"
            time.sleep(1.5)


def test_refusal_by_the_form_is_a_page(serve):
    client = let_in(serve())
    refused = client.post("/experimenter/recruitment", data={"once": "wrong", "state": "open"}, headers=BROWSER)
    assert refused.status_code == 403
    assert "reload the page" in refused.text
    assert press(client, "/experimenter/recruitment", state="nonsense").status_code == 400
