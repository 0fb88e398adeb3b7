"""One command at a time works on a study."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exemplum import store
from exemplum.errors import UserError
from exemplum.study import locks, pipeline
from exemplum.study.folder import Study

HOLD = """
import sys, time
from pathlib import Path
from exemplum.study import locks
with locks.alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
SMALL = '[model]\ninput_size = 48\n[observers]\nrun = ["chance"]\n'  # soon checked
COMMAND = [sys.executable, "-m", "exemplum"]


@pytest.fixture
def holder(tmp_path):
    """Another process that works on the study in tmp_path / "study"."""
    store.write_text(tmp_path / "study" / "study.toml", SMALL)
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "study"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_command_is_refused_in_one_line(holder, tmp_path):
    done = subprocess.run([*COMMAND, "run", tmp_path / "study"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"another exemplum command is running on {tmp_path / 'study'}" in done.stderr
    assert not (tmp_path / "study" / "index").exists()


def test_the_study_is_the_same_by_another_path(holder, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "study")
    for path in (tmp_path / "link", Path(os.path.relpath(tmp_path / "study"))):
        with pytest.raises(UserError, match="another exemplum command"), locks.alone(path):
            pass


def test_a_killed_command_leaves_no_lock(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locks.alone(tmp_path / "study"):
        assert (tmp_path / "study" / locks.FILE).exists()


def test_one_command_may_take_it_twice(tmp_path):
    with locks.alone(tmp_path), locks.alone(tmp_path):
        pass
    with locks.alone(tmp_path):
        pass


def test_a_fault_in_study_toml_leaves_no_file(tmp_path):
    store.write_text(tmp_path / "study.toml", "[units]\nlayers = ['nowhere']\n")
    with pytest.raises(UserError):
        pipeline.run(Study.open(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]
