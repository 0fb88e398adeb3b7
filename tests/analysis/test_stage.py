"""The stage reads every file of answers, and is stale when people have answered more."""

import subprocess
import sys

import pytest

from exemplum.analysis import stage
from exemplum.errors import UserError
from exemplum.study import blinding
from exemplum.study.folder import Study
from exemplum.tables import COMPARISONS, ESTIMATES, RESPONSES

PEOPLE = tuple((f"p{i}", c, marks) for i in range(3) for c, marks in (("natural", "1110"), ("synthetic", "10" * 2)))


@pytest.fixture
def study(tmp_path, answers) -> Study:
    (tmp_path / "study.toml").write_text("[analysis]\nbootstrap = 100\n")
    RESPONSES.write(tmp_path / "responses" / "participants.parquet", answers(*PEOPLE))
    made = Study.open(tmp_path)
    blinding.write_status(
        made, blinding.Status("0" * 32, "closed", 1, len(PEOPLE), 3, "", "")
    )  # else people are left out
    return made


def test_people_and_machines_meet_in_the_tables(study, answers):
    RESPONSES.write(study.stage("responses") / "machines.parquet", answers(*PEOPLE, observer="ideal"))
    summary = stage.run(study)
    assert summary["answers"] == 48
    estimates = ESTIMATES.read(study.stage("analysis") / "estimates.parquet")
    assert set(estimates["observer"]) == {"participants", "ideal"}
    assert set(COMPARISONS.read(study.stage("analysis") / "comparisons.parquet")["observer"]) == {
        "participants",
        "ideal",
    }
    assert (study.stage("analysis") / "estimates.csv").read_text().startswith("experiment,observer,measure")


def test_new_answers_make_the_analysis_stale(study, answers):
    before = stage.fingerprint(study)
    assert stage.fingerprint(study) == before
    RESPONSES.write(study.stage("responses") / "participants.parquet", answers(*PEOPLE, ("p9", "natural", "1")))
    assert stage.fingerprint(study) != before


def test_no_answers_are_an_error_for_users(study):
    (study.stage("responses") / "participants.parquet").unlink()
    with pytest.raises(UserError, match="no answers"):
        stage.run(study)


def test_the_analysis_needs_no_torch():
    code = "import sys, exemplum.analysis.stage, exemplum.analysis.reproduction; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_rule_leaves_people_out_and_makes_the_stage_stale(study, answers):
    catch = answers(("p0", "natural", "00"), ("p1", "natural", "11"), ("p2", "natural", "11"), trial_kind="catch")
    catch["trial_id"] = "catch-" + catch["trial_id"]
    RESPONSES.write(study.stage("responses") / "catch.parquet", catch)
    before = stage.fingerprint(study)
    (study.folder / "study.toml").write_text("[analysis]\nbootstrap = 100\n[exclusions]\ncatch_accuracy = 0.8\n")
    strict = Study.open(study.folder)
    assert stage.fingerprint(strict) != before
    stage.run(strict)
    estimates = ESTIMATES.read(study.stage("analysis") / "estimates.parquet")
    whole = estimates[
        (estimates["by"] == "all") & (estimates["measure"] == "accuracy") & (estimates["interval"] == "sem2")
    ]
    assert set(whole["n_participants"]) == {2}
    assert "p0" not in set(estimates.loc[estimates["by"] == "participant", "group"])
