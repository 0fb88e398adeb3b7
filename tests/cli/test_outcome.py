"""What a run ends with: the declared verdicts, where the pages are, and the next command."""

from pathlib import Path

import pytest

from exemplum import scores, store, tables
from exemplum.checks import table
from exemplum.cli import outcome
from exemplum.cli.new import DEMO, create
from exemplum.scores import stored
from exemplum.study import Study

FIRST = {
    "experiment": "demo", "observer": "similarity", "by": "all", "group": "", "method": "crops", "baseline": "natural",
    "population": "machine", "role": "primary", "verdict": "undecided", "difference": 0.02, "low": -0.1, "high": 0.1,
    "std_error": 0.05, "df": 8.0, "p": 0.7, "p_adjusted": 0.7, "p_equivalence": 0.3, "p_equivalence_adjusted": 0.3,
    "margin": 0.05, "accuracy": 0.8, "baseline_accuracy": 0.78, "n_participants": 1, "n_units": 9,
    "new_participants": float("nan"), "new_units": 90.0, "sentence": "Undecided whether crops differs.",
}  # fmt: skip


@pytest.fixture
def study(tmp_path: Path) -> Study:
    create(tmp_path / "s", DEMO)
    made = Study.open(tmp_path / "s")
    others = [{"role": "exploratory"}, {"role": "secondary"}, {"observer": "ideal"}]  # of ideal the result is known
    rows = [FIRST, *(FIRST | other | {"sentence": "Not told."} for other in others)]
    tables.VERDICTS.write(made.stage("analysis") / "verdicts.parquet", rows)
    return made


def test_a_run_ends_with_its_primary_verdicts_and_the_next_command(study, capfd):
    outcome.tell(study)
    told = capfd.readouterr()
    assert told.out.strip() == "Verdict by similarity: Undecided whether crops differs."
    lines = told.err.replace("\n", " ").split("  ")[0]
    assert "report/index.html" in lines.replace(" ", "")
    assert f"exemplum check {study.folder}" in lines
    assert "network page" not in lines


@pytest.fixture
def checked(study: Study) -> Study:
    """The study after `exemplum score` and `exemplum check`, as far as their records and files tell."""
    study.finish("design", "a design", 1.0, {})
    tables.CHECKS.write(study.stage(table.NAME) / table.FILE, [])
    study.finish(table.NAME, table.fingerprint(study), 1.0, {})
    study.finish("index", "an index", 1.0, {})
    store.write_text(study.stage(scores.FOLDER) / scores.PAGE, "<p>the network page</p>")
    stored.note(study, ("index",))
    study.finish(scores.FOLDER, "some scores", 1.0, {})
    return study


def test_a_checked_and_scored_study_is_led_to_its_network_page_and_not_to_the_check(checked, capfd):
    outcome.tell(checked)
    told = capfd.readouterr().err
    assert f"a page per unit: exemplum gallery {checked.folder}" in told
    assert "exemplum check" not in told


def test_checks_and_scores_of_what_has_changed_since_are_not_pointed_to(checked, capfd):
    checked.finish("design", "another design", 1.0, {})
    checked.finish("index", "another index", 1.0, {})
    outcome.tell(checked)
    told = capfd.readouterr().err
    assert "network page" not in told
    assert f"exemplum check {checked.folder}" in told
