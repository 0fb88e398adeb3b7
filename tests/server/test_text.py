"""Text that cannot be stored or written: lone surrogates, U+0000, NaN. It enters nowhere and breaks no download."""

import io
import json
import math
import zipfile

import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sqlalchemy import select, text

from exemplum.server import requests as texts
from exemplum.server.storage.publication import publish
from exemplum.server.storage.schema import Event, Participant, SessionRow, StepRecord
from exemplum.tables import PEOPLE
from server.conftest import ON_SQLITE, connected
from server.test_experimenter import let_in, session_page
from server.walk import TIMES, Walker

HALF = "caf\u00e9 \ud83d and \0 end"  # half an emoji, as `.slice` leaves it, and what PostgreSQL refuses
MENDED = "caf\u00e9 \ufffd and \ufffd end"
FORMS = ("csv", "parquet", "json")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def raw(client, path, body, token=""):
    """Post as a browser does: lone surrogates and NaN travel as JSON escapes and literals."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return client.post(path, content=json.dumps(body).encode("ascii"), headers=headers)


def event(seq, data):
    return {"seq": seq, "at": 1.0, "kind": "error", "trial": "", "data": data}


def entered_by_every_door(client):
    """A whole session whose every text is broken."""
    body = {"key": "k" * 20, "params": {"PROLIFIC_PID": HALF, "note" + HALF: HALF}, "client": {"user_agent": HALF}}
    begun = raw(client, "/api/sessions", body)
    assert begun.status_code == 201, begun.text
    walker = Walker(client)
    walker.token = begun.json()["token"]
    check = walker.walk(until=lambda step: step["kind"] == "check")
    done = TIMES | {"data": {"plugin" + HALF: [HALF, {"deep": HALF}]}}
    assert raw(client, f"/api/steps/{check['id']}", done, walker.token).status_code == 200
    debrief = walker.walk(until=lambda step: step["kind"] == "debrief")
    batch = {"page": "page-load-1", "events": [event(0, {"message": HALF, HALF: 1})]}
    assert raw(client, "/api/events", batch, walker.token).json() == {"stored": 1, "full": False}
    done = TIMES | {"data": {"comment": HALF}}
    assert raw(client, f"/api/steps/{debrief['id']}", done, walker.token).status_code == 200
    return walker


REFUSED = {
    "no UTF-8": (b'{"key": "\xff"}', "the body must be JSON in UTF-8, with lists and objects at most 20 deep"),
    "too deep to read": (b"[" * 60_000, "the body must be JSON in UTF-8, with lists and objects at most 20 deep"),
    "no JSON": (b'{"key": ', "the body must be JSON in UTF-8, with lists and objects at most 20 deep"),
    "too deep to keep": (b"[" * 30 + b"]" * 30, "lists and objects are nested too deeply"),
    "no number": (b'{"key": NaN}', "NaN and Infinity are not JSON numbers"),
    "many parameters": (
        json.dumps({"key": "k" * 20, "params": {str(n): "" for n in range(21)}}).encode(),
        "params: there may be at most 20 parameters, each of at most 200 characters",
    ),
}


@ON_SQLITE
def test_a_refused_body_is_told_in_plain_words(serve):
    client, headers = serve(), {"Content-Type": "application/json"}
    answers = {name: client.post("/api/sessions", content=body, headers=headers) for name, (body, _) in REFUSED.items()}
    assert {answer.status_code for answer in answers.values()} == {400}
    messages = {name: answer.json()["error"]["message"] for name, answer in answers.items()}
    assert messages == {name: message for name, (_, message) in REFUSED.items()}


def archives(client, form):
    """The tables of the full and of the anonymous download."""
    for kind in ("full", "anonymous"):
        response = client.get(f"/experimenter/download/{kind}-{form}.zip")
        assert response.status_code == 200
        with zipfile.ZipFile(io.BytesIO(response.content)) as pack:
            yield {name: pack.read(name) for name in pack.namelist()}


def test_text_of_every_door_is_mended_and_counted(serve):
    client = let_in(serve())
    entered_by_every_door(client)
    with client.experiment.database.read() as orm:
        row, person = orm.scalar(select(SessionRow)), orm.scalar(select(Participant))
        steps = {step.kind: step.data for step in orm.scalars(select(StepRecord))}
        happened = orm.scalar(select(Event)).data
    assert person.external_id == MENDED
    assert row.params["note" + MENDED] == row.client["user_agent"] == MENDED
    assert steps["check"] == {"plugin" + MENDED: [MENDED, {"deep": MENDED}]}
    assert steps["debrief"]["comment"] == MENDED
    assert happened == {"message": MENDED, MENDED: 1}
    assert row.replaced == 2 * 10  # two in each of the ten texts above, keys too
    assert "20 characters" in client.get(session_page(client)).text


@pytest.mark.parametrize("form", FORMS)
def test_broken_text_breaks_no_download(serve, form):
    client = let_in(serve())
    walker = entered_by_every_door(client)
    full, _ = archives(client, form)
    held = io.BytesIO(full[f"sessions.{form}"])
    table = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[form](held)
    assert table["external_id"].tolist() == [MENDED]
    assert json.loads(table["forms"][0])["debrief"]["comment"] == MENDED
    assert table["answered"].tolist() == [len(walker.given)]


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_an_old_database_break_no_download(serve, form):
    """As they were stored before: half a pair in JSON columns; on SQLite also NaN, and bytes that are no UTF-8."""
    client = let_in(serve())
    whole, broken = Walker(client, PROLIFIC_PID="whole"), Walker(client, PROLIFIC_PID="broken")
    for walker in (whole, broken):
        walker.start()
        walker.walk()
    half = '{"message": "\\ud83d \\u0000"}'
    sqlite = client.experiment.database.is_sqlite
    with connected(client.experiment.database.url) as connection:
        run = lambda statement, **values: connection.execute(text(statement), values)  # noqa: E731
        run("UPDATE sessions SET params = :half, client = :half WHERE id = 2", half=half)
        run("UPDATE steps SET data = :half WHERE session_id = 2 AND kind IN ('debrief', 'check')", half=half)
        run("INSERT INTO events (session_id, page, seq, at, kind, trial, data, received_at) "
            "VALUES (2, 'page', 0, 1.0, 'error', '', :half, 1)", half=half)  # fmt: skip
        if sqlite:
            run("INSERT INTO events (session_id, page, seq, at, kind, trial, data, received_at) "
                "VALUES (2, 'page', 1, 1.0, 'error', '', '{\"ms\": NaN}', 1)")  # fmt: skip
            run("UPDATE participants SET external_id = CAST(x'eda0bd21' AS TEXT) WHERE id = 2")
    for pack in archives(client, form):
        held = io.BytesIO(pack[f"responses.{form}"])
        table = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[form](held)
        assert table.groupby("participant").size().to_dict() == {"P0001": 28, "P0002": 28}
    assert client.get(session_page(client, "P0002")).status_code == 200
    assert client.get("/experimenter/").status_code == 200
    assert publish(client.experiment) == 2


@pytest.mark.parametrize("form", FORMS)
def test_one_unreadable_session_is_left_out_and_named(serve, form):
    client = let_in(serve())
    whole, broken = Walker(client, PROLIFIC_PID="whole"), Walker(client, PROLIFIC_PID="broken")
    for walker in (whole, broken):
        walker.start()
        block = walker.walk(until=lambda step: step["kind"] == "block")
    assert broken.answer(block["trials"][0]["trial"]).status_code == 200
    # before anything is published: a table that has a session is never written without it
    with connected(client.experiment.database.url) as connection:
        connection.execute(text("UPDATE answers SET choice = 'many' WHERE session_id = 2"))
    whole.walk()
    broken.walk()
    for pack in archives(client, form):
        assert b"P0002,ValueError" in pack["problems.csv"]
        assert (b"many" in pack["problems.csv"]) == ("events." + form in pack)  # not in the anonymous one
        held = io.BytesIO(pack[f"responses.{form}"])
        table = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[form](held)
        assert table["participant"].unique().tolist() == ["P0001"]
    publish(client.experiment)
    folder = client.experiment.study.stage("responses")
    assert PEOPLE.read(folder / "sessions" / "people.parquet")["participant"].tolist() == ["P0001"]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_refused(serve, number):
    """The same on both databases: SQLite stored NaN, PostgreSQL answered with an error."""
    client = serve()
    walker = Walker(client)
    walker.start()
    check = walker.walk(until=lambda step: step["kind"] == "check")
    asked = (
        ("/api/events", {"page": "page-load-1", "events": [event(0, {"ms": [number]})]}),
        (f"/api/steps/{check['id']}", TIMES | {"data": {"frame_ms": number}}),
        (f"/api/steps/{check['id']}", TIMES | {"ms": number}),
        ("/api/sessions", {"key": "k" * 20, "client": {"width": number}}),
    )
    for path, body in asked:
        refused = raw(client, path, body, walker.token)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_request")
    with client.experiment.database.read() as orm:
        assert orm.scalars(select(Event)).all() == []


def test_limits_count_code_points(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    for length, status in ((1900, 200), (2100, 400)):  # of 2,048, with the rest of the object
        batch = {"page": "page-load-1", "events": [event(length, {"message": "\U0001f600" * length})]}
        assert raw(client, "/api/events", batch, walker.token).status_code == status
    debrief = walker.walk(until=lambda step: step["kind"] == "debrief")
    assert walker.do(debrief, {"comment": "\U0001f600" * 2001}).status_code == 400
    assert walker.do(debrief, {"comment": "\U0001f600" * 2000}).status_code == 200


@given(JSON)
def test_what_is_well_formed_passes_unchanged(value):
    expected = json.loads(json.dumps(value).replace("\\u0000", "\\ufffd"))  # st.text() has no surrogates
    assert texts.clean(value)[0] == expected


@given(st.text(st.characters(exclude_categories=())))
def test_mended_text_is_utf_8_of_the_same_length(value):
    mended = texts.well_formed(value)
    assert "\0" not in mended.encode().decode()
    assert len(mended) == len(value)


def test_deep_nesting_is_refused_in_one_line(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    check = walker.walk(until=lambda step: step["kind"] == "check")
    for depth in (50, 5_000, 30_000):
        body = f'{{"shown_at": 1, "ms": 1, "visible_ms": 1, "data": {{"a": {"[" * depth}{"]" * depth}}}}}'
        headers = {"Content-Type": "application/json"} | walker.headers
        refused = client.post(f"/api/steps/{check['id']}", content=body.encode(), headers=headers)
        assert refused.status_code == 400
