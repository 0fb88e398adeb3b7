"""Tables and images on disk: atomic writes, checked schemas, and CSV that is safe to open.

A cell `=HYPERLINK(…)` runs when Excel or LibreOffice opens the file. Texts that begin like a formula get an apostrophe
in front. Texts that begin with an apostrophe get another one, so `restored` can recover the table by removing
one apostrophe from the beginning of each text. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import os
import platform
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from PIL import Image

from exemplum.errors import REMAKE, UserError

DAY_S = 24 * 3600.0
DTYPES = {
    "str": "str", "category": "category", "int": "int64", "int32": "int32", "int16": "int16", "float": "float64",
    "float32": "float32", "bool": "bool",
}  # fmt: skip


class StoreError(UserError):
    """A file of a study is missing, broken or of another schema; the message says which and what to do."""


@dataclass(frozen=True)
class Column:
    """One column: its type and what it holds, with units.

    Types are `str`, `int`, `float` (of 64 bits; `int32`, `int16` and `float32` where there are very many rows), `bool`,
    `list` of str, and `category`: a text that is stored as the number of it among the texts of the column.
    """

    dtype: str
    meaning: str
    default: Any = None  # the value in tables that earlier versions wrote without this column; None: there are none
    values: tuple[str | int, ...] = ()  # all that it can hold besides "" for none, where these are few
    unit: str = ""  # of measure, where the name of the column does not end in one


@dataclass(frozen=True)
class Table:
    """The schema of a table on disk. `docs/reference/tables.md` is generated from these."""

    name: str
    meaning: str
    columns: Mapping[str, Column]
    version: int = 1

    @property
    def files(self) -> tuple[str, ...]:
        """Where it may lie in a study folder, as its meaning says: `analysis/estimates.parquet`."""
        return tuple(re.findall(r"[\w/*]+\.parquet", self.meaning))

    @property
    def summary(self) -> str:
        """Its meaning without where it lies: `One row per estimate.`"""
        return re.sub(r"; [\w/*]+\.parquet.*$", ".", self.meaning)

    def frame(self, rows: Any = ()) -> pd.DataFrame:
        """Make a data frame of rows (dicts or another frame) with this table's columns, order and types.

        Raises StoreError if a column is missing or is not in the schema.
        """
        if isinstance(rows, pd.DataFrame):
            frame = rows
        else:
            rows = list(rows)
            frame = pd.DataFrame(rows, columns=None if rows else list(self.columns))
        absent = {name: self.columns[name].default for name in self.columns if name not in frame}
        frame = frame.assign(**{name: value for name, value in absent.items() if value is not None})
        if missing := set(self.columns) - set(frame):
            raise StoreError(f"table {self.name} lacks the columns {', '.join(sorted(missing))}")
        if unknown := set(frame) - set(self.columns):
            raise StoreError(
                f"unknown columns for table {self.name}: {', '.join(sorted(unknown))}; remove or rename them "
                "(docs/reference/tables.md lists the columns)"
            )
        frame = frame[list(self.columns)]  # columns are copied when they are written to
        types = {name: DTYPES[column.dtype] for name, column in self.columns.items() if column.dtype in DTYPES}
        frame = frame.astype(types)
        for name in (name for name, dtype in types.items() if dtype == "category"):
            frame[name] = _sorted_categories(frame[name])
        return frame.reset_index(drop=True)

    def concat(self, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
        """Frames of this table one below the other; without rows if there are none."""
        some = [frame for frame in frames if len(frame)]
        return self.frame(pd.concat(some, ignore_index=True) if some else ())

    def write(self, path: Path, rows: Any) -> pd.DataFrame:
        """Write rows as Parquet, atomically. Returns the checked frame."""
        frame = self.frame(rows)
        frame.attrs = {}
        with atomic(path) as temporary:
            frame.to_parquet(temporary, index=False)
        return frame

    def read(self, path: Path) -> pd.DataFrame:
        """Read a table that `write` made. Raises StoreError naming a missing, broken or different file."""
        if not path.exists():
            raise StoreError(
                f"{path} does not exist; run the stage that makes it (exemplum run does every stage), with --force if "
                "the stage says that it is up to date"
            )
        try:
            frame = pd.read_parquet(path)
        except Exception as error:
            raise StoreError(f"{path} is not a Parquet file ({error}); delete it and run its stage again") from error
        for name, column in self.columns.items():
            if column.dtype == "list" and name in frame:
                frame[name] = [tuple(values) for values in frame[name]]
        try:
            return self.frame(frame)
        except StoreError as error:
            raise StoreError(f"{path}: {error}; it was made by another version; run its stage again") from error


def _sorted_categories(values: pd.Series) -> pd.Series:
    """Only the texts that occur, sorted: the order in which a file has them depends on the rows."""
    used = values.cat.remove_unused_categories()
    return (
        used
        if used.cat.categories.is_monotonic_increasing
        else used.cat.reorder_categories(sorted(used.cat.categories))
    )


@contextmanager
def atomic(path: Path, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and renamed to `path`, on failure removed.

    Without `sync` a power cut may lose the file, but no reader ever sees half of it. Raises StoreError naming the file
    if the system refuses to write it: a full disk, a folder that is read-only.
    """
    temporary = path.with_name(f".{path.name}.{_MACHINE}-{os.getpid()}-{next(_written)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if sync:
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {_reason(error)}") from error
    finally:
        with suppress(OSError):  # a read-only folder: the reason has been raised already
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, below: bool = True) -> None:
    """Remove temporary files of writers that were killed; with `below`, in the folders below too.

    Whether a writer on another machine is alive cannot be checked: its files are removed when they are a day old.
    """
    for path in folder.rglob(".*.part") if below else folder.glob(".*.part"):
        with suppress(OSError):  # another writer has just finished it
            if _is_leftover(path):
                path.unlink()


