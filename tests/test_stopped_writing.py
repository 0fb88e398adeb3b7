"""Files of a study after a writer was killed: nothing half of one run and half of another is taken for done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from design.made import stimuli, units
from exemplum import store
from exemplum.errors import UserError
from exemplum.server import Experiment, Settings
from exemplum.study import pipeline
from exemplum.study.folder import Study
from exemplum.tables import STIMULI, STUDY_UNITS
from server import made

DESIGN = ("design/trials.parquet", "design/blocks.parquet")
TOML = "[design]\npractice = 2\nblocks = 1\ncatch = 1\nrepeated = 1\nparticipants = {}\n"
KILLED_AT_BLOCKS = """
import os, signal, sys
from pathlib import Path
from exemplum import store
from exemplum.study import pipeline
from exemplum.errors import UserError
from exemplum.server import Experiment, Settings
from exemplum.study.folder import Study

write = store.Table.write
def killed(table, path, rows):
    if table.name == "blocks":
        os.kill(os.getpid(), signal.SIGKILL)
    return write(table, path, rows)

store.Table.write = killed
pipeline.run(Study.open(Path(sys.argv[1])), ["design"])
"""


def explained(folder: Path, participants: int) -> Study:
    """A study whose explanations stage is done."""
    store.write_text(folder / "study.toml", TOML.format(participants))
    study = Study.open(folder)
    of = units(4, 9)
    shown = STIMULI.write(folder / "explanations" / "stimuli.parquet", stimuli(of, batches=4, references=(9,)))
    for path in shown["path"]:
        made.picture(folder / path)
    STUDY_UNITS.write(folder / "explanations" / "units.parquet", of)
    study.finish("explanations", "made here", 0.0, {})
    return study


def run_design(folder: Path, participants: int) -> dict[str, pd.DataFrame]:
    store.write_text(folder / "study.toml", TOML.format(participants))
    pipeline.run(Study.open(folder), ["design"])
    return {name: pd.read_parquet(folder / name) for name in DESIGN}


def test_a_stage_killed_between_its_tables_is_made_again(tmp_path):
    """It was killed under another study.toml, which was then changed back."""
    explained(tmp_path, 2)
    whole = run_design(tmp_path, 2)
    store.write_text(tmp_path / "study.toml", TOML.format(3))
    killed = subprocess.run([sys.executable, "-c", KILLED_AT_BLOCKS, tmp_path], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    trials, blocks = (pd.read_parquet(tmp_path / name)["participant"].max() for name in DESIGN)
    assert (trials, blocks) == (3, 2)
    for name, table in run_design(tmp_path, 2).items():
        pd.testing.assert_frame_equal(table, whole[name])


def temporary_of_a_killed_writer(path: Path) -> Path:
    code = """
import os, signal, sys
from pathlib import Path
from exemplum import store
with store.atomic(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    before = set(path.parent.iterdir())
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -signal.SIGKILL
    (left,) = set(path.parent.iterdir()) - before
    return left


def test_what_a_killed_writer_left_goes_at_the_stages_start(tmp_path):
    explained(tmp_path, 2)
    (tmp_path / "design").mkdir()
    left = [temporary_of_a_killed_writer(tmp_path / name) for name in ("design/trials.parquet", "study.json")]
    run_design(tmp_path, 2)
    assert [path for path in left if path.exists()] == []


def test_a_living_writers_file_stays(tmp_path):
    with store.atomic(tmp_path / "table") as temporary:
        temporary.write_bytes(b"half")
        store.remove_leftovers(tmp_path)
        assert temporary.exists()
    assert (tmp_path / "table").read_bytes() == b"half"


@pytest.mark.parametrize(("age_h", "stays"), [(23, True), (25, False), (-25, False)])
@pytest.mark.parametrize("name", [".units.parquet.0123abcd-1-0.part", ".units.parquet.4242.part"])
def test_files_of_other_machines_stay_for_a_day(name, age_h, stays, tmp_path):
    """The second name is of an earlier version; a clock that was set back gives times in the future."""
    path = tmp_path / name
    path.write_bytes(b"half")
    at = path.stat().st_mtime - age_h * 3600
    os.utime(path, (at, at))
    store.remove_leftovers(tmp_path)
    assert path.exists() is stays


def test_two_threads_may_write_one_file(tmp_path):
    def write() -> None:
        for _ in range(100):
            with store.atomic(tmp_path / "file", sync=False) as temporary:
                temporary.write_bytes(b"x" * 1000)

    faults: list[BaseException] = []
    hook, threading.excepthook = threading.excepthook, lambda raised: faults.append(raised.exc_value)
    try:
        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        threading.excepthook = hook
    assert faults == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("stage", ["explanations", "design"])
def test_a_study_whose_run_was_killed_is_not_served(stage, tmp_path):
    explained(tmp_path, 2)
    run_design(tmp_path, 2)
    Study.open(tmp_path).begin_writing(stage)
    with pytest.raises(UserError, match="not complete: a run was stopped or is under way"):
        Experiment.open(Settings(tmp_path))
