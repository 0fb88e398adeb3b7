"""Makes a study as users of this version have it, for the tests of later versions.

    cd tests && python -m studies.make_demo studies/demo_0_1.tar.xz [--keep FOLDER]

Run it before a change of what a study folder holds; a file of an earlier version is never made again by newer code.
With --keep the whole study stays in FOLDER/demo, and --no-people leaves it at what machines make. Two of those, made
before and after a change of the code, are what tools/compare_studies.py compares.
"""

from __future__ import annotations

import argparse
import lzma
import os
import platform
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from server.walk import Walker
from studies.commands import exemplum, served
from studies.demo import REASON, UNDER_WAY, UNDER_WAY_ANSWERS

TOML = """\
# The demo, as small as it can be with everything in it.
seed = 2021

[model]
load = "embedded"
input_size = 24

[images]
load = "embedded"
limit = 120

[units]
layers = ["mixed3a", "mixed4a"]
choose = "one per layer"
practice = 1

[index]
keep = 20
sample = 40

[explanations]
methods = ["natural", "synthetic"]
batches = 2

[synthetic]
recipe = "borowski2021"
steps = 12
snapshots = [0, 4]

[design]
protocol = "borowski2021-1"
participants = 4
practice = 1
blocks = 1
catch = 1
repeated = 1

[observers]
run = ["ideal", "chance", "similarity", "simulated"]

[analysis]
bootstrap = 200
"""
# What a study does without, and what would make the file large
LEFT_OUT = ("responses/vectors/*", "server/images", "report/figures/*.png", "**/*.lock")


class Person(Walker):
    """Answers by dice of its own, quickly or slowly."""

    def __init__(self, http: Any, seed: int) -> None:
        super().__init__(http, self._choose)
        self.rng = np.random.default_rng(seed)

    def answer(self, trial: str, *choice: Any, **more: Any) -> Any:
        return super().answer(trial, *choice, **more, rt_ms=round(self.rng.uniform(800, 6000), 1))

    def _choose(self, _block: dict[str, Any], _trial: dict[str, Any]) -> tuple[str, int]:
        return str(self.rng.choice(["top", "bottom"])), int(self.rng.integers(1, 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?", help="the packed study; none if not given")
    parser.add_argument("--keep", type=Path, help="leave the study in this folder")
    parser.add_argument("--no-people", action="store_true", help="leave out people's answers")
    given = parser.parse_args()
    file = given.file and given.file.absolute()
    with tempfile.TemporaryDirectory() as scratch:
        parent = (given.keep or Path(scratch)).absolute()
        parent.mkdir(parents=True, exist_ok=True)
        os.chdir(parent)  # no path of this machine shall stand in the study
        folder = Path("demo")
        make(folder)
        if not given.no_people:
            let_people_answer(folder)
            exemplum("run", folder, "--unblind", REASON)
        if file:
            pack(folder, file)


def make(folder: Path) -> None:
    """What machines make."""
    exemplum("new", folder)
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    exemplum("run", folder)


def let_people_answer(folder: Path) -> None:
    """Two go through their sessions, a third is left in the middle of one."""
    with served(folder) as http:
        for seed in (1, 2):
            person = Person(http, seed)
            person.start()
            person.walk()
        person = Person(http, 3)
        person.key = UNDER_WAY
        person.start()
        while len(person.given) < UNDER_WAY_ANSWERS:
            step = person.walk(until=lambda step: step["kind"] == "block")
            left = UNDER_WAY_ANSWERS - len(person.given)
            person.do_block(step | {"trials": step["trials"][: step["answered"] + left]})
    for path in (folder / "responses").rglob("*.parquet"):
        whole = int(path.stat().st_mtime)  # a time that the packed file can hold: the analysis remembers it
        os.utime(path, (whole, whole))


def pack(folder: Path, file: Path) -> None:
    """Pack a copy of the study without what it can do without, and without the name of this machine's system."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(shutil.copytree(folder, Path(scratch) / "demo"))
        for pattern in LEFT_OUT:
            for path in copy.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in [*copy.glob("*/record.json"), copy / "report" / "index.html"]:
            said = path.read_text(encoding="utf-8")
            path.write_text(said.replace(platform.platform(), platform.system()), encoding="utf-8")
        with tarfile.open(file, "w:xz", preset=9 | lzma.PRESET_EXTREME) as packed:
            packed.add(copy, "demo", filter=_without_owner)


def _without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = int(entry.mtime)
    return entry


if __name__ == "__main__":
    main()
