"""Pictures of a method on disk: each unit's are kept as soon as they are all there, and not made again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exemplum import store
from exemplum.explanations.base import ExplanationMethod, Picture, Request
from exemplum.records import ANY_BATCH, Pole, Unit


@dataclass(frozen=True)
class Kept:
    """A picture on disk."""

    unit: Unit
    pole: Pole
    method: str
    path: str  # relative to the study folder
    references: int
    batch: int
    position: int
    image_id: str
    group: str
    activation: float | None
    facts: dict[str, Any]


def pictures(name: str, method: ExplanationMethod, request: Request, study: Path, key: str) -> list[Kept]:
    """All pictures of a method for the units of a request: those on disk of this key, the others made now."""
    records = {unit: request.folder / unit.slug / "pictures.json" for unit in request.units}
    missing = [unit for unit, record in records.items() if not _is_done(record, key)]
    if missing:
        made = method(request.only(missing))
        for unit, own in itertools.groupby(made, key=lambda picture: picture.unit):
            entries = []
            for picture in own:
                entries.append(_keep(picture, request, study))
                if _serves_all(picture) and len(entries) == len(Pole) * request.most:
                    break  # all are there: kept now, and not when the next unit is, which may take hours
            store.write_json(records[unit], {"key": key, "pictures": entries})
    return [_kept(name, unit, entry) for unit in request.units for entry in store.read_json(records[unit])["pictures"]]


def _is_done(record: Path, key: str) -> bool:
    return record.exists() and store.read_json(record)["key"] == key


def _serves_all(picture: Picture) -> bool:
    """Whether a picture is for every scheme and batch, so that a unit has a known number of them."""
    return picture.references is None and picture.batch == ANY_BATCH


def _keep(picture: Picture, request: Request, study: Path) -> dict[str, Any]:
    parts = [str(picture.pole), str(picture.position)]
    if picture.batch != ANY_BATCH:
        parts = [f"batch{picture.batch:02d}", *parts]
    if picture.references is not None:
        parts = [f"k{picture.references}", *parts]
    path = request.folder / picture.unit.slug / ("_".join(parts) + ".png")
    store.write_png(path, picture.image)
    return {
        "pole": str(picture.pole), "path": path.relative_to(study).as_posix(), "position": picture.position,
        "references": request.most if picture.references is None else picture.references, "batch": picture.batch,
        "image_id": picture.image_id, "group": picture.group, "activation": picture.activation,
        "facts": dict(picture.facts),
    }  # fmt: skip


def _kept(name: str, unit: Unit, entry: dict[str, Any]) -> Kept:
    return Kept(unit=unit, method=name, pole=Pole(entry["pole"]), **{k: v for k, v in entry.items() if k != "pole"})


def picture_rows(kept: list[Kept]) -> Iterator[dict[str, Any]]:
    """Rows of PICTURES: how each made picture came about."""
    for picture in kept:
        facts = picture.facts
        if "recipe" in facts:
            yield {
                "path": picture.path, "method": picture.method, "unit": str(picture.unit), "pole": str(picture.pole),
                "position": picture.position, "recipe": facts["recipe"], "recipe_hash": facts["recipe_hash"],
                "seed": facts["seed"], "diversity": facts["diversity"], "updates": facts["updates"],
                "stopped": facts["stopped"], "score": facts["scores"][-1],
            }  # fmt: skip


def trace_rows(kept: list[Kept]) -> Iterator[dict[str, Any]]:
    """Rows of TRACES: the objective's score over the steps."""
    for picture in kept:
        for step, score in zip(picture.facts.get("steps", ()), picture.facts.get("scores", ()), strict=True):
            yield {"path": picture.path, "step": step, "score": score}


def files(folder: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of the files below a folder, to notice that they changed."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in found]
