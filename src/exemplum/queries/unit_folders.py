"""Folders of pictures of units: ROOT/UNIT/{max,min}_K.png, UNIT as in mixed4a-17, K from 0."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from exemplum import images
from exemplum.errors import UserError
from exemplum.records import Pole, Unit

SUFFIXES = tuple(written for suffix in (".png", ".jpg", ".jpeg", ".webp") for written in (suffix, suffix.upper()))


def named(path: str, resolve: Callable[[str], Path]) -> Path:
    """The folder of folder:PATH. Raises UserError if there is no PATH, or no such folder."""
    if not path:
        raise UserError("'folder:' names no folder; write folder:PATH")
    return existing(resolve(path))


def existing(root: Path) -> Path:
    """The folder. Raises UserError if it does not exist."""
    if not root.is_dir():
        raise UserError(f"the folder {root} does not exist; check the path after folder:")
    return root


def of_unit(root: Path, unit: Unit) -> Path:
    """The folder of a unit: mixed4a-17, mixed4a:17 or mixed4a/17. Raises UserError if there is none."""
    names = (unit.slug, str(unit), f"{unit.layer}/{unit.channel}")
    homes = [root / name for name in names if (root / name).is_dir()]
    if not homes:
        raise UserError(f"{root} has no folder for {unit}; it may be called {names[0]}, {names[1]} or {names[2]}")
    return homes[0]


def picture(home: Path, pole: Pole, number: int) -> Path | None:
    """The file of a pole's picture of this number, with any suffix of a picture; None if there is none."""
    return next((path for suffix in SUFFIXES if (path := home / f"{pole}_{number}{suffix}").exists()), None)


def read(path: Path) -> np.ndarray:
    """A picture as RGB, uint8 (size, size, 3). Raises UserError for one that is not square, as all that people see."""
    found = images.decode_file(path)
    if found.shape[0] != found.shape[1]:
        raise UserError(f"{path} has {found.shape[1]} × {found.shape[0]} pixels; pictures must be square")
    return found


def count(home: Path) -> int:
    """The number of pairs in the folder of a unit, numbered from 0. Raises UserError for a number that is left out."""
    named = [(path.stem.partition("_"), path) for path in sorted(home.iterdir()) if path.suffix in SUFFIXES]
    numbers = {int(number): path for (pole, _, number), path in named if pole in list(Pole) and number.isdecimal()}
    absent = next(number for number in range(len(numbers) + 1) if number not in numbers)
    if later := [path for number, path in numbers.items() if number > absent]:
        raise UserError(
            f"{home} has {later[0].name}, but no max_{absent}.png and min_{absent}.png; pairs are numbered from 0, "
            "without gaps"
        )
    return absent
