"""Tests that need the development data: without it they skip and say so, or fail where it must be there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
USER = "def test_data(shared_data):\n    assert (shared_data / 'file').exists()\n"


def summary(checkout: Path, needed: str) -> str:
    """What pytest says of a test that uses the data, in a checkout that has no more than the fixture."""
    shutil.copytree(ROOT / "tests", checkout / "tests", ignore=lambda _, names: set(names) - {"conftest.py"})
    (checkout / "tests" / "test_data.py").write_text(USER)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "tests/test_data.py"], cwd=checkout,
        env=os.environ | {"EXEMPLUM_NEEDS_DATA": needed}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize(("needed", "outcome"), [("", "1 skipped"), ("1", "1 error")])
def test_absent_data_skip_or_fail(needed, outcome, tmp_path):
    said = summary(tmp_path / "checkout", needed)
    assert outcome in said
    assert "no development data" in said


def test_data_that_are_there_are_used(tmp_path):
    data = tmp_path / "shared" / "data"
    data.mkdir(parents=True)
    (data / "file").touch()
    assert "1 passed" in summary(tmp_path / "checkout", "1")


def test_ci_needs_the_data():
    assert "export EXEMPLUM_NEEDS_DATA=1" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
