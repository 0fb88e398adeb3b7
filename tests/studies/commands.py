"""Exemplum as its users run it: commands in processes of their own, and the server that `exemplum serve` starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ADDRESS = re.compile(r"participants\s+(http://\S+?)/?\s")


def exemplum(*arguments: str | Path) -> str:
    """Run a command to its end; returns what it said. Raises RuntimeError with that if it fails."""
    return ended(started(*arguments))


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    """A command under way."""
    return subprocess.Popen(
        [sys.executable, "-m", "exemplum", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "500"},
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> str:
    """What a command said, when it has ended. Raises RuntimeError with that if it failed."""
    said, _ = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(f"{process.args}:\n{said}")
    return said


@contextmanager
def served(folder: Path) -> Iterator[httpx.Client]:
    """A client of `exemplum serve FOLDER`, which is told to stop at the end of the block."""
    process = started("serve", folder, "--port", "0")
    try:
        assert process.stdout
        said = []  # what it says first, such as that it gave an older study an id
        for line in process.stdout:
            if found := ADDRESS.match(line):
                break
            said.append(line)
        else:
            raise RuntimeError(f"exemplum serve {folder}:\n{''.join(said)}")
        transport = httpx.HTTPTransport(retries=5)  # it listens before it can answer
        with httpx.Client(base_url=found[1], timeout=60, transport=transport) as client:
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=60)
