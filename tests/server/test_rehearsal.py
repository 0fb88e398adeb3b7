"""A rehearsal: simulated people through the real server, in a copy that nobody takes for the study."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing, contextmanager

import numpy as np
import pytest
from scipy.stats import binomtest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from exemplum import design as designs, export, responses, store
from exemplum.cli import rehearsal
from exemplum.errors import UserError
from exemplum.records import TrialKind
from exemplum.server import Experiment, PaySection, Settings, create_app, simulated
from exemplum.server.simulated.person import SimulatedPerson
from exemplum.server.storage.schema import SessionRow
from exemplum.study import Study, pipeline, stamped
from server import made
from server.test_experimenter import let_in
from server.walk import Walker

PLACES, PEOPLE = 4, 12
# bootstrap: no test here is about an interval by resampling
TOML = """[exclusions]
catch_accuracy = 0.75
answers_each_side = 1
[analysis]
bootstrap = 100
[server]
intuitiveness_units = 1
comprehension = true
[server.pay]
amount = 2.0
bonus = "fixed"
bonus_amount = 0.5
[observers.simulated]
spread = 0.4
"""
CROWD = simulated.Crowd(
    PEOPLE, 3, {"natural": 0.9, "synthetic": 0.7, "catch": 0.99999}, lapse=0.0, dropouts=0.1, careless=0.1,
    refusals=0.06,
)  # fmt: skip
COMPLETED = 9  # attentive people; the careless fail attention


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return made.whole(tmp_path_factory.mktemp("rehearsed") / "study", TOML, PLACES)


@pytest.fixture(scope="module")
def before(study) -> list:
    study.identity  # noqa: B018 — gives the folder its id
    return store.listing(study.folder)


@pytest.fixture(scope="module")
def copy(study, before) -> Study:
    return stamped.make(study, "rehearsal")


@pytest.fixture(scope="module")
def visits(copy) -> list[simulated.SimulatedVisit]:
    return simulated.visits(copy, CROWD, simulated.began_ms(CROWD))


def test_nothing_of_it_is_in_the_study_itself(study, before, copy, visits):
    own = [entry for entry in store.listing(study.folder) if not entry[0].startswith("rehearsal/")]
    assert own == before
    assert copy.id != study.id
    assert json.loads((copy.folder / "study.json").read_text())["copy_of"] == study.id


def test_pictures_are_not_copied(study, copy):
    pictures = sorted((study.folder / "explanations").rglob("*.png"))
    assert pictures
    for path in pictures:
        assert path.samefile(copy.folder / path.relative_to(study.folder))


def test_everyone_comes_as_announced(visits):
    ended = {"attentive": "completed", "careless": "failed_attention", "dropout": "dropped_out",
             "refusal": "no_consent"}  # fmt: skip
    assert Counter(visit.manner for visit in visits) == {"attentive": 9, "careless": 1, "dropout": 1, "refusal": 1}
    for visit in visits:
        assert visit.outcome == ended[visit.manner]
        assert visit.broken == (("catch_accuracy",) if visit.manner == "careless" else ())


def test_the_given_accuracies_are_recovered(copy, visits):
    """Oracle: the binomial distribution. 999 of 1000 such intervals hold the truth."""
    answers = responses.read(copy.stage("responses"))
    careless = {f"P{place:04d}" for place, visit in enumerate(visits, 1) if visit.manner == "careless"}
    main = answers[(answers["trial_kind"] == "main") & ~answers["participant"].isin(careless)]
    assert main["participant"].nunique() == COMPLETED
    for condition in ("natural", "synthetic"):
        correct = main.loc[main["condition"] == condition, "correct"]
        interval = binomtest(int(correct.sum()), len(correct)).proportion_ci(0.999)
        assert interval.low <= CROWD.expected(condition) <= interval.high, condition
    assert set(answers["experiment"]) == {"quick (rehearsal)"}


def test_people_who_differ_are_as_accurate_as_given_in_the_mean(study):
    """Oracle: the given share, within 4 standard errors of the mean over 500 people who differ in d′ (SD 0.4)."""
    trials = {trial.condition: trial for trial in designs.load(study).trials if trial.kind is TrialKind.MAIN}
    section = study.config.observers.simulated
    for condition, trial in trials.items():
        people = [SimulatedPerson(CROWD, number, simulated.Manner.ATTENTIVE, section) for number in range(1, 501)]
        shares = [np.mean([person.respond(trial, at).choice is trial.max_side for at in range(8)]) for person in people]
        assert abs(np.mean(shares) - CROWD.accuracy[condition]) < 4 * np.std(shares) / len(shares) ** 0.5


def test_the_place_of_a_dropout_is_given_again(copy, visits):
    """Nine complete in 4 places: 2 or 3 each, whoever left, refused or was excluded in between."""
    experiment = Experiment.open(Settings(copy.folder))
    with experiment.database.read() as orm:
        slots = orm.scalars(select(SessionRow.slot).where(SessionRow.outcome == "completed")).all()
        sessions = orm.scalar(select(func.count()).select_from(SessionRow))
    experiment.close()
    assert sessions == PEOPLE
    assert len(slots) == COMPLETED
    assert set(Counter(slots).values()) <= {2, 3}
    assert set(slots) == set(range(1, PLACES + 1))


def test_a_served_rehearsal_says_so_and_counts_nobody(copy, visits):
    client = TestClient(create_app(Experiment.open(Settings(copy.folder, limits=False))))
    with client:
        client.experiment = client.app.state.experiment
        let_in(client)
        for name in ("", "results", "audit", "downloads", "ready"):
            assert stamped.NOTICES["rehearsal"] in client.get(f"/experimenter/{name}").text, name
        walker = Walker(client)
        assert walker.start().json()["state"]["pilot"] is True
        walker.walk()
    assert len(copy.tables.people) == COMPLETED + 1


def test_the_study_refuses_its_answers(study, copy, visits, tmp_path):
    other = tmp_path / "study"
    shutil.copytree(study.folder, other, ignore=shutil.ignore_patterns("rehearsal"))
    shutil.copytree(copy.stage("responses"), other / "responses")
    with pytest.raises(UserError, match="holds answers of a rehearsal"):
        responses.read(other / "responses")
    with pytest.raises(UserError, match="that the database"):
        Experiment.open(Settings(other))
    shutil.rmtree(other / "responses")
    database = copy.folder / "server" / "experiment.sqlite"
    with pytest.raises(UserError, match="is the database of a rehearsal"):
        Experiment.open(Settings(other, f"sqlite:///{database}"))
    shutil.copy(database, other / "server" / "experiment.sqlite")
    with pytest.raises(UserError, match="is the database of the study 'rehearsal'"):
        Experiment.open(Settings(other))


def test_it_is_not_exported(copy, tmp_path):
    with pytest.raises(UserError, match=r"rehearsal is not exported\. Rehearsal: simulated people"):
        export.write(copy, tmp_path / "dataset")


def test_the_copy_takes_no_other_database_and_makes_no_other_stage(study, copy, tmp_path):
    with pytest.raises(UserError, match="has a database of its own"):
        Experiment.open(Settings(copy.folder, f"sqlite:///{tmp_path}/other.sqlite"))
    with pytest.raises(UserError, match=f"give the study's own folder, {study.folder.resolve()}"):
        pipeline.run_stage(copy, "design", force=False)
    with pytest.raises(UserError, match="is itself a copy"):
        rehearsal.rehearse(copy, CROWD)
    assert pipeline.stages(copy) == ("analysis", "report")


def test_a_folder_that_is_no_rehearsal_is_left_alone(tmp_path):
    study = made.whole(tmp_path / "study", participants=2, mains=2)
    (study.folder / "rehearsal").mkdir()
    (study.folder / "rehearsal" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not the rehearsal of this study; move it away"):
        rehearsal.rehearse(study, CROWD)
    assert (study.folder / "rehearsal" / "notes.txt").read_text() == "mine"


@pytest.mark.slow  # a second rehearsal
def test_a_stopped_rehearsal_goes_on_to_the_same_answers(tmp_path):
    study = made.whole(tmp_path / "study", TOML, 3, mains=2)
    crowd = simulated.Crowd(3, 5, CROWD.accuracy, dropouts=0.3, careless=0.3, refusals=0.0)
    answers = []
    for stops in (False, True):
        copy = stamped.make(study, "rehearsal")
        began = simulated.began_ms(crowd)
        if stops:
            with full_after(copy, 12), pytest.raises(simulated.RehearsalError, match="refused a trial"):
                simulated.visits(copy, crowd, began)
        simulated.visits(copy, crowd, began)
        answers.append(responses.read(copy.stage("responses")))
    assert answers[0].equals(answers[1])


@contextmanager
def full_after(copy: Study, answers: int):
    """Within, the copy's database takes so many answers, and then none."""
    Experiment.open(Settings(copy.folder)).close()  # makes the tables
    with closing(sqlite3.connect(copy.folder / "server" / "experiment.sqlite")) as database:
        database.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON answers WHEN (SELECT count(*) FROM answers) >= {answers} "
            "BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        yield
        database.execute("DROP TRIGGER full")


