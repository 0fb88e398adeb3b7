"""The report of pilots: of nobody else, in a copy that says so, and recorded."""

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from exemplum import responses
from exemplum.errors import UserError
from exemplum.server import Experiment, Settings, create_app, pilots
from exemplum.server.storage.schema import Audit
from exemplum.study import Study, blinding, stamped
from server import made
from server.test_experimenter import pilot_link
from server.walk import Walker


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A study that a pilot and a participant have finished, and a second pilot has begun; its server has stopped."""
    study = made.whole(
        tmp_path_factory.mktemp("pilots") / "study", "[analysis]\nbootstrap = 100\n", participants=3, mains=2
    )
    client = TestClient(create_app(Experiment.open(Settings(study.folder, limits=False))))
    with client:
        client.experiment = client.app.state.experiment
        link = pilot_link(client)
        for params in ({"link": link}, {}, {"link": link}):
            walker = Walker(client, **params)
            walker.start()
            walker.walk()
        begun = Walker(client, link=link)
        begun.start()
    return study


def test_it_holds_the_pilots_who_finished_and_nobody_else(served):
    found = pilots(served)
    copy = stamped.make(served, stamped.PILOTS)
    found.write(copy)
    answers = responses.read(copy.stage("responses"))
    assert set(answers["participant"]) == {"P0001", "P0003"}
    assert set(answers["experiment"]) == {"quick (pilots)"}
    assert (found.n, found.others) == (2, 0)
    assert set(responses.read(served.stage("responses"))["participant"]) == {"P0002"}
    assert not blinding.is_blind(copy)  # pilots are no results
    assert blinding.is_blind(served)


def test_the_look_is_recorded(served):
    pilots(served)
    experiment = Experiment.open(Settings(served.folder))
    with experiment.database.read() as orm:
        assert ("report of pilots", "2 pilots") in orm.execute(select(Audit.action, Audit.detail)).all()
    experiment.close()


def test_the_copy_cannot_be_served_and_its_rows_belong_to_no_study(served):
    copy = stamped.make(served, stamped.PILOTS)
    pilots(served).write(copy)
    with pytest.raises(UserError, match="the report of pilots, nothing to serve"):
        Experiment.open(Settings(copy.folder))
    wrong = served.stage("responses") / "pilots.parquet"
    (copy.stage("responses") / "people.parquet").rename(wrong)
    with pytest.raises(UserError, match="holds answers of pilots"):
        responses.read(served.stage("responses"))
    wrong.unlink()


def test_without_pilots_it_says_how_to_have_some(tmp_path):
    study = made.whole(tmp_path / "study", participants=2, mains=2)
    with pytest.raises(UserError, match="give its database"):
        pilots(study)
    Experiment.open(Settings(study.folder)).close()
    with pytest.raises(UserError, match=r"no pilot has finished .*; open the pilot link"):
        pilots(study)


@pytest.mark.slow
def test_the_command_writes_a_stamped_report(served, exemplum):
    found = exemplum("report", str(served.folder), "--pilot")
    assert found.returncode == 0, found.stderr
    page = (served.folder / "pilots" / "report" / "index.html").read_text(encoding="utf-8")
    assert stamped.NOTICES["pilots"] in page
    assert "<title>Pilots: " in page
    assert not (served.folder / "report").exists()
    assert Study.open(served.folder / "pilots").tables.people["participant"].tolist() == ["P0001", "P0003"]
