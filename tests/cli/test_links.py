"""`exemplum links`: the links of the experimenter's pages, made from the study's database alone."""

import pytest

from exemplum.server import Experiment, Settings
from exemplum.server.sessions import entry, invitations
from exemplum.server.sessions.entry import EntryRequest
from exemplum.study import Study, blinding
from server import made

BASE = "https://study.example.org"
AT = ("--address", BASE)


@pytest.fixture
def served(tmp_path):
    """`served(toml)`: the folder of a study that was served once, and what was its running experiment."""

    def make(toml=""):
        made.study(tmp_path / "study", toml, mains=3, participants=2)
        experiment = Experiment.open(Settings(tmp_path / "study"))
        experiment.close()
        return tmp_path / "study", experiment

    return make


def test_a_link_has_the_panels_placeholders_also_before_the_study_is_served(exemplum, tmp_path):
    (tmp_path / "study.toml").write_text("", encoding="utf-8")
    assert exemplum("links", str(tmp_path), "--panel", "prolific", *AT).stdout.splitlines() == [
        f"participants   {BASE}/?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}&STUDY_ID={{{{%STUDY_ID%}}}}"
        "&SESSION_ID={{%SESSION_ID%}}"
    ]
    assert not (tmp_path / "server").exists()
    assert "run: exemplum serve" in exemplum("links", str(tmp_path), "--single-use", "3", "--batch", "a").stderr


def test_links_of_groups_and_single_use_links_are_those_of_the_server(exemplum, served):
    folder, experiment = served('[server]\ngroups = "link"\n')
    lines = exemplum("links", str(folder), "--panel", "sona", *AT).stdout.splitlines()
    assert lines == [
        f"{name:<14} {BASE}/?link={entry.link_code(experiment, name)}&survey_code=%SURVEY_CODE%"
        for name in ("expert", "lay", "pilot.expert", "pilot.lay")
    ]
    issued = exemplum(
        "links", str(folder), "--single-use", "3", "--batch", "autumn", "--group", "lay", *AT
    ).stdout.split()
    assert len({*issued}) == 3
    again = Experiment.open(Settings(Study.open(folder).folder))
    try:
        code = issued[2].removeprefix(f"{BASE}/?invite=")
        wish = EntryRequest("a-key-of-a-browser", {"invite": code}, "", "en", {}, "")
        again.database.writer.submit_sync(lambda orm: entry.begin(orm, again, wish))
        with again.database.read() as orm:
            [count] = invitations.counts(orm, again.study_id)
    finally:
        again.close()
    assert (count.batch.name, count.batch.group, count.batch.size, count.used) == ("autumn", "lay", 3, 1)


def test_of_a_study_whose_database_is_elsewhere_its_address_is_asked_for(exemplum, served):
    folder, experiment = served("")
    elsewhere = blinding.Status(experiment.study.id, "open", None, 0, 0, "", "postgresql://lab.example/study")
    blinding.write_status(experiment.study, elsewhere)
    (folder / "server" / "experiment.sqlite").unlink()
    said = exemplum("links", str(folder), "--panel", "sona", *AT)
    assert said.returncode == 1
    assert "are in postgresql://lab.example/study; give its database" in said.stderr


def test_what_cannot_be_made_is_said(exemplum, served):
    folder, _ = served('[server]\ngroups = "link"\n')
    links = ("--single-use", "3", "--batch")
    for arguments, said in (
        ((), "give either --panel or --single-use"),
        ((*links, "autumn"), "choose the group of the links: expert, lay"),
        ((*links, "not a name", "--group", "lay"), "letters, digits and _"),
    ):
        assert said in exemplum("links", str(folder), *arguments).stderr


@pytest.mark.parametrize(
    "address", ["study.example.org", "https://", "https://study.example.org/?x=1", "ftp://study.org", "https://[x]"]
)
def test_an_address_that_makes_no_links_is_refused(exemplum, tmp_path, address):
    (tmp_path / "study.toml").write_text("", encoding="utf-8")
    done = exemplum("links", str(tmp_path), "--panel", "sona", "--address", address)
    assert done.returncode == 1
    assert (
        done.stderr.strip() == f"error: --address must be https://HOST, with a path if there is one (got '{address}')"
    )
