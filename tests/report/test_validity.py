"""The report tells what `exemplum check` found, if it was run on the present design."""

import pytest

from exemplum import checks
from exemplum.checks import table
from exemplum.report import stage
from exemplum.tables import CHECKS

ROW = {
    "check": "copies", "measure": "content", "condition": "synthetic", "difficulty": "all", "scope": "mixed4a:17",
    "value": 1.0, "expected": 0.0, "low": 0.0, "high": 0.0, "p": float("nan"), "n": 1, "counted": "references",
    "verdict": "wrong", "found": "a.png looks the same as b.png, a query", "advice": "take <it> out",
}  # fmt: skip
OF_ALL = ROW | {"scope": "all", "found": "1 of 9 references of synthetic shows or resembles a query beside it"}
SIDE = ROW | {
    "check": "side", "measure": "top", "condition": "all", "scope": "all", "value": 0.512, "expected": 0.5, "low": 0.4,
    "high": 0.6, "p": 0.9, "n": 180, "counted": "trials", "verdict": "fine", "found": "on top in 51% of trials",
    "advice": "",
}  # fmt: skip


@pytest.fixture
def checked(finished_stimuli):
    """A study whose design was checked."""
    CHECKS.write(finished_stimuli.folder / "checks" / "checks.parquet", [OF_ALL, ROW, SIDE])
    finished_stimuli.finish("checks", table.fingerprint(finished_stimuli), 1.0, {})
    return finished_stimuli


def page(study) -> str:
    stage.run(study)
    return (study.folder / "report/index.html").read_text(encoding="utf-8")


@pytest.mark.slow  # a page more
def test_a_study_that_was_not_checked_has_no_such_section(finished_stimuli):
    assert 'id="validity"' not in page(finished_stimuli)
    assert not (finished_stimuli.folder / "report/tables/checks.csv").exists()


def test_what_was_found_is_told_with_what_to_do(checked, parse):
    html = page(checked)
    told = parse(checked.folder / "report/index.html").text["validity"]
    assert "Wrong: 1 of 2 things checked." in told
    assert "mixed4a:17: a.png looks the same as b.png" in told
    assert "take <it> out" in told
    assert "fair: 0.40 to 0.60; n = 180 trials" in told
    assert html.index('data-verdict="wrong"') < html.index('data-verdict="fine"')
    assert (checked.folder / "report/tables/checks.csv").exists()


def test_checks_make_the_report_stale_and_a_new_design_makes_the_checks_stale(checked):
    before = stage.fingerprint(checked)
    record = checked.folder / "checks" / "record.json"
    held = record.read_bytes()
    record.unlink()
    assert stage.fingerprint(checked) != before
    record.write_bytes(held)
    assert stage.fingerprint(checked) == before
    checked.finish("design", "another design", 1.0, {})
    assert checks.current(checked).empty
    assert 'id="validity"' not in page(checked)
    assert stage.fingerprint(checked) != before
