"""A study is known by its id, not by its folder's name; tables of people never lose anybody but those who withdraw."""

import json
import shutil
import threading
from dataclasses import asdict

import pandas as pd
import pytest
from sqlalchemy import delete, func, select, text

from exemplum import design as designs, store
from exemplum.errors import UserError
from exemplum.server.storage.database import sqlite_url
from exemplum.server.storage.publication import publish
from exemplum.server.storage.schema import Answer, Audit, Participant, SessionRow, StudyRow
from exemplum.server.storage.tables import publishing
from exemplum.study.folder import Study, new_identity, read_identity
from server.conftest import ON_SQLITE, connected, new_database, stop
from server.legacy import ANSWERS, legacy_study
from server.test_experimenter import let_in, press, session_page
from server.test_schema import upgrade
from server.walk import Walker


def answered(serve, folder, **settings):
    """Serve a study for one participant who goes through it. Returns the published rows."""
    client = serve(folder=folder, **settings)
    walker = Walker(client)
    walker.start()
    walker.walk()
    stop(client)
    return published(folder)


def published(folder):
    return pd.read_parquet(folder / "responses" / "people.parquet")


def rows(client, table):
    with client.experiment.database.read() as orm:
        return orm.scalar(select(func.count()).select_from(table))


def refused(serve, folder, **settings):
    """The one line by which serving is refused."""
    with pytest.raises(UserError) as error:
        serve(folder=folder, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_renamed_folder_goes_on_with_its_data(serve, study_folder):
    folder = study_folder("")
    before = answered(serve, folder)
    folder = folder.rename(folder.with_name("renamed"))
    client = serve(folder=folder)
    assert rows(client, SessionRow) == 1
    stop(client)
    pd.testing.assert_frame_equal(published(folder)[list(before)], before)


@ON_SQLITE
def test_a_copied_folder_goes_on_with_its_own_copy(serve, study_folder):
    folder = study_folder("")
    answered(serve, folder)
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy, symlinks=True)
    assert Study.open(copy).id == Study.open(folder).id
    assert set(answered(serve, copy)["participant"]) == {"P0001", "P0002"}
    assert set(published(folder)["participant"]) == {"P0001"}


def test_two_folders_of_one_id_share_the_data_on_postgresql(serve, study_folder, postgres):
    folder, database = study_folder(""), new_database(postgres)
    answered(serve, folder, database=database)
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy, symlinks=True)
    assert set(answered(serve, copy, database=database)["participant"]) == {"P0001", "P0002"}
    shutil.rmtree(copy / "design")
    shutil.copytree(study_folder("", "other", participants=3) / "design", copy / "design")
    assert "is not the design of the" in refused(serve, copy, database=database)


def test_two_studies_of_one_name_are_two_on_one_database(serve, study_folder, tmp_path, postgres):
    database = new_database(postgres)
    for parent in ("here", "there"):
        made = study_folder("", parent)
        folder = tmp_path / f"in-{parent}" / "study"
        folder.parent.mkdir()
        made.rename(folder)
        assert len(set(answered(serve, folder, database=database)["participant"])) == 1


@ON_SQLITE
def test_the_database_of_another_study_is_refused(serve, study_folder):
    one, two = study_folder("", "one"), study_folder("", "two")
    answered(serve, one)
    answered(serve, two)
    for path in (two / "server").glob("experiment.sqlite*"):
        path.unlink()
    shutil.copy(one / "server" / "experiment.sqlite", two / "server" / "experiment.sqlite")
    before = published(two)
    message = refused(serve, two)
    assert "is the database of the study 'one'" in message
    assert Study.open(one).id in message
    pd.testing.assert_frame_equal(published(two), before)


def test_a_database_without_the_folders_people_is_refused(serve, study_folder, postgres):
    folder = study_folder("")
    before = answered(serve, folder)
    other = new_database(postgres)
    message = refused(serve, folder, database=other)
    assert f"people.parquet holds {len(before)} answers of P0001 that the database" in message
    assert "\n" not in message
    pd.testing.assert_frame_equal(published(folder)[list(before)], before)
    # nor is it fooled by other people of the same labels and schedules
    (folder / "responses").rename(folder / "elsewhere")
    client = serve(folder=folder, database=other)
    walker = Walker(client, choose=lambda _block, _trial: ("bottom", 1))
    walker.start()
    walker.walk()
    stop(client)
    shutil.rmtree(folder / "responses")
    (folder / "elsewhere").rename(folder / "responses")
    assert "that the database" in refused(serve, folder, database=other)


