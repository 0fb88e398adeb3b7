"""People's answers stay out of what is computed while a study recruits, unless the audit has a reason."""

import contextlib
import io
import re
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sqlalchemy import select
from starlette.testclient import TestClient

from exemplum import cli, store
from exemplum.server import Experiment, Settings, create_app
from exemplum.server.storage.schema import Audit, StudyRow
from exemplum.study import blinding
from exemplum.study.folder import Study
from exemplum.tables import RESPONSES
from server.conftest import new_database
from server.walk import Walker

TOML = """
[stimuli]
load = "folder:stimuli"
rotate = true
[design]
participants = 2
practice = 1
blocks = 1
catch = 1
repeated = 0
[observers]
run = ["chance"]
[analysis]
bootstrap = 50
"""
UNITS = 4


def command(*arguments):
    """The command's entry point in this process: its status and what it printed."""
    held, out, err = sys.argv, io.StringIO(), io.StringIO()
    sys.argv = ["exemplum", *map(str, arguments)]
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.run()
        except SystemExit as stop:
            code = stop.code or 0
        finally:
            sys.argv = held
    return SimpleNamespace(code=code, out=out.getvalue(), err=err.getvalue())


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """A study of finished stimuli whose machine has answered."""
    folder = tmp_path_factory.mktemp("machines") / "study"
    rng = np.random.default_rng(0)
    for unit in range(UNITS):
        for kind in ("natural_images", "optimized_images"):
            home = folder / "stimuli" / "mixed4a" / f"channel_{unit}" / kind
            home.mkdir(parents=True)
            for pole in ("max", "min"):
                for number in range(10):
                    pixels = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(home / f"{pole}_{number}.png")
    store.write_text(folder / "study.toml", TOML)
    done = command("run", folder)
    assert done.code == 0, done.err
    return folder


@pytest.fixture(scope="module")
def stopped(machines, tmp_path_factory):
    """The same study with one participant's answers, on SQLite; the server has stopped."""
    folder = tmp_path_factory.mktemp("stopped") / "study"
    shutil.copytree(machines, folder)
    answered(folder)
    return folder


@pytest.fixture
def recruiting(stopped, tmp_path):
    """A copy of it."""
    return shutil.copytree(stopped, tmp_path / "study")


def answered(folder, database="", recruitment="open"):
    experiment = Experiment.open(Settings(folder, database, limits=False))
    with TestClient(create_app(experiment)) as client:
        walker = Walker(client)
        walker.start()
        walker.walk()
        assert client.get("/experimenter", params={"token": experiment.token}).status_code == 200
        once = re.search(r'name="once" value="([^"]+)"', client.get("/experimenter/").text)[1]
        client.post("/experimenter/recruitment", data={"once": once, "state": recruitment})


def audit(folder, url=""):
    database = Experiment.open(Settings(folder, url))
    with database.database.read() as orm:
        found = [(a.action, a.detail) for a in orm.scalars(select(Audit).order_by(Audit.id))]
        at = orm.scalar(select(StudyRow.unblinded_at))
    database.close()
    return [line for line in found if line[0] == "unblind"], at


def observers(folder):
    return set(pd.read_parquet(folder / "analysis" / "estimates.parquet")["observer"])


@pytest.mark.parametrize("verb", ["run", "analyze", "report"])
def test_people_are_left_out_while_recruiting(recruiting, verb):
    done = command(verb, recruiting)
    assert done.code == 0, done.err
    assert "left out while the study recruits" in done.err
    assert "--unblind" in done.err
    assert observers(recruiting) == {"chance"}
    assert audit(recruiting) == ([], None)
    if verb != "analyze":
        page = (recruiting / "report" / "index.html").read_text()
        assert "left out while the study recruits" in page
        for table in ("estimates", "verdicts", "responses"):
            held = pd.read_csv(recruiting / "report" / "tables" / f"{table}.csv")
            assert set(held["observer"]) == {"chance"}


