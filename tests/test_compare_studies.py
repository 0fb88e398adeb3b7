"""tools/compare_studies.py: what it calls the same, and that one bit is enough to be told."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "compare_studies.py"
ALONE = """
import runpy, sys
sys.modules["exemplum"] = None  # its import fails
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
TABLE = pd.DataFrame({"unit": ["a", "b"], "mean": [0.1, np.nan], "rank": [1, 2], "shown": [["x"], ["y", "z"]]})


@pytest.fixture
def studies(tmp_path):
    """Two folders with the same in them."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "report").mkdir(parents=True)
    TABLE.to_parquet(old / "units.parquet")
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(old / "max_0.png")
    np.savez(old / "features.npz", values=np.array([1.0, np.nan]), names=np.array(["a", "b"]))
    (old / "record.json").write_text(json.dumps({"seconds": 1.5, "summary": {"units": 2}, "steps": [0, {"at": 4}]}))
    (old / "report" / "index.html").write_text("<p>")
    shutil.copytree(old, new)
    return old, new


def compare(old, new, *arguments):
    """Exit status and lines, of the script without Exemplum."""
    command = [sys.executable, "-c", ALONE, SCRIPT, old, new, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


def test_equal_studies(studies):
    assert compare(*studies) == (0, ["same: 3 of 3 other files, 1 of 1 pictures, 1 of 1 tables"])


def test_times_and_the_packing_of_a_picture_do_not_count(studies):
    old, new = studies
    (new / "record.json").write_text(json.dumps({"seconds": 9.9, "summary": {"units": 2}, "steps": [0, {"at": 5}]}))
    with Image.open(old / "max_0.png") as picture:
        picture.save(new / "max_0.png", compress_level=0)
    assert (new / "max_0.png").read_bytes() != (old / "max_0.png").read_bytes()
    assert compare(old, new)[0] == 0


def test_one_value_one_pixel_and_a_missing_file(studies):
    old, new = studies
    TABLE.assign(mean=[np.nextafter(0.1, 1), np.nan]).to_parquet(new / "units.parquet")
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    pixels[2, 1, 0] ^= 1
    Image.fromarray(pixels).save(new / "max_0.png")
    (new / "report" / "index.html").unlink()
    status, lines = compare(old, new)
    assert status == 1
    assert lines == [
        "max_0.png: pixels: 1 of 48 values differ",
        f"report/index.html: only in {old}",
        "units.parquet: column mean: 1 of 2 values differ, first in row 0: 0.1 → 0.10000000000000002",
        "same: 2 of 3 other files, 0 of 1 pictures, 0 of 1 tables",
    ]
    assert compare(old, new, "--ignore", "report", "--ignore", "*.png", "--ignore", "units.parquet")[0] == 0


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (TABLE.rename(columns={"rank": "place"}), "columns"),
        (TABLE.astype({"rank": "int32"}), "column rank: type int64 → int32"),
        (TABLE.iloc[::-1], "column unit: 2 of 2 values differ"),
        (TABLE.iloc[:1], "2 rows → 1 rows"),
        (TABLE.assign(shown=[["x"], ["z", "y"]]), "column shown: 1 of 2 values differ"),
    ],
)
def test_tables(studies, other, told):
    old, new = studies
    other.to_parquet(new / "units.parquet", index=False)
    TABLE.to_parquet(old / "units.parquet", index=False)
    status, lines = compare(old, new)
    assert status == 1
    assert lines[0].startswith(f"units.parquet: {told}")


def test_arrays_and_json(studies):
    old, new = studies
    np.savez(new / "features.npz", values=np.array([1.0, 0.0]), names=np.array(["a", "b"]))
    (new / "record.json").write_text(json.dumps({"summary": {"units": 3}, "steps": [0, {"other": 4}]}))
    assert compare(old, new)[1][:3] == [
        "features.npz: array values: 1 of 2 values differ",
        "record.json: steps[1].other is in one only",
        "record.json: summary.units: 2 → 3",
    ]
