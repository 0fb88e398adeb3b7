"""No id and no label is given twice: a form, an audit and an earlier export go on naming one person."""

import re

from sqlalchemy import func, select, text

from exemplum.server.storage.database import sqlite_url
from exemplum.server.storage.schema import Answer, Audit, Base, SessionRow, Summary
from server.conftest import ON_SQLITE, connected
from server.legacy import legacy_study
from server.test_experimenter import let_in, once, press, session_page
from server.walk import Walker


def come(client, **params):
    walker = Walker(client, **params)
    assert walker.start().status_code == 201
    walker.do_block(walker.walk(until=lambda step: step["kind"] == "block"))
    return walker


def labels(client):
    return re.findall(r">(P\d{4})<", client.get("/experimenter/").text)


def answers(client):
    with client.experiment.database.read() as orm:
        return orm.scalar(select(func.count(Answer.id)))


def test_an_old_withdraw_form_deletes_nobody_else(serve):
    client = let_in(serve())
    come(client, PROLIFIC_PID="first")
    form = f"{session_page(client)}/withdraw"
    old = {"once": once(client), "sure": "yes"}
    assert client.post(form, data=old).status_code == 200
    come(client, PROLIFIC_PID="newcomer")
    before = answers(client)
    assert before > 0
    again = client.post(form, data=old)
    assert again.status_code == 404
    assert "may have withdrawn" in again.text
    assert answers(client) == before
    assert labels(client) == ["P0002"]


def test_forms_of_guessed_numbers_do_nothing(serve):
    client = let_in(serve())
    come(client)
    before = answers(client)
    for guess in ("1", "0001", "P0001"):
        assert press(client, f"/experimenter/session/{guess}/withdraw", sure="yes").status_code == 404
        assert press(client, f"/experimenter/session/{guess}/resume").status_code == 404
    assert answers(client) == before


def test_a_label_is_not_given_again_after_a_withdrawal(serve):
    client = let_in(serve())
    come(client)
    for _ in range(2):
        press(client, f"{session_page(client, labels(client)[0])}/withdraw", sure="yes")
        come(client)
    assert labels(client) == ["P0003"]
    with client.experiment.database.read() as orm:
        gone = select(Audit.detail).where(Audit.action == "withdraw").order_by(Audit.id)
        assert orm.scalars(gone).all() == ["P0001", "P0002"]


@ON_SQLITE
def test_an_older_database_does_not_name_a_withdrawn_label_again(serve, tmp_path):
    client = let_in(serve(folder=legacy_study(tmp_path)))  # P0003 was the newest session and has withdrawn
    come(client)
    assert labels(client)[0] == "P0004"


@ON_SQLITE
def test_migrating_keeps_every_row(serve, tmp_path):
    folder = legacy_study(tmp_path)
    url = sqlite_url(folder / "server" / "experiment.sqlite")
    changed = ("audit", "study_versions", "batches", "summaries")  # by the start, or not there before it
    names = [table.name for table in Base.metadata.sorted_tables if table.name not in changed]

    def counts():
        with connected(url) as connection:
            return {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar() for name in names}

    before = counts()
    assert before["answers"] == 22
    client = serve(folder=folder)
    assert counts() == before
    with client.experiment.database.read() as orm:
        assert orm.execute(text("PRAGMA foreign_key_check")).all() == []
        assert orm.scalar(select(func.count(SessionRow.id))) == 2
        summarized = select(Summary.answers, SessionRow.answered).join(SessionRow, SessionRow.id == Summary.session_id)
        assert [tuple(row) for row in orm.execute(summarized)] == [(answered, answered) for answered in (22, 0)]
