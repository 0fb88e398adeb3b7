"""`exemplum run` killed at random moments of its whole course. Oracle: the same study, run without a stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from exemplum import store
from exemplum.study import locks

pytestmark = pytest.mark.slow

KILLS = 20
SEED = 20
TOML = """
seed = 5
[model]
load = "embedded"
input_size = 48
[images]
limit = 300
[units]
layers = ["mixed3b", "mixed4c"]
choose = "one per layer"
practice = 2
[index]
keep = 60
[explanations]
methods = ["natural", "synthetic", "own_method:noisy"]
batches = 2
[synthetic]
steps = 12
precision = "float32"
[design]
participants = 2
practice = 2
blocks = 1
catch = 1
repeated = 1
[observers]
run = ["ideal", "chance", "similarity"]
[analysis]
bootstrap = 100
"""
METHOD = '''
"""An explanation method of the user's own: grey fields with noise that depends on the unit alone."""
import numpy as np
from exemplum.explanations import Picture
from exemplum.records import Pole

def noisy(request):
    for unit in request.units:
        rng = np.random.default_rng([unit.channel, *unit.layer.encode()])
        for pole in Pole:
            for position in range(request.most):
                yield Picture(unit, pole, position, rng.integers(0, 255, (48, 48, 3), dtype=np.uint8))
'''


def new_study(folder: Path) -> Path:
    store.write_text(folder / "study.toml", TOML)
    store.write_text(folder / "own_method.py", METHOD)
    return folder


def start(folder: Path) -> subprocess.Popen[str]:
    """The command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "exemplum", "run", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
    )  # fmt: skip


def killed_after(folder: Path, seconds: float) -> bool:
    """Start the command and kill its process group after so long; whether it was still running."""
    process = start(folder)
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        return True
    assert process.returncode == 0, said
    return False


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A study that ran without a stop, and how long it took."""
    folder = new_study(tmp_path_factory.mktemp("undisturbed") / "study")
    began = time.monotonic()
    process = start(folder)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return folder, time.monotonic() - began


def test_killed_again_and_again_it_gives_the_same_tables(undisturbed, tmp_path):
    whole, duration = undisturbed
    rng = np.random.default_rng(SEED)
    kills, studies = [], []
    while len(kills) < KILLS:
        folder = new_study(tmp_path / f"study{len(studies)}")
        studies.append(folder)
        began = time.monotonic()
        while killed_after(folder, moment := rng.uniform(0, duration)):
            kills.append((len(studies), round(float(moment), 1), finished(folder)))
        duration = min(duration, time.monotonic() - began)  # the first run was slower: other work was going on
    print(f"undisturbed: {duration:.1f} s; study, s and stages done at each kill: {kills}")
    for folder in studies:
        assert differences(whole, folder) == []
        assert left_over(folder) == []
        assert running(folder) == []
    assert len({stages for _, _, stages in kills}) >= 4, "the kills did not reach all of the line"


def finished(folder: Path) -> int:
    return len(list(folder.glob("*/record.json")))


def differences(whole: Path, folder: Path) -> list[str]:
    """Tables, exports and pictures that one study has and the other has not, or has otherwise."""
    kinds = ("*.parquet", "*.csv", "*.png", "*.npy")
    names = [{str(path.relative_to(at)) for kind in kinds for path in at.rglob(kind)} for at in (whole, folder)]
    assert len(names[0]) > 60
    found = [f"{name} is in one only" for name in names[0] ^ names[1]]
    return found + [name for name in sorted(names[0] & names[1]) if not same(whole / name, folder / name)]


def same(one: Path, other: Path) -> bool:
    match one.suffix:
        case ".parquet":
            return pd.read_parquet(one).equals(pd.read_parquet(other))  # NaN is equal to NaN, all else bit for bit
        case ".png":
            with Image.open(one) as left, Image.open(other) as right:
                return left.size == right.size and left.mode == right.mode and left.tobytes() == right.tobytes()
        case ".npy":
            return np.array_equal(np.load(one), np.load(other), equal_nan=True)
    return one.read_bytes() == other.read_bytes()


def left_over(folder: Path) -> list[str]:
    """Files of writers that were killed, and states of work that is done. All but the lock is removed at the end."""
    left = [path.relative_to(folder) for path in folder.rglob("*")]
    return [
        str(path) for path in left
        if (path.name.startswith(".") and path.name != locks.FILE) or "partial" in path.name or path.name == "search"
    ]  # fmt: skip


def running(folder: Path) -> list[str]:
    """Processes that still work for the study; those of the cores' decoders end with their parent."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if str(folder) in words:
            found.append(" ".join(words))
    return found
