"""Answers of people in a study folder without server/status.json: it was lost, or an older server wrote none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd

from exemplum import freezing, status
from exemplum.errors import UserError, command
from exemplum.identity import DATABASE
from exemplum.store import StoreError
from exemplum.study import Study

PUBLISHED = "people.parquet"  # below responses/, the server's
REAL = """SELECT count(*) FROM answers JOIN sessions ON sessions.id = answers.session_id
    JOIN participants ON participants.id = sessions.participant_id WHERE NOT participants.pilot"""


def refuse(study: Study, stage: str) -> None:
    """Raise FrozenError if a stage that such answers rest on would be made anew: nothing says what must stay."""
    if stage not in freezing.STAGES or status.read(study) is not None:
        return
    if where := _where(study):
        raise freezing.FrozenError(
            f"the {stage} of {study.folder} would be made anew, but {where} holds answers of people and "
            f"{status.FILE} is missing, which says what they rest on; run: {command('serve', study.folder)} once (with "
            "the database that has them), which writes it"
        )


def refuse_without_design(study: Study) -> None:
    """Raise FrozenError if a study without a design has answers of people: another design would not be theirs."""
    try:
        said = status.read(study)
    except StoreError:  # the server writes it anew
        said = None
    if where := study.folder / status.FILE if said and said.answers else _where(study):
        raise freezing.FrozenError(
            f"{study.stage('design')} is gone, and {where} tells of answers that people gave to what was there; bring "
            f"{study.stage('design')} back from a backup"
        )


def _where(study: Study) -> Path | None:
    """The file that holds answers of people who are no pilots."""
    published, database = study.stage("responses") / PUBLISHED, study.folder / DATABASE
    if published.exists() and _rows(published):
        return published
    return database if database.exists() and _real(database) else None


def _rows(path: Path) -> int:
    try:
        return len(pd.read_parquet(path, columns=["participant"]))
    except Exception as error:
        raise UserError(f"{path} cannot be read ({error}); bring it back, or serve the study") from error


def _real(path: Path) -> int:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute(REAL).fetchone()[0])
    except sqlite3.OperationalError:  # empty: without tables
        return 0
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path} cannot be read ({error}); bring it back from a backup") from error
