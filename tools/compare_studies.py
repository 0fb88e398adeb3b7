"""Compares two study folders to the last bit: what one state of the code made and what another made.

    python tools/compare_studies.py OLD NEW [--ignore PATTERN …]

Tables (Parquet) are compared by columns, types, order of rows and every value, pictures by their pixels, arrays by
their values; NaN is equal to NaN. JSON is compared without times, versions and machine (`TOLD`), all other files byte
for byte. Prints a line per difference and a summary; exits with 1 if there is a difference. It needs no Exemplum, so it
can compare studies of any two versions.

    --ignore 'report/*' --ignore server     leaves out files by pattern, and folders with all in them

Two runs of one study.toml, with the same OMP_NUM_THREADS and the folder given alike, differ in what is drawn or timed
for each of them, and in nothing else: the id in study.json, the times that the report prints, and the fingerprints of
analysis and report, which hold the times of the answers' files. (With other threads sums are rounded otherwise.)

    --ignore study.json --ignore analysis/record.json --ignore report/record.json --ignore report/index.html
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from PIL import Image
from pyarrow import parquet

# Keys of JSON that say when, where and by what a file was made
TOLD = frozenset({"seconds", "finished", "created", "at", "unblinded_at", "versions", "exemplum", "machine"})
KINDS = {".parquet": "tables", ".png": "pictures", ".jpg": "pictures", ".webp": "pictures"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every difference and a summary; 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--ignore", action="append", default=[], metavar="PATTERN", help="file or folder, as in *.csv")
    given = parser.parse_args(arguments)
    for folder in (given.old, given.new):
        if not folder.is_dir():
            parser.error(f"{folder} is no folder")
    same: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for name, differences in compared(given.old, given.new, given.ignore):
        kind = KINDS.get(Path(name).suffix, "other files")
        total[kind] += 1
        same[kind] += not differences
        for difference in differences:
            print(f"{name}: {difference}")
    print("same: " + ", ".join(f"{same[kind]} of {total[kind]} {kind}" for kind in sorted(total)) if total else "empty")
    return int(same != total or not total)


def compared(old: Path, new: Path, ignore: Sequence[str] = ()) -> Iterator[tuple[str, list[str]]]:
    """Every file of either folder with its differences; none for files that are the same."""
    names = {str(path.relative_to(at)) for at in (old, new) for path in at.rglob("*") if path.is_file()}
    for name in sorted(name for name in names if not _is_ignored(name, ignore)):
        missing = [f"only in {other}" for at, other in ((old, new), (new, old)) if not (at / name).exists()]
        yield name, missing or differences(old / name, new / name)


def differences(old: Path, new: Path) -> list[str]:
    """What two files of one name differ in; a file that cannot be read as what it is named is compared by its bytes."""
    try:
        match old.suffix:
            case ".parquet":
                return _of_tables(old, new)
            case ".png" | ".jpg" | ".webp":
                return _of_pictures(old, new)
            case ".json":
                return _of_values(_json(old), _json(new))
            case ".npy" | ".npz":
                return _of_archives(old, new)
    except (ValueError, OSError) as error:
        return [] if old.read_bytes() == new.read_bytes() else [f"cannot be read ({error}), and the bytes differ"]
    return [] if old.read_bytes() == new.read_bytes() else ["the bytes differ"]


def _is_ignored(name: str, patterns: Sequence[str]) -> bool:
    whole = [name, *map(str, Path(name).parents)]  # a folder that is ignored takes its files with it
    return any(fnmatch.fnmatchcase(part, pattern) for part in whole for pattern in patterns)


def _of_tables(old: Path, new: Path) -> list[str]:
    """By what the file says, not by what pandas makes of it: 1 and 1.0, null and NaN are not the same."""
    one, other = parquet.read_table(old), parquet.read_table(new)
    if one.column_names != other.column_names:
        return [f"columns {one.column_names} → {other.column_names}"]
    if one.num_rows != other.num_rows:
        return [f"{one.num_rows} rows → {other.num_rows} rows"]
    return [line for name in one.column_names for line in _of_columns(name, one[name], other[name])]


def _of_columns(name: str, one: pyarrow.ChunkedArray, other: pyarrow.ChunkedArray) -> list[str]:
    if one.type != other.type:
        return [f"column {name}: type {one.type} → {other.type}"]
    pairs = list(zip(one.to_pylist(), other.to_pylist(), strict=True))
    unlike = [row for row, (before, after) in enumerate(pairs) if _unlike(before, after)]
    if not unlike:
        return []
    before, after = pairs[unlike[0]]
    return [
        f"column {name}: {len(unlike)} of {len(pairs)} values differ, first in row {unlike[0]}: {before!r} → {after!r}"
    ]


def _of_pictures(old: Path, new: Path) -> list[str]:
    with Image.open(old) as one, Image.open(new) as other:
        if (one.mode, one.size) != (other.mode, other.size):
            return [f"{one.mode} {one.size} → {other.mode} {other.size}"]
        return _of_arrays(np.asarray(one), np.asarray(other), "pixels")


def _of_archives(old: Path, new: Path) -> list[str]:
    one, other = _arrays(old), _arrays(new)
    found = [f"array {name} is in one only" for name in sorted(one.keys() ^ other.keys())]
    for name in sorted(one.keys() & other.keys()):
        found += _of_arrays(one[name], other[name], f"array {name}" if name else "array")
    return found


def _arrays(path: Path) -> dict[str, np.ndarray]:
    loaded = np.load(path)
    if isinstance(loaded, np.ndarray):
        return {"": loaded}
    with loaded:
        return {name: loaded[name] for name in loaded.files}


def _of_arrays(one: np.ndarray, other: np.ndarray, what: str) -> list[str]:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return [f"{what}: {one.dtype} {one.shape} → {other.dtype} {other.shape}"]
    unlike = one != other
    if one.dtype.kind in "fc":
        unlike &= ~(np.isnan(one) & np.isnan(other))
        unlike |= np.signbit(one.real) != np.signbit(other.real)  # 0.0 == -0.0
    return [f"{what}: {np.count_nonzero(unlike)} of {one.size} values differ"] if unlike.any() else []


def _of_values(one: Any, other: Any, at: str = "") -> list[str]:
    """Differences of two JSON values, each with the keys that lead to it."""
    if isinstance(one, dict) and isinstance(other, dict):
        return _of_objects(one, other, at)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for place, pair in pairs for line in _of_values(*pair, f"{at}[{place}]")]
    return [f"{at or 'value'}: {_short(one)} → {_short(other)}"] if _unlike(one, other) else []


def _of_objects(one: dict[str, Any], other: dict[str, Any], at: str) -> list[str]:
    found = []
    for key in sorted((one.keys() | other.keys()) - TOLD):
        where = f"{at}.{key}" if at else key
        if key in one and key in other:
            found += _of_values(one[key], other[key], where)
        else:
            found.append(f"{where} is in one only")
    return found


def _unlike(one: Any, other: Any) -> bool:
    """Whether two values differ in type or in any bit: the text of a float has all its digits, and one NaN for all."""
    return type(one) is not type(other) or repr(one) != repr(other)


def _short(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False)
    return said if len(said) <= 80 else said[:77] + "..."


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