@pytest.mark.slow  # the audit itself is tested by test_experimenter.py
def test_a_reason_includes_them_and_is_in_the_audit(recruiting):
    before = command("report", recruiting)
    assert before.code == 0, before.err
    reasons = []
    for verb in ("run", "analyze", "report"):
        reasons.append(f"planned interim look with {verb}")
        done = command(verb, recruiting, "--unblind", reasons[-1])
        assert done.code == 0, done.err
        assert observers(recruiting) == {"chance", "participants"}
        lines, at = audit(recruiting)
        assert lines == [("unblind", reason) for reason in reasons]
        assert at is not None
        assert blinding.read_status(Study.open(recruiting)).unblinded_at == at
        if verb != "analyze":
            assert reasons[-1] in (recruiting / "report" / "index.html").read_text()
        after = command("report", recruiting)  # without a reason they are hidden again
        assert observers(recruiting) == {"chance"}, after.err
        assert not (recruiting / "report/tables/people.csv").exists()


def test_the_audit_is_written_before_anything_is_computed(recruiting):
    people = recruiting / "responses" / "people.parquet"
    rows = RESPONSES.read(people)
    RESPONSES.write(people, rows.assign(confidence=7))  # the analysis will refuse that
    assert command("analyze", recruiting, "--unblind", "a look").code == 1
    assert audit(recruiting)[0] == [("unblind", "a look")]


@pytest.mark.parametrize("verb", ["run", "analyze", "report"])
def test_a_look_that_is_refused_is_not_in_the_audit(recruiting, verb):
    text = (recruiting / "study.toml").read_text()
    if verb != "run":
        store.write_text(recruiting / "study.toml", text.replace("participants = 2", "participants = 3"))
    done = command(verb, recruiting, "--unblind", "a look", "--force")
    assert (done.code, "people have given" in done.err) == (1, True), done.err
    store.write_text(recruiting / "study.toml", text)
    assert audit(recruiting) == ([], None)


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_look_needs_a_reason(recruiting, reason):
    done = command("report", recruiting, "--unblind", reason)
    assert done.code == 1
    assert done.err.strip().count("\n") == 0
    assert "needs the reason" in done.err
    assert audit(recruiting) == ([], None)


def test_after_recruitment_the_first_look_is_noted_unasked(machines, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(machines, folder)
    answered(folder, recruitment="closed")
    for _ in range(2):
        done = command("analyze", folder)
        assert done.code == 0, done.err
        assert observers(folder) == {"chance", "participants"}
    assert audit(folder)[0] == [("unblind", "recruitment is closed: first analysis")]


def test_answers_without_a_status_are_hidden(machines, tmp_path):
    """Put into responses/ by hand, or by a server of before: nobody has said that recruitment is over."""
    folder = tmp_path / "study"
    shutil.copytree(machines, folder)
    rows = RESPONSES.read(folder / "responses" / "machines.parquet")
    people = rows.assign(observer="participants", observer_kind="person")
    RESPONSES.write(folder / "responses" / "people.parquet", people)
    assert blinding.is_blind(Study.open(folder))
    assert command("analyze", folder).code == 0
    assert observers(folder) == {"chance"}
    assert command("analyze", folder, "--unblind", "from another lab").code == 0
    assert observers(folder) == {"chance", "participants"}
    assert "from another lab" in (folder / "audit.jsonl").read_text()


def test_power_does_not_read_hidden_answers(recruiting, tmp_path):
    arguments = ("power", "--difference", "0.1", "--study", recruiting, "--simulations", "10", "--participants", "10",
                 "--test", "participants", "--out", tmp_path / "power")  # fmt: skip
    done = command(*arguments)
    assert done.code == 1
    assert done.err.strip().splitlines()[-1].startswith("error: ")
    assert "hidden while the study recruits" in done.err
    command(*arguments, "--unblind", "sizing the next study")
    assert audit(recruiting)[0] == [("unblind", "sizing the next study")]


def test_on_postgresql_the_audit_needs_its_address(machines, tmp_path, postgres, monkeypatch):
    folder, url = tmp_path / "study", new_database(postgres)
    shutil.copytree(machines, folder)
    answered(folder, url)
    monkeypatch.delenv("EXEMPLUM_DATABASE", raising=False)
    refused = command("report", folder, "--unblind", "a look")
    assert refused.code == 1
    assert refused.err.strip().count("\n") == 0
    assert "give its database, or set EXEMPLUM_DATABASE" in refused.err
    assert command("analyze", folder, "--unblind", "a look", "--database", url).code == 0
    monkeypatch.setenv("EXEMPLUM_DATABASE", url)
    assert command("analyze", folder, "--unblind", "another").code == 0
    assert audit(folder, url)[0] == [("unblind", "a look"), ("unblind", "another")]
