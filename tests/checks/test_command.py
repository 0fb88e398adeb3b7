"""`exemplum check` as a user meets it: what it prints, writes and leaves alone, and how it exits."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from checks import studies as made
from design.altered import CHANGES
from exemplum import checks, design as designs, store
from exemplum.records import TrialKind
from exemplum.runtime import output
from exemplum.server import live
from exemplum.study import Study
from exemplum.tables import CHECKS
from studies.demo import demo_study


@pytest.fixture
def check(exemplum, monkeypatch):
    monkeypatch.setattr(output, "width", 200)

    def run(folder: Path, *options: str) -> SimpleNamespace:
        done = exemplum("check", str(folder), *options)
        return SimpleNamespace(status=done.returncode, stdout=done.stdout, stderr=done.stderr)

    return run


def files(folder: Path) -> list[tuple[str, int, int]]:
    """What is in a study, without what the command may write."""
    return [
        entry for entry in store.listing(folder)
        if not entry[0].startswith(("checks/", "responses/vectors/", ".", "study.json"))
    ]  # fmt: skip


def test_a_fair_study_is_fine(fair, check):
    before = files(fair.folder)
    found = check(fair.folder, "--all")
    assert found.status == 0, found.stdout
    assert "It does not count here: study.toml has no section [server]" in found.stdout
    table = CHECKS.read(fair.folder / "checks" / "checks.parquet")
    assert set(table["verdict"]) == {"fine"}
    assert f"All {len(table)} things that could be checked are fine." in found.stdout
    assert "low-level observers" in found.stdout
    assert files(fair.folder) == before
    pd.testing.assert_frame_equal(checks.current(fair), table)
    pd.testing.assert_frame_equal(fair.tables.checks, table)
    assert str(table["found"].iloc[0])[:30] in found.stdout.replace("│", "")


def test_a_leaky_study_is_caught_and_the_table_goes_stale_with_the_design(fair, check, tmp_path):
    study = made.copy(fair, tmp_path / "leaky")
    design = designs.load(study)
    trial = next(t for t in design.trials if (t.condition, t.kind) == ("synthetic", TrialKind.MAIN))
    copy = CHANGES["crop of 0.9"](store.read_png(study.folder / trial.query_min), np.random.default_rng(0))
    store.write_png(study.folder / trial.references.min[0], copy)
    made.save(study, made.biased(design, 0.9))
    assert checks.current(study).empty
    assert checks.made(study) == ""
    found = check(study.folder)
    assert found.status == 1
    told = " ".join(found.stdout.replace("│", " ").split())
    assert told.startswith("Only the trials are checked: study.toml has no section [server], and nobody was served.")
    assert "consent" not in told  # what matters to people would bury what matters to machines
    assert trial.references.min[0] in told
    assert "toss a fair coin for the side" in told
    wrong = checks.current(study).query("verdict == 'wrong'")
    assert set(wrong["check"]) == {"copies", "side"}
    assert (wrong["advice"] != "").all()
    units = wrong[(wrong["check"] == "copies") & (wrong["scope"] != "all")]  # one thing, and its unit's name
    assert len(units) == 1
    assert f"Wrong: {len(wrong) - 1} of" in found.stdout


def test_strict_counts_what_is_to_be_looked_at(fair, check, tmp_path):
    """A unit with queries that overlap is to be looked at, no more."""
    study = made.copy(fair, tmp_path / "close")
    made.change(study, "queries", lambda pairs: pairs.assign(margin=pairs["margin"].where(pairs.index > 0, 0.05)))
    assert check(study.folder, "--strict").status == 1
    assert set(checks.current(study)["verdict"]) == {"fine", "look"}


def test_what_concerns_people_counts_only_where_they_are_to_come(fair, check, tmp_path):
    found = check(fair.folder, "--live")
    assert found.status == 1  # asked for
    assert "the text in en, de is the example that comes with Exemplum" in " ".join(found.stdout.split())
    assert "The study should not begin: 3 things are wrong" in found.stdout  # and the test saved the design by hand
    study = made.copy(fair, tmp_path / "for people")
    assert not live.is_for_people(study)
    toml = study.folder / "study.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + '[server]\ntitle = "Images"\n', encoding="utf-8")
    assert live.is_for_people(Study.open(study.folder))


WITHOUT_TORCH = """
import sys
class Absent:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("torch", "torchvision", "skimage", "numba", "timm"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from exemplum import cli
cli.run()
"""


@pytest.mark.slow
def test_whether_people_may_come_needs_no_torch(fair):
    """On a server, where it is not installed, the trials are not compared, and the rest is as elsewhere."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "check", str(fair.folder)], capture_output=True, text=True, timeout=120
    )
    assert "The study should not begin" in done.stdout, done.stderr
    assert "the trials are not compared here, since skimage is not installed" in done.stderr
    assert done.returncode == 0


def row(verdict: str) -> dict:
    return {
        "check": "side", "measure": "top", "condition": "all", "difficulty": "all", "scope": "all", "value": 0.6,
        "expected": 0.5, "low": 0.4, "high": 0.6, "p": 0.001, "n": 100, "counted": "trials", "verdict": verdict,
        "found": "the right query is on top in 60% of trials", "advice": "toss a coin" if verdict != "fine" else "",
    }  # fmt: skip


def test_without_a_design_the_error_says_what_to_do(check, tmp_path):
    (tmp_path / "study.toml").write_text("seed = 1\n", encoding="utf-8")
    found = check(tmp_path)
    assert found.status == 1
    assert "has no design yet; run: exemplum run" in found.stderr
    assert not (tmp_path / "checks").exists()


def test_the_table_is_read_without_torch(fair):
    code = (
        "import sys; from exemplum import checks; from exemplum.study import Study; "
        f"found = checks.current(Study.open({str(fair.folder)!r})); checks.lines(found); checks.counts(found); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_is_unknown_for_one_reason_is_one_line():
    table = CHECKS.frame([row("unknown") | {"condition": name} for name in ("natural", "synthetic")] + [row("wrong")])
    told = checks.lines(table)
    assert [line.verdict for line in told] == ["wrong", "unknown"]
    assert told[1].found == ("2 things could not be checked",)
    assert len(checks.lines(table, fine=True)) == 3


def test_an_old_study_can_be_checked(tmp_path):
    """As 0.1.0 left it: queries among the references, no word about difficulty."""
    study = Study.open(demo_study(tmp_path))
    found = checks.audit(study)
    assert set(found["verdict"]) == {"fine", "unknown"}  # of two units nothing can be told from chance
    assert set(found.loc[found["check"] == "activation", "verdict"]) == {"fine"}
    assert set(found.loc[found["check"] == "low_level", "difficulty"]) == {"extreme"}
