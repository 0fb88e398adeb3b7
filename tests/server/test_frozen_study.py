"""A study that people have answered is frozen: what may still change is listed, everything else is refused."""

import dataclasses
import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select

from design.made import stimuli, units
from exemplum import store
from exemplum.cli import new as studies
from exemplum.design import stage as design_stage
from exemplum.errors import UserError
from exemplum.server import Experiment, Settings
from exemplum.server.storage.schema import StudyRow
from exemplum.study import blinding, freezing, pipeline
from exemplum.study.folder import Study
from exemplum.study.freezing import FrozenError
from exemplum.tables import STIMULI, STUDY_UNITS
from server import made
from server.conftest import ON_SQLITE, stop
from server.legacy import legacy_study
from server.process import Server
from server.test_experimenter import let_in, pilot_link, press
from server.walk import Walker

FREE = """
[exclusions]
catch_accuracy = 0.5
[analysis]
bootstrap = 77
[observers]
run = ["chance"]
[server]
title = "Another title"
contact = "someone@example.org"
recruit = 40
languages = ["en", "de"]
[server.codes]
completed = "DONE"
"""


@pytest.fixture(scope="module")
def explanations(tmp_path_factory):
    """A folder of all stimuli of a small study, with their tables; beside it one for what servers encode of them."""
    base = tmp_path_factory.mktemp("explained")
    (base / "encoded").mkdir()
    of = units(4, 9)
    table = stimuli(of, batches=4, references=(3,))
    STUDY_UNITS.write(base / "explanations" / "units.parquet", of)
    STIMULI.write(base / "explanations" / "stimuli.parquet", table)
    for path in table["path"]:
        made.picture(base / path)
    return base / "explanations"


@pytest.fixture
def folder(tmp_path, explanations):
    """A study whose design stage the pipeline really runs; its explanations are given."""
    folder = tmp_path / "study"
    sizes = "\n".join(f"{name} = {value}" for name, value in made.SMALL.items())
    store.write_text(folder / "study.toml", f"[design]\nparticipants = 6\n{sizes}\n")
    (folder / "explanations").mkdir()
    (folder / "server").mkdir()
    (folder / "server" / "images").symlink_to(explanations.parent / "encoded")
    for part in explanations.iterdir():
        if part.is_dir():
            (folder / "explanations" / part.name).symlink_to(part)
        else:
            shutil.copy(part, folder / "explanations")
    Study.open(folder).finish("explanations", "given", 0.0, {}, 2)
    return folder


def design(folder, force=False):
    pipeline.run(Study.open(folder), ["design"], force)


def change(folder, old, new):
    path = folder / "study.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def answer_one(client, **params):
    """One answer, of a block that goes on."""
    walker = Walker(client, **params)
    walker.start()
    block = walker.walk(until=lambda step: step["kind"] == "block")
    assert walker.answer(block["trials"][0]["trial"]).status_code == 200
    return walker


