"""A forced run: which stages are still to be made anew, kept on disk so that a run that was stopped goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from exemplum import store
from exemplum.study import Study

FILE = "forced.json"  # asked: the stages of the command; left: stage → what it was before, null if not begun
RECORD = "record.json"


def ask(study: Study, stages: Sequence[str]) -> None:
    """Have stages made anew; the same stages asked for once more before they are done go on where they were."""
    held = _read(study)
    if held["asked"] != list(stages):
        store.write_json(study.folder / FILE, {
            "asked": list(stages), "left": dict.fromkeys(stages) | held["left"],
        })  # fmt: skip


def is_asked(study: Study, stage: str) -> bool:
    """Whether a stage is still to be made anew."""
    return stage in _read(study)["left"]


def begin(study: Study, stage: str, forget: Callable[[Study], None] | None) -> None:
    """When a stage begins to be made anew, and not when it goes on, `forget` drops what would be taken for made."""
    held = _read(study)
    if held["left"][stage] is None:
        remade = (study.record(stage) or {}).get("remade")
        held["left"][stage] = {"files": _content(study.stage(stage)), "remade": remade}
        if forget:
            forget(study)
        store.write_json(study.folder / FILE, held)


def done(study: Study, stage: str) -> None:
    """A stage has been made anew: where its files are others now, what follows from them is stale."""
    held = _read(study)
    if stage not in held["left"]:
        return
    content, before = _content(study.stage(stage)), held["left"].pop(stage)
    if remade := before["remade"] if content == before["files"] else content:
        store.write_json(study.stage(stage) / RECORD, (study.record(stage) or {}) | {"remade": remade})
    if held["left"]:
        store.write_json(study.folder / FILE, held)
    else:
        (study.folder / FILE).unlink(missing_ok=True)


def _read(study: Study) -> dict[str, Any]:
    path = study.folder / FILE
    return store.read_json(path) if path.exists() else {"asked": None, "left": {}}


def _content(folder: Path) -> str:
    """A hash of a stage's files, but for its record and what is hidden."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.as_posix() != RECORD and not any(part.startswith(".") for part in name.parts):
            found.update(f"{name.as_posix()}\0{path.stat().st_size}\0".encode())
            found.update(path.read_bytes())
    return found.hexdigest()[:16]
