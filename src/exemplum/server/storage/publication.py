"""Publishing: the tables of people in responses/, in which only sessions that changed are made again.

To make the rows of 1,000 finished sessions takes 20 s; to read a table of them and write it again, one second. So
server/published.json has a hash of each file and the state of each session that the files hold. Sessions in another
state are made again; all are, if a file is not as it was written or another version of Exemplum wrote it. The tables
are always those that making all sessions would give.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection
from pathlib import Path

import pandas as pd
from sqlalchemy.orm import Session as Orm

from exemplum import __version__, store
from exemplum.errors import UserError
from exemplum.responses import write_entered
from exemplum.server.experiment import Experiment
from exemplum.server.storage import flow
from exemplum.server.storage.tables import (
    ANSWERS,
    FILES,
    PERSONS,
    finished_states,
    members,
    people,
    publishing,
    ratings,
    readable,
    refuse_fewer,
    responses,
    session_of,
    withdrawn,
)
from exemplum.study import Study

FILE = "server/published.json"
FORM = 1  # raise when the rows of a session are made in another way
log = logging.getLogger("exemplum.server")


def publish(experiment: Experiment) -> int:
    """Write finished sessions, without pilots, as responses/people.parquet with sessions and ratings beside it.

    The analysis reads them with the machines' answers and applies exclusion rules. Returns the number of participants.
    Raises LostRowsError, and writes nothing, if rows of people who did not withdraw would be lost.
    """
    experiment.database.writer.settle()  # a session that has just ended is committed after it said so
    # one at a time over all threads and processes: an older state written last would restore withdrawn participants
    with publishing(experiment.study):
        try:
            published = _publish(experiment, experiment.study.stage("responses"))
        except UserError as error:
            experiment.trouble = str(error)
            raise
        experiment.trouble = ""
        return published


def _publish(experiment: Experiment, folder: Path) -> int:
    study, held = experiment.study, _held(experiment.study)
    with experiment.database.read() as orm:
        states = finished_states(orm, experiment.study_id)
        counts = flow.entered(orm, experiment.study_id)
        if not states and not (folder / ANSWERS).exists():
            return 0
        kept = {label for label, state in (held or {}).items() if states.get(label) == state}
        made = _made(orm, experiment.study_id, states.keys() - kept)
        gone = withdrawn(orm, experiment.study_id)
    refuse_fewer(folder, made, gone, besides=kept)
    write_entered(study, counts)
    readable_now = set(made[PERSONS]["participant"])
    sessions = {label: state for label, state in states.items() if label in kept or label in readable_now}
    if sessions != held:
        _write(study, made, sessions, kept)
        log.info("published", extra={"participants": len(sessions), "made": len(readable_now)})
    return len(states)


def _made(orm: Orm, study_id: int, labels: Collection[str]) -> dict[str, pd.DataFrame]:
    """The tables of these sessions alone, of those that can be read."""
    if not labels:
        return {name: table.frame() for name, (table, _) in FILES.items()}
    of = members(orm, study_id, finished=True, only=[session_of(label) for label in labels])
    frames, _ = readable(of, lambda some: dict(
        zip(FILES, (responses(orm, some), people(orm, some), ratings(orm, some)), strict=True)
    ))  # fmt: skip
    return frames


def _write(study: Study, made: dict[str, pd.DataFrame], sessions: dict[str, str], kept: set[str]) -> None:
    """Write the rows of the sessions `kept` from the files, and those made, in the order of entry."""
    folder, hashes = study.stage("responses"), {}
    for name, (table, _) in FILES.items():
        frame = made[name]
        if kept:
            before = table.read(folder / name)
            frame = _ordered(table.concat([before[before["participant"].isin(kept)], frame]))
        table.write(folder / name, frame)
        hashes[name] = _hash(folder / name)
    # last: after a stop before this, the hashes are not those of the files, and every session is made again
    store.write_json(study.folder / FILE, {"maker": _maker(), "files": hashes, "sessions": sessions})


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[frame["participant"].map(session_of).to_numpy(int).argsort(kind="stable")]


def _held(study: Study) -> dict[str, str] | None:
    """State by label of the sessions whose rows the files hold; None if that is not known for sure."""
    try:
        said = store.read_json(study.folder / FILE)
        files = {name: _hash(study.stage("responses") / name) for name in FILES}
    except (store.StoreError, OSError):  # one of them is missing or broken
        return None
    is_known = isinstance(said, dict) and said.get("maker") == _maker() and said.get("files") == files
    return said.get("sessions") if is_known else None


def _maker() -> str:
    """A hash of what makes rows: of another version, or with other columns, all are made again."""
    return store.digest(FORM, __version__, [list(table.columns) for table, _ in FILES.values()])


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
