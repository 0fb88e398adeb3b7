"""Pictures made elsewhere: a folder with one folder a unit, named as the unit, with `max_0.png` … and `min_0.png` …"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from exemplum import images
from exemplum.errors import UserError
from exemplum.explanations.base import Picture, Request
from exemplum.records import Pole, Unit

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def pictures(path: str, request: Request) -> Iterator[Picture]:
    """Pictures PATH/UNIT/{max,min}_K.png, UNIT as in mixed4a-17 (or mixed4a:17, or mixed4a/17), K from 0.

    Raises UserError naming a unit's folder or a picture that is absent.
    """
    root = existing(Path(path).expanduser())
    for unit in request.units:
        home = _home(root, unit)
        for pole in Pole:
            for position in range(request.most):
                yield Picture(unit, pole, position, images.decode_file(_file(home, pole, position)))


def existing(root: Path) -> Path:
    """The folder. Raises UserError if it does not exist."""
    if not root.is_dir():
        raise UserError(f"the folder {root} does not exist; check the path after folder:")
    return root


def _home(root: Path, unit: Unit) -> Path:
    names = (unit.slug, str(unit), f"{unit.layer}/{unit.channel}")
    homes = [root / name for name in names if (root / name).is_dir()]
    if not homes:
        raise UserError(f"{root} has no folder for {unit}; it may be called {names[0]}, {names[1]} or {names[2]}")
    return homes[0]


def _file(home: Path, pole: Pole, position: int) -> Path:
    for suffix in SUFFIXES:
        if (path := home / f"{pole}_{position}{suffix}").exists():
            return path
    raise UserError(f"{home} has no {pole}_{position}.png; pictures of each pole are numbered from 0, without gaps")