def test_what_it_costs(visits):
    """Oracle: by hand. Those who completed get 2.00 and a bonus of 0.50; all others nothing."""
    assert rehearsal.cost(visits, PaySection(amount=2.0)) == 2.5 * COMPLETED
    assert rehearsal.cost(visits, PaySection()) is None
    took = rehearsal.durations(visits)
    assert took.n == COMPLETED
    assert 1 < took.median <= took.most < 60


@pytest.mark.slow
def test_forty_people_to_a_stamped_report(tmp_path, exemplum):
    """Given are 0.9 and 0.7; the report's intervals at 99.9 %, by the binomial distribution, hold them."""
    study = made.whole(tmp_path / "study", TOML, PLACES)
    given = ("--participants", "40", "--accuracy", "natural=0.9", "--accuracy", "synthetic=0.7", "--careless", "0.05")
    found = exemplum("rehearse", str(study.folder), *given)
    assert found.returncode == 0, found.stderr
    assert "Rehearsal: 40" in found.stdout
    assert "These people cost" in found.stdout
    copy = Study.open(study.folder / "rehearsal")
    rows = rehearsal.recovered(copy, simulated.Crowd(40, 7, {"natural": 0.9, "synthetic": 0.7})).itertuples()
    for row in rows:
        interval = binomtest(round(row.found * row.trials), row.trials).proportion_ci(0.999)
        assert interval.low <= row.given <= interval.high, row
    page = (copy.stage("report") / "index.html").read_text(encoding="utf-8")
    assert re.search(r"<title>Rehearsal: ", page)
    assert stamped.NOTICES["rehearsal"] in page
    assert not (study.folder / "responses").exists()
    methods = (copy.stage("report") / "paper/methods.md").read_text(encoding="utf-8")
    assert stamped.NOTICES["rehearsal"] in methods
    refit = copy.stage("report") / "paper/refit.py"
    fitted = subprocess.run([sys.executable, refit], capture_output=True, text=True)
    assert "odds ratio, natural against synthetic" in fitted.stdout
    assert "\nreproduced" in fitted.stdout, fitted.stdout
    again = exemplum("rehearse", str(study.folder), *given)
    assert "analysis: up to date" in again.stderr
    assert "report: up to date" in again.stderr
