"""Withdrawal takes a person out of the database's files, holds up nobody, and says so while it is not done."""

import shutil
import sqlite3
import time

import numpy as np
from sqlalchemy import select

from exemplum.server.sessions import withdrawal
from exemplum.server.storage.database import Database, sqlite_url
from exemplum.server.storage.schema import Answer, Audit, StudyRow
from exemplum.study.folder import Study
from server.conftest import ON_SQLITE, stop
from server.test_experimenter import let_in, press, session_page
from server.walk import Walker

pytestmark = ON_SQLITE  # PostgreSQL's files are its own
PATIENCE_S = 60
TRACES = (b"leaving-person-id", b"UserAgentOfTheLeaver/1.0", b"a comment of the leaver", b"event-page-of-the-leaver")


def leaver(client):
    """Somebody who leaves traces everywhere, and is done."""
    walker = Walker(client, PROLIFIC_PID="leaving-person-id")
    begin = {
        "key": walker.key, "params": walker.params, "participant": "", "language": "en",
        "client": {"user_agent": "UserAgentOfTheLeaver/1.0"},
    }  # fmt: skip
    walker.token = client.post("/api/sessions", json=begin).json()["token"]
    events = [{"seq": n, "at": 1.0, "kind": "focus", "trial": "", "data": {"state": "lost" * n}} for n in range(50)]
    client.post("/api/events", json={"page": "event-page-of-the-leaver", "events": events}, headers=walker.headers)
    walker.do(walker.walk(until=lambda step: step["kind"] == "debrief"), {"comment": "a comment of the leaver"})
    return walker


def in_files(folder):
    files = [path.read_bytes() for path in (folder / "server").glob("experiment.sqlite*")]
    return [trace for trace in TRACES if any(trace in content for content in files)]


def is_pending(client):
    return "Deletion pending: P0001" in client.get("/experimenter/").text


def wait_until_scrubbed(client):
    """Until no file holds a trace, and the pages say so. Pages are not asked before: each is a reader, too."""
    began = time.monotonic()
    while in_files(client.experiment.study.folder) or is_pending(client):
        assert time.monotonic() - began < PATIENCE_S
        time.sleep(0.05)


def test_a_long_reader_holds_up_the_scrub_and_nobody_else(serve):
    client = let_in(serve())
    folder = client.experiment.study.folder
    leaver(client)
    other = Walker(client, PROLIFIC_PID="stays")
    other.start()
    block = other.walk(until=lambda step: step["kind"] == "block")
    reader = sqlite3.connect(folder / "server" / "experiment.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM answers").fetchone()  # a download, a replica
    assert in_files(folder) == list(TRACES)
    assert press(client, f"{session_page(client)}/withdraw", sure="yes").status_code == 200
    other.do_block(block)  # committed while the reader still reads and the scrub is pending
    assert len(other.given) == len(block["trials"])
    assert is_pending(client)
    assert in_files(folder)
    with client.experiment.database.read() as orm:
        assert "deleted from files" not in orm.scalars(select(Audit.action)).all()
    reader.close()
    wait_until_scrubbed(client)
    with client.experiment.database.read() as orm:
        done = orm.scalars(select(Audit.detail).where(Audit.action == "deleted from files")).all()
    assert done == ["P0001"]
    assert b"stays" in (folder / "server" / "experiment.sqlite").read_bytes()  # the search finds what is there


def test_a_restart_goes_on_with_what_is_pending(serve):
    client = let_in(serve())
    folder = client.experiment.study.folder
    leaver(client)
    reader = sqlite3.connect(folder / "server" / "experiment.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM answers").fetchone()
    press(client, f"{session_page(client)}/withdraw", sure="yes")
    stop(client)
    assert in_files(folder)
    client = let_in(serve(folder=folder))
    assert is_pending(client)
    reader.close()
    wait_until_scrubbed(client)


def test_a_large_file_is_rewritten_when_nobody_answers(serve, monkeypatch):
    monkeypatch.setattr(withdrawal, "SMALL", 0)  # every file is large
    client = let_in(serve())
    leaver(client)
    key = session_page(client).rpartition("/")[2]
    Walker(client, PROLIFIC_PID="answers just now").start()

    def withdraw(orm):
        assert withdrawal.withdraw(orm, client.experiment, key)
        time.sleep(2 * withdrawal.FIRST_WAIT_S)  # a slow disk: the server looks before the commit

    client.experiment.database.writer.submit_sync(withdraw)
    assert not withdrawal.attempt(client.experiment)
    assert is_pending(client)
    monkeypatch.setattr(withdrawal, "QUIET_S", -1)
    wait_until_scrubbed(client)


def test_rewriting_reaches_copies_that_splits_left(tmp_path, database):
    """Rows of many sizes that grow, as those of sessions do. `secure_delete` alone leaves copies in gaps of pages."""
    database = Database(sqlite_url(tmp_path / "grown.sqlite"))
    rng = np.random.default_rng(1)
    with sqlite3.connect(database.file, timeout=30) as raw:
        raw.execute("PRAGMA secure_delete=ON")
        raw.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, who TEXT, body TEXT, UNIQUE (who, id))")
        for n in range(3000):
            raw.execute(
                "INSERT INTO t (who, body) VALUES (?, ?)", (f"<{rng.integers(60):04d}>", "x" * rng.integers(500))
            )
            grown = "y" * rng.integers(3000), int(rng.integers(max(1, n - 30), n + 2))
            raw.execute("UPDATE t SET body = ? WHERE id = ?", grown)
        raw.execute("DELETE FROM t WHERE who < '<0030>'")
    raw.close()

    def left():
        content = database.file.read_bytes() + database.file.with_name("grown.sqlite-wal").read_bytes()
        return [who for who in range(60) if f"<{who:04d}>".encode() in content]

    assert database.empty_log()
    assert set(left()) > set(range(30, 60)), "SQLite leaves no copies any more: rewriting could go"
    database.rewrite()
    assert database.empty_log()
    assert left() == list(range(30, 60))
    database.close()


def test_stages_made_before_a_withdrawal_are_named(serve):
    client = let_in(serve())
    study = Study.open(client.experiment.study.folder)
    leaver(client)
    for stage in ("analysis", "report"):
        study.stage(stage).mkdir()
        study.finish(stage, "f", 1.0, {})
    assert "analysis and report" not in client.get("/experimenter/").text
    press(client, f"{session_page(client)}/withdraw", sure="yes")
    assert "analysis and report of the study folder were made before" in client.get("/experimenter/").text
    shutil.rmtree(study.stage("report"))
    assert "analysis of the study folder was made before" in client.get("/experimenter/").text


def test_only_withdrawals_after_the_last_scrub_are_pending(serve):
    client = let_in(serve())
    leaver(client)
    press(client, f"{session_page(client)}/withdraw", sure="yes")
    wait_until_scrubbed(client)
    with client.experiment.database.read() as orm:
        upto = orm.scalar(select(Audit.id).where(Audit.action == "withdraw"))
        assert orm.get_one(StudyRow, client.experiment.study_id).scrubbed_to == upto
        assert orm.scalars(select(Answer.id)).all() == []
        assert withdrawal.pending(orm, client.experiment) == []
