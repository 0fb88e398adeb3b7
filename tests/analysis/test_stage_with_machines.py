"""The stage reads what machines saw and scored, writes what it says of people, and hides it while a study recruits."""

import json
import shutil

import pytest

from exemplum.analysis import stage
from exemplum.responses import read, write_encoders
from exemplum.study import blinding
from exemplum.study.folder import Study
from exemplum.tables import ESTIMATES, EVIDENCE, MODELS, PEOPLE_AND_MACHINES, RESPONSES, SCORES, VERDICTS

from .predicted_study import study as predicted
from .test_calibration_of_machines import Encoder


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    """Analysed once."""
    folder = tmp_path_factory.mktemp("study")
    made = predicted(people=6, units=8)
    (folder / "study.toml").write_text("[analysis]\nbootstrap = 50\n")
    for kind, rows in made.responses.groupby("observer_kind"):
        RESPONSES.write(folder / "responses" / f"{kind}.parquet", rows)
    EVIDENCE.write(folder / "responses" / "evidence.parquet", made.machines.evidence)
    SCORES.write(folder / "scores" / "scores.parquet", made.machines.scores)
    opened = Study.open(folder)
    write_encoders(opened.stage("responses"), [Encoder()])
    blinding.write_status(opened, blinding.Status("0" * 32, "closed", 1, 96, 6, "", ""))
    stage.run(opened)
    return opened


@pytest.fixture
def copy(study, tmp_path) -> Study:
    shutil.copytree(study.folder, tmp_path / "copy")
    return Study.open(tmp_path / "copy")


def test_evidence_is_no_file_of_answers(study) -> None:
    assert len(read(study.stage("responses"))) == 6 * 8 * 2 * 4


def test_what_machines_say_of_people_is_in_the_tables(study) -> None:
    folder = study.stage("analysis")
    assert len(PEOPLE_AND_MACHINES.read(folder / "people_and_machines.parquet")) == 3 * 8 * 2
    rows = ESTIMATES.read(folder / "estimates.parquet")
    assert {"ppi", "bca_t"} <= set(rows["interval"])
    assert "calibration" in set(MODELS.read(folder / "models.parquet")["model"])
    held = json.loads((folder / "calibration.json").read_text())["observers"]
    assert held["similarity"]["fingerprint"] == "5d41"


def test_the_verdict_does_not_depend_on_machines_scores(copy) -> None:
    with_them = VERDICTS.read(copy.stage("analysis") / "verdicts.parquet")
    (copy.folder / "scores" / "scores.parquet").unlink()
    (copy.stage("responses") / "evidence.parquet").unlink()
    stage.run(copy)
    assert VERDICTS.read(copy.stage("analysis") / "verdicts.parquet").equals(with_them)
    assert not (copy.stage("analysis") / "calibration.json").exists()


@pytest.mark.parametrize("path", ["scores/scores.parquet", "responses/evidence.parquet"])
def test_new_scores_or_evidence_make_the_analysis_stale(copy, path: str) -> None:
    before = stage.fingerprint(copy)
    (copy.folder / path).unlink()
    assert stage.fingerprint(copy) != before


def test_nothing_of_people_is_told_while_the_study_recruits(copy) -> None:
    blinding.write_status(copy, blinding.Status("0" * 32, "open", None, 96, 6, "", ""))
    stage.run(Study.open(copy.folder))
    folder = copy.stage("analysis")
    rows = ESTIMATES.read(folder / "estimates.parquet")
    assert not ((rows["observer"] == "participants") | (rows["group"] == "participants")).any()
    for name in ("people_and_machines.parquet", "people_and_machines.csv", "calibration.json"):
        assert not (folder / name).exists()
