"""Stamped copies of a study, whose answers are no data: rehearsals with simulated people, and pilots.

A copy is a study of its own in STUDY/rehearsal or STUDY/pilots, with an id and a database of its own; what the study's
stages made is linked into it, not copied. Only its analysis and its report are made. Every page of them carries the
stamp, and so does every row of its answers, in the column `experiment`: no other study accepts such rows.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from exemplum.errors import UserError
from exemplum.study import locks
from exemplum.study.folder import IDENTITY_FILE, Study, new_identity
from exemplum.tables import EVIDENCE, RESPONSES

REHEARSAL, PILOTS = "rehearsal", "pilots"  # also the names of their folders in the study
NOTICES = {
    REHEARSAL: "Rehearsal: simulated people answered. No number here is a result of the study.",
    PILOTS: "Pilots: answers given before the study, or by its pilot link. No number here is a result of the study.",
}
STAGES = ("analysis", "report")  # all that is made in a copy
# What is linked: folders whole, and what analysis and report read of larger ones
FOLDERS = ("queries", "explanations", "design", "scores", "checks", "server/images")
INDEX = ("units.parquet", "broken.parquet", "record.json")


def kind_of(folder: Path) -> str:
    """`rehearsal` or `pilots` for the folder of a stamped copy; "" for any other folder."""
    try:
        held = json.loads((folder / IDENTITY_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # absent, or broken: who needs the id reports that
        return ""
    found = held.get("copy") if isinstance(held, dict) else ""
    return found if found in NOTICES else ""


def of(folder: Path) -> Path:
    """The folder of the study that a stamped copy is of; any other folder itself."""
    return folder.resolve().parent if kind_of(folder) else folder


def notice(study: Study) -> str:
    """What every page about a stamped copy says; "" for any other study."""
    return NOTICES.get(kind_of(study.folder), "")


def stamp(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The rows of a table with a column `experiment` as rows of a copy of this kind; of "" as they are.

    >>> stamp(pd.DataFrame({"experiment": ["quick"]}), "rehearsal")["experiment"].tolist()
    ['quick (rehearsal)']
    """
    return frame.assign(experiment=[named(name, kind) for name in frame["experiment"]])


def named(experiment: str, kind: str) -> str:
    """The name of an experiment in a copy of this kind; of "" the name itself."""
    return f"{experiment} ({kind})" if kind else experiment


WORDS = {REHEARSAL: "of a rehearsal", PILOTS: "of pilots", "": "of a study"}


def refuse_rows(experiments: Iterable[str], folder: Path, source: str) -> None:
    """Raise UserError if a row read from `source` does not carry the stamp of the study in `folder`.

    `experiments` are the values of the rows' column `experiment`; rows of a study that is no copy have no stamp.
    """
    own = kind_of(folder)
    for name in sorted(set(map(str, experiments))):
        found = next((one for one in NOTICES if name.endswith(f" ({one})")), "")
        if found != own:
            raise UserError(
                f"{source} holds answers {WORDS[found]} (experiment {name!r}), but {folder} is the folder "
                f"{WORDS[own]}; take the file away"
            )


def refuse_stages(study: Study, names: Iterable[str]) -> None:
    """Raise UserError if one of these stages would be made in a stamped copy, which has only analysis and report."""
    found = kind_of(study.folder)
    if found and (others := [name for name in names if name not in STAGES]):
        raise UserError(
            f"{study.folder} is the {found} of a study: only its analysis and report are made, not "
            f"{', '.join(others)}; give the study's own folder, {of(study.folder)}"
        )


def make(study: Study, kind: str) -> Study:
    """Make a copy of this kind, without answers of people; an earlier one of this kind is deleted.

    Raises UserError if the study is itself a copy, the folder holds something else, or the earlier copy is served.
    """
    folder = prepare(study, kind)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    new_identity(folder, copy=kind, copy_of=study.id)  # first: what is stopped halfway must be known as a copy
    shutil.copyfile(study.folder / "study.toml", folder / "study.toml")
    if (study.folder / "texts").is_dir():
        shutil.copytree(study.folder / "texts", folder / "texts")
    for path in _linked(study):
        link(path, folder / path.relative_to(study.folder))
    _copy_machines(study, folder / "responses", kind)
    return Study.open(folder)


def prepare(study: Study, kind: str) -> Path:
    """The folder of a study's copy of this kind. Raises UserError as `make` does."""
    folder = study.folder / kind
    if found := notice(study):
        raise UserError(f"{study.folder} is itself a copy of a study ({found}); give the study's own folder")
    if folder.exists() and kind_of(folder) != kind:
        raise UserError(f"{folder} exists, but is not the {kind} of this study; move it away")
    if locks.is_served(folder / "server"):
        raise UserError(f"{folder} is being served; stop exemplum serve, then run this command again")
    return folder


def link(source: Path, target: Path) -> None:
    """Link a file, or copy it to another disk. Stages replace whole files, so no change of one reaches the other."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy2(source, target)


def _linked(study: Study) -> Iterator[Path]:
    """The study's files that a copy reads and never changes."""
    yield from (path for name in INDEX if (path := study.stage("index") / name).exists())
    for folder in FOLDERS:
        for path in sorted((study.folder / folder).rglob("*")):
            inside = path.relative_to(study.folder / folder).parts
            if path.is_file() and not any(part.startswith((".", "partial", "cache")) for part in inside):
                yield path
    yield from (path for path in study.stage("responses").glob("*.json"))


def _copy_machines(study: Study, into: Path, kind: str) -> None:
    """The answers of machines, stamped."""
    for path in sorted(study.stage("responses").glob("*.parquet")):
        if path.name == Path(EVIDENCE.files[0]).name:
            link(path, into / path.name)
            continue
        answers = RESPONSES.read(path)
        machines = answers[answers["observer_kind"] == "machine"]
        if len(machines):
            RESPONSES.write(into / path.name, stamp(machines, kind))