def said(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_without_answers_the_design_follows_study_toml(folder, serve):
    design(folder)
    client = serve(folder=folder)
    answer_one(client, link=pilot_link(client))  # pilots freeze nothing
    stop(client)
    change(folder, "participants = 6", "participants = 5")
    design(folder)
    assert pd.read_parquet(folder / "design" / "trials.parquet")["participant"].nunique() == 5
    stop(serve(folder=folder))
    assert blinding.read_status(Study.open(folder)).frozen == {}


def test_a_design_of_another_study_toml_is_not_served(folder, serve):
    design(folder)
    change(folder, "participants = 6", "participants = 5")
    with pytest.raises(UserError) as error:
        serve(folder=folder)
    assert "is out of date: since it was made, study.toml" in said(error)
    design(folder)
    assert len(serve(folder=folder).experiment.design.sessions) == 5


def test_one_answer_freezes_the_study(folder, serve):
    design(folder)
    before = (folder / "design" / "trials.parquet").read_bytes()
    client = serve(folder=folder)
    answer_one(client)
    held = blinding.read_status(Study.open(folder))  # at once, while the server runs
    assert (held.answers, held.participants, held.id) == (1, 1, Study.open(folder).id)
    assert held.frozen["stages"]["design"]["fingerprint"] == Study.open(folder).record("design")["fingerprint"]
    stop(client)
    change(folder, "participants = 6", "participants = 5")
    for act in (lambda: design(folder), lambda: design(folder, force=True), lambda: serve(folder=folder)):
        with pytest.raises(FrozenError) as error:
            act()
        message = said(error)
        assert "[design] participants: 6 → 5" in message
        assert f"exemplum new {folder}-2 --from {folder}" in message
    with pytest.raises(FrozenError):
        pipeline.before(Study.open(folder), "report")
    assert (folder / "design" / "trials.parquet").read_bytes() == before
    change(folder, "participants = 5", "participants = 6")
    design(folder)
    stop(serve(folder=folder))


@ON_SQLITE
@pytest.mark.parametrize(
    "said_now", ['primary = "these_units"', 'secondary = ["scheme"]', "margin = 0.1", 'difficulty = "extreme"']
)
def test_what_a_verdict_is_about_is_frozen(folder, serve, said_now):
    design(folder)
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    text = (folder / "study.toml").read_text()
    assert "[analysis]" not in text
    (folder / "study.toml").write_text(f"{text}[analysis]\n{said_now}\n")
    with pytest.raises(FrozenError, match=said_now.partition(" ")[0]):
        pipeline.run(Study.open(folder), ["analysis"])


@ON_SQLITE
def test_the_baseline_is_frozen(folder, serve):
    design(folder)
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    text = (folder / "study.toml").read_text()
    assert "[explanations]" not in text
    (folder / "study.toml").write_text(f'{text}[explanations]\nbaseline = "synthetic"\n')
    with pytest.raises(FrozenError, match=r"\[explanations\] baseline: \"natural\" → \"synthetic\""):
        pipeline.run(Study.open(folder), ["analysis"])


@ON_SQLITE
def test_a_study_frozen_before_there_was_a_baseline_stays_as_it_is(folder, serve):
    """Neither the new keys' defaults nor a file that does not name them are an edit."""
    design(folder)
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    study = Study.open(folder)
    held = blinding.read_status(study)
    frozen = json.loads(json.dumps(held.frozen))
    del frozen["config"]["explanations"]["baseline"], frozen["config"]["analysis"]["difficulty"]
    assert freezing.changes(frozen, study, unblinded=True) == []


def test_force_does_not_get_around_it(folder, serve):
    design(folder)
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    record = Study.open(folder).record("design")
    with pytest.raises(FrozenError, match="even with --force"):
        design(folder, force=True)
    assert Study.open(folder).record("design") == record


def test_what_is_listed_may_change(folder, serve):
    design(folder)
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    store.write_text(folder / "study.toml", (folder / "study.toml").read_text() + FREE)
    store.write_text(folder / "texts" / "en.toml", '[consent]\ntext = "Ours."\n')
    design(folder)
    client = serve(folder=folder)
    assert client.get("/api/config").json()["study"]["title"] == "Another title"
    assert answer_one(client).state()


@pytest.mark.parametrize(
    ("toml", "shown"),
    [
        ('[server]\nlanguages = ["en"]\n', '[server] languages: ["en", "de"] → ["en"]'),
        ("[server]\nbreak_s = 5\n", "[server] break_s: 0.0 → 5.0"),
        ("[index]\nkeep = 7\n", "[index] keep: 300 → 7"),
        ('[stimuli]\nload = "folder:x"\n', '[stimuli] load: nothing → "folder:x"'),
        ('[[server.fields]]\nname = "why"\n', '[server] fields: [] → [{"name": "why"'),
        ("seed = 3\n", "seed: 2021 → 3"),
    ],
)
@ON_SQLITE
def test_anything_else_is_refused_with_the_difference(serve, study_folder, toml, shown):
    folder = study_folder("")
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(toml + text if toml.startswith("seed") else text + toml)
    with pytest.raises(FrozenError) as error:
        serve(folder=folder)
    assert shown in said(error)


def test_rules_may_change_until_results_are_looked_at(serve, study_folder):
    folder = study_folder("")
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    text = (folder / "study.toml").read_text()
    for share in (0.6, 0.7):
        (folder / "study.toml").write_text(f"{text}[exclusions]\ncatch_accuracy = {share}\n")
        client = let_in(serve(folder=folder))
        if share == 0.7:
            press(client, "/experimenter/results", reason="a planned look")
        stop(client)
    (folder / "study.toml").write_text(f"{text}[exclusions]\ncatch_accuracy = 0.8\n")
    with pytest.raises(FrozenError) as error:
        serve(folder=folder)
    assert "[exclusions] catch_accuracy: 0.7 → 0.8" in said(error)
    with pytest.raises(FrozenError, match=r"catch_accuracy: 0\.7 → 0\.8"):
        pipeline.run(Study.open(folder), ["analysis"])


def test_rules_that_the_command_line_unblinded_by_hold(serve, study_folder):
    """`exemplum report --unblind` while no server runs: it notes time and rules in the status."""
    folder = study_folder("")
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(f"{text}[exclusions]\ncatch_accuracy = 0.6\n")
    study = Study.open(folder)
    held = blinding.read_status(study)
    rules = freezing.with_rules_of(held.frozen, study)
    blinding.write_status(study, dataclasses.replace(held, unblinded_at=1_800_000_000_000, frozen=rules))
    client = serve(folder=folder)
    with client.experiment.database.read() as orm:
        assert orm.scalar(select(StudyRow.unblinded_at)) == 1_800_000_000_000
    stop(client)
    (folder / "study.toml").write_text(text)
    with pytest.raises(FrozenError) as error:
        serve(folder=folder)
    assert "[exclusions] catch_accuracy: 0.6 → nothing" in said(error)


def test_a_stage_whose_sources_changed_is_refused(folder, serve):
    design(folder)
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    study = Study.open(folder)
    study.finish("explanations", "made of other images", 0.0, {}, 2)
    with pytest.raises(FrozenError) as error:
        design(folder)
    assert "design of" in said(error)
    assert "the explanations have changed since people answered" in said(error)


def test_what_an_older_exemplum_made_is_kept(folder, serve, monkeypatch, capsys):
    design(folder)
    before = (folder / "design" / "trials.parquet").read_bytes()
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    version = design_stage.VERSION + 1
    monkeypatch.setattr(design_stage, "VERSION", version)
    monkeypatch.setattr(design_stage, "STAGE", replace(design_stage.STAGE, version=version))
    capsys.readouterr()
    design(folder)
    assert "design: kept as people saw it" in capsys.readouterr().err
    assert (folder / "design" / "trials.parquet").read_bytes() == before


@ON_SQLITE
def test_an_older_study_with_answers_keeps_its_design(serve, tmp_path, capsys):
    """Folder and database of the code before studies were frozen."""
    folder = legacy_study(tmp_path)
    before = (folder / "design" / "trials.parquet").read_bytes()
    stop(serve(folder=folder))
    capsys.readouterr()
    design(folder)
    assert "design: kept as people saw it" in capsys.readouterr().err
    assert (folder / "design" / "trials.parquet").read_bytes() == before
    change(folder, "participants = 2", "participants = 3")
    with pytest.raises(FrozenError):
        design(folder)
    with pytest.raises(FrozenError):
        serve(folder=folder)


def test_another_design_than_the_answered_one_is_refused(serve, study_folder):
    folder = study_folder("")
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    shutil.rmtree(folder / "design")
    shutil.copytree(study_folder("", "other", participants=3) / "design", folder / "design")
    with pytest.raises(FrozenError) as error:
        serve(folder=folder)
    assert "is not the design of the 1 answers that people gave" in said(error)


@ON_SQLITE
def test_an_older_study_with_a_changed_design_is_refused(serve, tmp_path):
    folder = legacy_study(tmp_path)
    shutil.rmtree(folder / "design")
    shutil.copytree(made.study(tmp_path / "other", participants=2).stage("design"), folder / "design")
    with pytest.raises(FrozenError, match="is not the design of the 22 answers that people gave"):
        serve(folder=folder)


def test_a_withdrawn_only_participant_leaves_nothing_frozen(serve, study_folder):
    client = let_in(serve(folder=study_folder("")))
    answer_one(client)
    key = client.get("/experimenter/").text.partition('href="session/')[2].partition('"')[0]
    press(client, f"/experimenter/session/{key}/withdraw", sure="yes")
    stop(client)
    held = blinding.read_status(client.experiment.study)
    assert (held.answers, held.participants, held.frozen) == (0, 0, {})


@ON_SQLITE
def test_a_second_server_on_one_sqlite_study_is_refused(serve, study_folder):
    folder = study_folder("")
    serve(folder=folder)
    with pytest.raises(UserError) as error:
        Experiment.open(Settings(folder))
    assert "another server already uses" in said(error)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_several_servers_share_postgresql(serve, study_folder):
    folder = study_folder("")
    first, second = serve(folder=folder), serve(folder=folder)
    assert Walker(first).start().status_code == Walker(second).start().status_code == 201


def test_a_lock_left_by_kill_9_blocks_nobody(study_folder):
    folder = study_folder("")
    server = Server(folder)
    server.start()
    with pytest.raises(UserError, match="another server already uses"):
        Experiment.open(Settings(folder))
    server.kill()
    assert server.process.returncode == -signal.SIGKILL
    assert list((folder / "server").glob("*.lock"))
    Experiment.open(Settings(folder)).close()


def test_no_stage_is_rebuilt_under_a_running_server(folder, serve):
    design(folder)
    client = serve(folder=folder)
    with pytest.raises(UserError, match="is being served; stop exemplum serve"):
        design(folder, force=True)
    design(folder)  # up to date: nothing to do
    stop(client)
    design(folder, force=True)


def test_a_new_version_stands_beside_the_frozen_study(folder, serve):
    design(folder)
    store.write_text(folder / "texts" / "en.toml", '[consent]\ntext = "Ours."\n')
    store.write_text(folder / "mine.py", "STRENGTH = 2\n")
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    beside = folder.with_name("study-2")
    studies.version(beside, folder)
    assert (Study.open(beside).identity.version_of, Study.open(beside).id == Study.open(folder).id) == (
        Study.open(folder).id, False,
    )  # fmt: skip
    for name in ("study.toml", "texts/en.toml", "mine.py", "explanations/stimuli.parquet", "explanations/record.json"):
        assert (beside / name).read_bytes() == (folder / name).read_bytes(), name
    for name in ("server", "responses", "design", "analysis", "report"):
        assert not (beside / name).exists(), name
    change(beside, "participants = 6", "participants = 5")
    design(beside)
    client = serve(folder=beside)
    assert client.experiment.is_frozen is False
    answer_one(client)
    stop(client)
    stop(serve(folder=folder))
    assert [blinding.read_status(Study.open(one)).answers for one in (folder, beside)] == [1, 1]


def test_the_manual_lists_what_may_change():
    """Oracle: the lists of exemplum.study.freezing."""
    pages = Path(freezing.__file__).parents[3] / "docs" / "how-to"
    manual = (pages / "seed-and-version-a-study.md").read_text(encoding="utf-8")
    table = manual.partition("## Frozen by the first answer")[2].partition("Anything else")[0]
    for key in (*freezing.MAY_CHANGE, *freezing.UNTIL_UNBLINDED, *freezing.MAY_GROW):
        section, _, name = key.partition(".")
        assert f"`[{section}]`" in table
        assert f"`{name or f'[{section}]'}`" in table, key


@ON_SQLITE
@pytest.mark.parametrize("kept", ["server/experiment.sqlite", "responses/people.parquet"])
@pytest.mark.parametrize("force", [False, True])
def test_answers_without_a_status_freeze_the_stages(folder, serve, kept, force):
    """The status was lost, or an older server wrote none: the answered design stays all the same."""
    design(folder)
    client = serve(folder=folder)
    walker = Walker(client)
    walker.start()
    walker.walk()
    stop(client)
    (folder / "server" / "status.json").unlink()
    for lost in {"server/experiment.sqlite", "responses/people.parquet"} - {kept}:
        (folder / lost).unlink()
    before = (folder / "design" / "trials.parquet").read_bytes()
    change(folder, "participants = 6", "participants = 7")
    with pytest.raises(FrozenError, match=rf"{kept}.*exemplum serve"):
        design(folder, force)
    assert (folder / "design" / "trials.parquet").read_bytes() == before


@ON_SQLITE
def test_pilots_without_a_status_freeze_nothing(folder, serve):
    design(folder)
    client = serve(folder=folder, pilot=True)
    answer_one(client)
    stop(client)
    (folder / "server" / "status.json").unlink()
    change(folder, "participants = 6", "participants = 7")
    design(folder)
    assert len(design_stage.load(Study.open(folder)).sessions) == 7


@ON_SQLITE
def test_a_lost_design_with_answers_is_to_be_brought_back(folder, serve):
    design(folder)
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    (folder / "design" / "record.json").unlink()
    with pytest.raises(FrozenError, match="backup"):
        design(folder)


@ON_SQLITE
@pytest.mark.parametrize("lost", [[], ["server/status.json"]])
def test_serving_answers_without_their_design_asks_for_it(folder, serve, lost):
    design(folder)
    client = serve(folder=folder)
    answer_one(client)
    stop(client)
    shutil.rmtree(folder / "design")
    for name in lost:
        (folder / name).unlink()
    with pytest.raises(FrozenError, match=r"design is missing.*restore .*design from a backup") as error:
        serve(folder=folder)
    assert "exemplum run" not in said(error)