@ON_SQLITE
@pytest.mark.parametrize("left", ["sessions", "ratings"])
def test_people_left_in_a_table_beside_are_refused_too(serve, study_folder, left):
    folder = study_folder("")
    answered(serve, folder)
    (folder / "responses" / "people.parquet").unlink()
    for path in [*(folder / "server").glob("experiment.sqlite*"), *(folder / "responses").glob("*/people.parquet")]:
        if path.parent.name != left:
            path.unlink()
    assert f"{left}/people.parquet holds" in refused(serve, folder)
    assert not (folder / "responses" / "people.parquet").exists()


def test_tables_of_people_are_never_written_with_fewer(serve, study_folder):
    folder = study_folder("")
    before = answered(serve, folder)
    client = let_in(serve(folder=folder))

    def lose(orm):  # what a restored backup or a slip with SQL would do
        for table in (Answer, SessionRow):
            orm.execute(delete(table))

    client.experiment.database.writer.submit_sync(lose)
    client.experiment.ended.set()
    stop(client)
    pd.testing.assert_frame_equal(published(folder)[list(before)], before)
    assert len(pd.read_parquet(folder / "responses" / "sessions" / "people.parquet")) == 1
    assert "was not written" in client.experiment.trouble


def test_a_withdrawal_takes_its_rows_out_and_no_others(serve, study_folder):
    folder = study_folder("")
    answered(serve, folder)
    answered(serve, folder)
    client = let_in(serve(folder=folder))
    assert press(client, f"{session_page(client, 'P0001')}/withdraw", sure="yes").status_code == 200
    stop(client)
    for name in ("people.parquet", "sessions/people.parquet", "ratings/people.parquet"):
        assert set(pd.read_parquet(folder / "responses" / name)["participant"]) == {"P0002"}, name
    stop(serve(folder=folder))
    assert set(published(folder)["participant"]) == {"P0002"}


@ON_SQLITE
@pytest.mark.parametrize("name", ["study", "renamed"])
def test_an_older_study_goes_on_under_any_name(serve, tmp_path, name):
    folder = legacy_study(tmp_path, name)
    before = published(folder)
    client = let_in(serve(folder=folder))
    assert client.experiment.study.identity.older
    assert "legacy-one" in client.get("/experimenter/").text
    stop(client)
    assert client.experiment.trouble == ""
    pd.testing.assert_frame_equal(published(folder)[list(before)], before)
    assert len(before) == ANSWERS
    with connected(sqlite_url(folder / "server" / "experiment.sqlite")) as connection:
        assert connection.execute(select(StudyRow.uid, StudyRow.name)).all() == [(Study.open(folder).id, name)]
        actions = connection.execute(select(Audit.action, Audit.detail)).all()
    assert actions == [("withdraw", "P0003"), ("deleted from files", "P0003")]


def test_an_older_shared_database_is_known_by_name_or_design(serve, study_folder, database, tmp_path):
    """A database of several studies, of schema 0001: the folder of that name goes on, or the one of that design."""
    url = database or sqlite_url(tmp_path / "shared.sqlite")
    folder, moved, new = study_folder("", "named"), study_folder("", "moved", participants=3), study_folder("", "new")
    as_json = asdict(designs.load(Study.open(moved)))
    for trial in (trial for session in as_json["sessions"] for block in session["blocks"] for trial in block["trials"]):
        del trial["difficulty"], trial["margin"]  # which the version of that database did not know
    hashed = store.digest(as_json)
    at_revision_0001(url, {"other": "aaaa", "named": "bbbb", "before": hashed, "new": "cccc"})
    new_identity(new)  # by `exemplum new`, of this version: nothing of before can be its own
    for one, known in ((folder, "named"), (moved, "before"), (new, None)):
        client = serve(folder=one, database=url)
        with client.experiment.database.read() as orm:
            row = orm.get_one(StudyRow, client.experiment.study_id)
            assert row.uid == Study.open(one).id
            assert row.created_at == ({"named": 2, "before": 3}[known] if known else row.created_at)
            assert (row.id <= 4) is (known is not None)
        stop(client)


