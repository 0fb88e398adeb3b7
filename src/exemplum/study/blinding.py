"""Blinding: while a study recruits, people's answers are left out of analysis and report unless requested.

Recruitment must not be stopped because of a look at the results. So a look needs a reason, which the audit records.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import import_module
from typing import Any, Literal

import pandas as pd

from exemplum import store
from exemplum.errors import UserError
from exemplum.runtime import console
from exemplum.study import stamped
from exemplum.study.folder import Study
from exemplum.tables import EVIDENCE

HOW = '--unblind "REASON" includes them and is recorded in the audit'


def is_blind(study: Study) -> bool:
    """Whether people's answers are left out: there are some, the study recruits, and it was not unblinded.

    Never in a stamped copy, which holds no results of the study.
    """
    if stamped.kind_of(study.folder):
        return False
    return not study.unblinded and is_recruiting(study) and has_people(study)


def is_recruiting(study: Study) -> bool:
    """Whether recruitment is not closed. A study without a server's status counts as recruiting."""
    said = read_status(study)
    return said is None or said.recruitment != "closed"


def has_people(study: Study) -> bool:
    """Whether there are answers of people among the responses."""
    return any(
        (pd.read_parquet(path, columns=["observer_kind"])["observer_kind"] == "person").any()
        for path in sorted(study.stage("responses").glob("*.parquet"))
        if path != study.folder / EVIDENCE.files[0]
    )


def visible(study: Study, responses: pd.DataFrame, *others: pd.DataFrame) -> list[pd.DataFrame]:
    """The tables without people's rows while the study is blind; `others` have a column `observer`."""
    if not is_blind(study):
        return [responses, *others]
    people = set(responses.loc[responses["observer_kind"] == "person", "observer"])
    return [_without_people(people, frame) for frame in (responses, *others)]


def refuse(study: Study, responses: pd.DataFrame, observer: str) -> None:
    """Raise UserError if an observer's answers are hidden at present."""
    of_people = (responses["observer"] == observer) & (responses["observer_kind"] == "person")
    if of_people.any() and is_blind(study):
        raise UserError(f"{study.folder}: the answers of {observer} are hidden while the study recruits; {HOW}")


def notice(study: Study) -> str:
    """A notice for users and readers that answers are left out, or included early; "" if neither is so."""
    if is_blind(study):
        return f"People's answers are left out while the study recruits, until recruitment is closed; {HOW}."
    if study.unblinded and has_people(study) and is_recruiting(study):
        return f"People's answers are included although the study still recruits; the reason given: {study.unblinded}."
    return ""


CLOSED = "recruitment is closed: first analysis"


def look(
    study: Study, unblind: str | None = None, database: str = "", before: Callable[[Study], object] = lambda _: None
) -> Study:
    """The study, unblinded if a reason to `unblind` is given; the audit records the reason first.

    `before` is called before anything is recorded and raises if the results cannot be computed at all, so that no look
    is recorded that did not happen. Raises UserError for an empty reason, or if the audit cannot be written.
    """
    if unblind is not None and not unblind.strip():
        raise UserError('--unblind needs the reason for looking, as in --unblind "planned interim analysis"')
    if stamped.kind_of(study.folder) or not has_people(study):
        return study
    if unblind is not None or not is_recruiting(study):
        before(study)
    if not is_recruiting(study):
        _note_first(study, unblind or CLOSED, database)
        return study
    if unblind is None:
        console.print(notice(study), highlight=False, markup=False, soft_wrap=True)
        return study
    _note(study, unblind.strip(), database)
    return replace(study, unblinded=unblind.strip())


def _note_first(study: Study, reason: str, database: str) -> None:
    """Record the first look after recruitment. Without the database, as in a copied study, only print a line."""
    said = read_status(study)
    if said is None or said.unblinded_at is not None:
        return
    try:
        _note(study, reason, database)
    except UserError as error:
        console.print(
            f"the audit could not record this analysis: {error}", highlight=False, markup=False, soft_wrap=True
        )


def _note(study: Study, reason: str, database: str) -> None:
    # imported late and by name: only this needs the database, and `study` imports no stage's package
    import_module("exemplum.server.storage.status").note(study, reason, database)


def _without_people(people: set[str], frame: pd.DataFrame) -> pd.DataFrame:
    hidden = frame["observer"].isin(people)
    if {"by", "group"} <= set(frame.columns):  # rows about the agreement of a machine with people
        hidden |= (frame["by"] == "observer") & frame["group"].isin(people)
    return frame[~hidden].reset_index(drop=True)


def state(study: Study) -> Sequence[str]:
    """What a fingerprint includes of blinding: nothing if nothing is hidden or unblinded."""
    said = notice(study)
    return [said] if said else []


Recruitment = Literal["open", "paused", "closed"]
STATUS_FILE = "server/status.json"


@dataclass(frozen=True)
class Status:
    """STUDY/server/status.json; the server writes it when it starts and whenever one of these changes."""

    id: str  # of the study: 32 hex digits
    recruitment: Recruitment
    unblinded_at: int | None  # ms since 1970 when accuracy by condition was first shown; None while blind
    answers: int  # of participants, without pilots
    participants: int  # who entered and have not withdrawn, without pilots
    design: str  # hash of the design that the answers belong to
    database: str  # where the answers are stored, without a password
    frozen: dict[str, Any] = field(default_factory=dict)  # what must not change while there are answers


def read_status(study: Study) -> Status | None:
    """The last status that the server wrote; None if the study was never served.

    Raises StoreError if the file is broken.
    """
    path = study.folder / STATUS_FILE
    if not path.exists():
        return None
    known = {one.name for one in fields(Status)}
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return Status(**{name: value for name, value in held.items() if name in known})
    except (AttributeError, TypeError, ValueError, RecursionError, OSError) as error:
        raise store.StoreError(
            f"{path} is not a status file of the server; start exemplum serve, which writes it again"
        ) from error


def write_status(study: Study, status: Status) -> None:
    """Write the status, whole or not at all."""
    store.write_json(study.folder / STATUS_FILE, asdict(status))
