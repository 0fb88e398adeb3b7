"""A study from finished stimuli, without a network: the layout of the published stimuli.

`LAYER/channel_N/{natural,optimized}_images/{max,min}_K.png`, K from 0; `max_9` and `min_0` are the most extreme. LAYER
may be any name. From a name as in the published stimuli (`mixed4c_pool_reduce_pre_relu_conv`) the branch is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exemplum import images, store
from exemplum.errors import UserError
from exemplum.queries import units
from exemplum.records import ANY_BATCH, Picture, Pole, StudyUnit, Unit, unit_columns

METHODS = {"natural_images": "natural", "optimized_images": "synthetic"}
BRANCHES = {"1x1": "1x1", "3x3": "3x3", "5x5": "5x5", "pool_reduce": "pool"}
PICTURE = re.compile(r"(max|min)_(\d+)\.(?:png|jpe?g|webp)$")


@dataclass(frozen=True)
class FinishedUnit:
    """The files of one unit's pictures, by method, pole and number.

    No Pictures: which batches show a file, and at which position, is known once all files of the unit are counted.
    """

    unit: Unit
    branch: str
    files: dict[tuple[str, Pole], list[Path]]


def read(root: Path) -> list[FinishedUnit]:
    """Find every unit below `root`. Raises UserError if there is none, or a unit's natural pictures have gaps."""
    if not root.is_dir():
        raise UserError(f"folder {root} does not exist")
    found = [_unit(home) for home in sorted(root.glob("*/channel_*")) if home.is_dir()]
    if not found:
        raise UserError(
            f"{root} has no LAYER/channel_N/natural_images/max_0.png; its layout: docs/reference/explanations.md"
        )
    return found


def _unit(home: Path) -> FinishedUnit:
    layer, channel = home.parent.name, home.name.removeprefix("channel_")
    if not (channel.isascii() and channel.isdecimal() and len(channel) < 10):
        raise UserError(f"{home}: the folder of a channel must be named channel_N, where N is its number")
    branch = next((name for part, name in BRANCHES.items() if part in layer), "")
    files = {(method, pole): _pictures(home / folder, pole) for folder, method in METHODS.items() for pole in Pole}
    natural = {pole: len(files["natural", pole]) for pole in Pole}
    if natural[Pole.MAX] != natural[Pole.MIN] or natural[Pole.MAX] < 2:
        raise UserError(
            f"{home}: natural_images has {natural[Pole.MAX]} max_K and {natural[Pole.MIN]} min_K pictures; it "
            "must have as many of each, and at least 2"
        )
    return FinishedUnit(Unit(layer, int(channel)), branch, files)


def _pictures(folder: Path, pole: Pole) -> list[Path]:
    numbered = {}
    for path in folder.glob(f"{pole}_*"):
        if match := PICTURE.match(path.name):
            numbered[int(match[2])] = path
    if sorted(numbered) != list(range(len(numbered))):
        raise UserError(
            f"{folder}: {pole} pictures must be numbered 0, 1, 2, … without gaps (found {sorted(numbered)})"
        )
    return [numbered[number] for number in range(len(numbered))]


def study_units(found: list[FinishedUnit], practice: int) -> list[StudyUnit]:
    """The units with their roles: the last `practice` of them are for practice and catch trials, the others main units.

    Raises UserError if no main unit is left.
    """
    main = len(found) - practice
    if main < 1:
        raise UserError(
            f"study.toml: [units] practice = {practice} leaves none of the {len(found)} units for main trials"
        )
    return [
        StudyUnit(entry.unit, entry.branch, units.RANDOM, units.MAIN if place < main else units.PRACTICE)
        for place, entry in enumerate(found)
    ]


def stimuli(
    found: list[FinishedUnit],
    study: Path,
    folder: Path,
    rotate: bool,
    place: Callable[[Path], Path] = lambda home: home,
) -> Iterator[dict[str, Any]]:
    """Copy the pictures, as PNG, and yield their rows of STIMULI, with paths as if they were in `folder / METHOD`.

    They are written into `place(folder / METHOD)`; the caller moves them to `folder / METHOD`. Without `rotate` there
    is one batch, whose queries are `max_k` and `min_0`. With `rotate` there are k + 1 batches: every natural image is
    the query in one of them, and the others are its references.
    """
    for entry in found:
        k = len(entry.files["natural", Pole.MAX]) - 1
        for (method, pole), files in entry.files.items():
            for number, source in enumerate(files):
                home, name = folder / method, Path(entry.unit.slug) / f"{pole}_{number}.png"
                store.write_png(place(home) / name, images.decode_file(source))
                for batch, position in _places(method, pole, number, k, rotate):
                    picture = Picture(
                        entry.unit, pole, position, None, references=k, batch=batch, method=method,
                        path=(home / name).relative_to(study).as_posix(),
                    )  # fmt: skip
                    yield {
                        **unit_columns(entry.unit, entry.branch), **picture.columns(), "activation": float("nan"),
                        "percentile": float("nan"), "margin": float("nan"), "failed": False,
                    }  # fmt: skip


def _places(method: str, pole: Pole, number: int, k: int, rotate: bool) -> Iterator[tuple[int, int]]:
    """The batches that a picture is in, and its position in each."""
    if method != "natural":
        yield ANY_BATCH, number
    elif not rotate:
        yield 0, number
    else:
        shift = -1 if pole is Pole.MIN else 1  # the queries of batch b are max_{k-b} and min_b
        yield from ((batch, (number + shift * batch) % (k + 1)) for batch in range(k + 1))