def at_revision_0001(url, studies):
    """A database of the first schema with studies (name → design hash), numbered in the order given."""
    upgrade(url, "0001")
    with connected(url) as connection:
        for number, (name, hashed) in enumerate(studies.items(), 1):
            connection.execute(
                text("INSERT INTO studies (name, recruitment, created_at) VALUES (:name, 'open', :number)"),
                {"name": name, "number": number},
            )
            connection.execute(
                text(
                    "INSERT INTO study_versions (study_id, hash, design_hash, manifest, created_at) "
                    'VALUES (:number, :name, :hashed, \'{"images": {"bytes": 1}}\', 1)'
                ),
                {"name": name, "number": number, "hashed": hashed},
            )


@ON_SQLITE
def test_an_older_database_of_two_studies_asks_which(serve, tmp_path):
    folder = legacy_study(tmp_path)
    # as serving a renamed folder left it: a second study with a person of its own
    with connected(sqlite_url(folder / "server" / "experiment.sqlite")) as connection:
        connection.exec_driver_sql(
            "INSERT INTO studies (id, name, recruitment, created_at) VALUES (2, 'renamed', 'open', 1)"
        )
        connection.exec_driver_sql("UPDATE participants SET study_id = 2 WHERE external_id = 'legacy-none'")
        connection.exec_driver_sql("UPDATE answers SET session_id = 2 WHERE id = 22")
    message = refused(serve, folder)
    assert "study (21 answers), renamed (1 answers)" in message
    held = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(held | {"adopt": "study"}))
    shutil.rmtree(folder / "responses")
    client = serve(folder=folder)
    with client.experiment.database.read() as orm:
        owner = orm.scalar(select(StudyRow.name).join(Participant).where(Participant.external_id == "legacy-one"))
    assert client.experiment.study_id == 1
    assert owner == "study"


@ON_SQLITE
def test_a_lost_study_json_comes_back_from_the_status(serve, study_folder):
    folder = study_folder("")
    answered(serve, folder)
    known = Study.open(folder).id
    (folder / "study.json").unlink()
    client = serve(folder=folder)
    assert client.experiment.study.id == known
    assert rows(client, SessionRow) == 1


def test_no_id_is_written_for_a_study_that_is_refused(serve, study_folder):
    folder = study_folder("")
    answered(serve, folder)
    for path in [folder / "study.json", *(folder / "server").glob("*.json"), *(folder / "server").glob("*.sqlite*")]:
        path.unlink()
    assert "people.parquet holds" in refused(serve, folder, database=sqlite_url(folder.with_name("other.sqlite")))
    assert not (folder / "study.json").exists()


@ON_SQLITE
def test_a_broken_study_json_is_told_in_one_line(serve, study_folder):
    folder = study_folder("")
    (folder / "study.json").write_text('{"id": "mine"}')
    assert "study.json" in refused(serve, folder)


def test_tables_of_people_are_written_one_at_a_time(serve, study_folder):
    """An older state that is written last would bring back who has withdrawn."""
    folder = study_folder("")
    answered(serve, folder)
    client = serve(folder=folder)
    with publishing(client.experiment.study):
        other = threading.Thread(target=publish, args=(client.experiment,))
        other.start()
        other.join(0.5)
        assert other.is_alive()
    other.join(60)
    assert not other.is_alive()


@ON_SQLITE
@pytest.mark.parametrize("text", ["[]", '{"id": 7}', '{"id": "7"', '{"id": "x", "recruitment": "open"}'])
@pytest.mark.parametrize("lost", ["study.json", ""])
def test_a_broken_status_is_written_anew(serve, study_folder, text, lost):
    folder = study_folder("")
    before = len(answered(serve, folder))
    known = Study.open(folder).id
    (folder / "server" / "status.json").write_text(text)
    if lost:
        (folder / lost).unlink()  # the database knows the id
    client = serve(folder=folder)
    assert client.experiment.study.id == known
    assert json.loads((folder / "server" / "status.json").read_text())["answers"] == before
    stop(client)


@pytest.mark.parametrize("text", ['{"id": 5', "[" * 100_000, "\udcff"])
def test_an_unreadable_study_json_is_not_to_be_deleted(tmp_path, text):
    (tmp_path / "study.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"study\.json.*backup") as error:
        read_identity(tmp_path)
    assert "delete" not in str(error.value)
