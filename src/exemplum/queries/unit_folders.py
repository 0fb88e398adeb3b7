"""Folders of pictures of units: ROOT/UNIT/{max,min}_K.png, UNIT as in mixed4a-17, K from 0."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from exemplum.errors import UserError
from exemplum.records import Pole, Unit

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


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
