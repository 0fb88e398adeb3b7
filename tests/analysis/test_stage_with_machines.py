"""The stage reads what machines saw and scored, writes what it says of people, and hides it while a study recruits."""

import json

import pytest

from exemplum.analysis import stage
from exemplum.responses import read, write_encoders
from exemplum.study import blinding
from exemplum.study.folder import Study
from exemplum.tables import ESTIMATES, MODELS, PEOPLE_AND_MACHINES, RESPONSES, VERDICTS

from .predicted_study import study as predicted
from .test_calibration_of_machines import Encoder


@pytest.fixture
def study(tmp_path) -> Study:
    made = predicted(people=6, units=8)
    (tmp_path / "study.toml").write_text("[analysis]\nbootstrap = 50\n")
    for kind, rows in made.responses.groupby("observer_kind"):
        RESPONSES.write(tmp_path / "responses" / f"{kind}.parquet", rows)
    made.machines.evidence.to_parquet(tmp_path / "responses" / "evidence.parquet", index=False)
    (tmp_path / "scores").mkdir()
    made.machines.scores.to_parquet(tmp_path / "scores" / "scores.parquet", index=False)
    opened = Study.open(tmp_path)
    blinding.write_status(opened, blinding.Status("0" * 32, "closed", 1, 96, 6, "", ""))
    return opened


def test_evidence_is_no_file_of_answers(study) -> None:
    assert len(read(study.stage("responses"))) == 6 * 8 * 2 * 4


def test_what_machines_say_of_people_is_in_the_tables(study) -> None:
    write_encoders(study.stage("responses"), [Encoder()])
    summary = stage.run(study)
    folder = study.stage("analysis")
    assert summary["people_and_machines"] == 3 * 8 * 2
    assert len(PEOPLE_AND_MACHINES.read(folder / "people_and_machines.parquet")) == 48
    rows = ESTIMATES.read(folder / "estimates.parquet")
    assert {"ppi", "bca_t"} <= set(rows["interval"])
    assert "calibration" in set(MODELS.read(folder / "models.parquet")["model"])
    held = json.loads((folder / "calibration.json").read_text())["observers"]
    assert held["similarity"]["fingerprint"] == "5d41"


def test_the_verdict_does_not_depend_on_machines_scores(study) -> None:
    stage.run(study)
    with_them = VERDICTS.read(study.stage("analysis") / "verdicts.parquet")
    (study.folder / "scores" / "scores.parquet").unlink()
    (study.stage("responses") / "evidence.parquet").unlink()
    stage.run(study)
    assert VERDICTS.read(study.stage("analysis") / "verdicts.parquet").equals(with_them)
    assert not (study.stage("analysis") / "calibration.json").exists()


@pytest.mark.parametrize("path", ["scores/scores.parquet", "responses/evidence.parquet"])
def test_new_scores_or_evidence_make_the_analysis_stale(study, path: str) -> None:
    before = stage.fingerprint(study)
    (study.folder / path).unlink()
    assert stage.fingerprint(study) != before


def test_nothing_of_people_is_told_while_the_study_recruits(study) -> None:
    stage.run(study)
    blinding.write_status(study, blinding.Status("0" * 32, "open", None, 96, 6, "", ""))
    stage.run(Study.open(study.folder))
    folder = study.stage("analysis")
    rows = ESTIMATES.read(folder / "estimates.parquet")
    assert not ((rows["observer"] == "participants") | (rows["group"] == "participants")).any()
    for name in ("people_and_machines.parquet", "people_and_machines.csv", "calibration.json"):
        assert not (folder / name).exists()