def _is_leftover(path: Path) -> bool:
    found = re.fullmatch(r"\..+\.([0-9a-f]{8})-(\d+)-\d+\.part", path.name)
    if found and found[1] == _MACHINE:
        return not psutil.pid_exists(int(found[2]))
    return abs(time.time() - path.stat().st_mtime) > DAY_S


def _machine() -> str:
    """An id of this machine, or this container, to distinguish writers into one folder."""
    space = Path("/proc/self/ns/pid")  # process numbers count within it
    about = platform.node() + (os.readlink(space) if space.is_symlink() else "")
    return hashlib.sha256(about.encode()).hexdigest()[:8]


def _reason(error: OSError) -> str:
    """`No space left on device`, also if a library raises it with another text."""
    return error.strerror or os.strerror(error.errno) if error.errno else " ".join(str(error).split())


def write_text(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON. Raises StoreError naming the file if it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{path} does not exist") from error
    except json.JSONDecodeError as error:
        raise StoreError(f"{path} is not valid JSON ({error}); delete it and run its stage again") from error


def write_png(path: Path, image: np.ndarray) -> None:
    """Write an RGB image, uint8 (h, w, 3), or a grey one, (h, w, 1), as lossless PNG.

    Raises StoreError naming the file for an image of another shape.
    """
    if image.ndim != 3 or image.shape[2] not in (1, 3):
        raise StoreError(f"{path} cannot be written: a picture is (h, w, 3) or (h, w, 1), got shape {image.shape}")
    # thousands of images: the table that names them is synced, they can be made again
    with atomic(path, sync=False) as temporary:
        Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(temporary, format="PNG")


def read_png(path: Path) -> np.ndarray:
    """Read an image as uint8 (h, w, 3). Raises StoreError naming the file if it is absent or broken."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read as an image ({error})") from error


def picture_hash(path: Path) -> str:
    """A hash of what a picture's file holds, 24 hex digits. Raises StoreError naming the file if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:24]
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror}); {REMAKE}") from error


def listing(folder: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and modification times of the files in a folder, to detect changes."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in found]


def digest(*values: Any) -> str:
    """A short stable hash of JSON-like values, 16 hex digits."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_MACHINE = _machine()
_written = itertools.count()  # two threads may write one file


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with lists of texts as one text each, joined by spaces."""
    lists = [name for name in frame if len(frame) and isinstance(frame[name].iloc[0], (tuple, list))]
    return frame.assign(**{name: frame[name].map(" ".join) for name in lists})


MARK = "'"
# Also full-width forms, which East Asian spreadsheets read as the plain ones, and the line feed.
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", MARK)


def csv_text(frame: pd.DataFrame, **options: Any) -> str:
    """The table as CSV without its index; `options` are those of `DataFrame.to_csv`."""
    # A bare carriage return is not quoted by Python's csv, but spreadsheets begin a new row at it, and with it a cell.
    quoting = csv.QUOTE_NONNUMERIC if any(_has_return(frame[name]) for name in _texts(frame)) else csv.QUOTE_MINIMAL
    return str(neutralised(frame).to_csv(index=False, quoting=quoting, **options))


def neutralised(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before each text that a spreadsheet would take for a formula."""
    return frame.assign(**{name: frame[name].map(_marked) for name in _texts(frame)})


def restored(frame: pd.DataFrame) -> pd.DataFrame:
    """A table that was read from such a CSV, with its texts as they were."""
    return frame.assign(**{name: frame[name].map(_unmarked) for name in _texts(frame)})


def _texts(frame: pd.DataFrame) -> list[str]:
    """Columns that may hold texts."""
    is_text = (pd.api.types.is_object_dtype, pd.api.types.is_string_dtype, _is_category)
    return [str(name) for name, values in frame.items() if any(test(values) for test in is_text)]


def _is_category(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype)


def _has_return(values: pd.Series) -> bool:
    return any(isinstance(cell, str) and "\r" in cell for cell in values)


def _marked(cell: Any) -> Any:
    return MARK + cell if isinstance(cell, str) and cell.startswith(STARTS) else cell


def _unmarked(cell: Any) -> Any:
    return cell[1:] if isinstance(cell, str) and cell.startswith(MARK) else cell
