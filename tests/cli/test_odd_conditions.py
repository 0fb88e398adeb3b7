"""The command where the system does not give what it usually gives: it stops in one line, and nothing is lost."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exemplum import store
from exemplum.errors import UserError
from exemplum.study.folder import Study

COMMAND = [sys.executable, "-m", "exemplum"]
FULL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))  # no file may grow beyond 10 bytes
from exemplum.__main__ import run
run()
"""


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return done.stderr.strip().splitlines()


def test_a_full_disk_is_told_in_one_line(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, "new", tmp_path / "study"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert lines(done) == [f"error: {tmp_path / 'study' / 'study.toml'} cannot be written: {os.strerror(errno.EFBIG)}"]
    assert list((tmp_path / "study").iterdir()) == []


def test_a_folder_that_is_a_file_is_told_in_one_line(tmp_path):
    """As every refusal of the system that no stage expects."""
    store.write_text(tmp_path / "study.toml", "")
    store.write_text(tmp_path / "server", "")
    done = subprocess.run([*COMMAND, "serve", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(lines(done)) == 1
    assert lines(done)[0].startswith(f"error: {tmp_path / 'server'}")


def interrupted(folder: Path, times: int) -> tuple[int, str]:
    """The command, interrupted while it is being loaded; exit status and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "exemplum", "run", folder], stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )  # fmt: skip
    while "exemplum.errors" not in process.stderr.readline():  # a module that is loaded early
        assert process.poll() is None
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    said = [line for line in process.communicate(timeout=60)[1].splitlines() if not line.startswith("import time:")]
    return process.returncode, "\n".join(said)


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_while_it_is_loaded_leaves_no_trace(times, tmp_path):
    store.write_text(tmp_path / "study.toml", "")
    assert interrupted(tmp_path, times) == (130, "stopped; run the same command to continue")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-", "| true"])
def test_streams_that_are_closed_stop_nothing(closed, tmp_path):
    folder = tmp_path / "study"
    shell = f'"$0" -m exemplum new "$1" {closed}; test -f "$1/study.toml"'
    subprocess.run(["/bin/sh", "-c", shell, sys.executable, folder], capture_output=True, check=True)


def test_a_name_the_terminal_cannot_show_is_escaped(tmp_path):
    folder = tmp_path / "Fühler ☃ [bold]"
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([*COMMAND, "new", folder], capture_output=True, env=environment, check=False)
    assert done.returncode == 0
    assert rb"F\xfchler \u2603 [bold]".replace(rb"\xfc", b"\xfc") in done.stderr
    assert (folder / "study.toml").exists()


def test_a_name_of_other_bytes_than_the_systems_is_refused(tmp_path):
    """A folder named in Latin-1, or a locale without UTF-8: no library of tables writes there."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/F\xfchler"))
    store.write_text(folder / "study.toml", "")
    with pytest.raises(UserError, match="cannot be read as utf-8; set PYTHONUTF8=1"):
        Study.open(folder)
