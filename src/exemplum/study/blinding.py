"""Blinding: while a study recruits, people's answers are left out of analysis and report unless requested.

A look at the results must not decide when to stop. A look in spite of that needs a reason, which the audit records.
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
from exemplum.study.folder import Study

HOW = '--unblind "REASON" includes them and is recorded in the audit'


def is_blind(study: Study) -> bool:
    """Whether people's answers are left out: there are some, the study recruits, and nobody requested them."""
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
    """The notice for user and readers; "" if nothing is hidden or unblinded."""
    if is_blind(study):
        return f"People's answers are left out while the study recruits; {HOW}."
    if study.unblinded and has_people(study) and is_recruiting(study):
        return f"People's answers are included although the study still recruits; the reason given: {study.unblinded}."
    return ""


CLOSED = "recruitment is closed: first analysis"


def look(
    study: Study, unblind: str | None = None, database: str = "", before: Callable[[Study], object] = lambda _: None
) -> Study:
    """A study whose results are to be shown. With a reason to `unblind`, the audit notes it before they are.

    `before` refuses what cannot be done at all: a look that does not come about is not to be noted. Raises UserError
    for an empty reason, or if the audit cannot be written.
    """
    if unblind is not None and not unblind.strip():
        raise UserError('--unblind needs the reason for looking, as in --unblind "planned interim analysis"')
    if not has_people(study):
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
    """After recruitment the first look is noted; who analyses a copy without the database is told, not stopped."""
    said = read_status(study)
    if said is None or said.unblinded_at is not None:
        return
    try:
        _note(study, reason, database)
    except UserError as error:
        console.print(f"not noted in the audit: {error}", highlight=False, markup=False, soft_wrap=True)


def _note(study: Study, reason: str, database: str) -> None:
    # late and by name: only this needs the database, and the study imports no room
    import_module("exemplum.server.storage.status").note(study, reason, database)


def _without_people(people: set[str], frame: pd.DataFrame) -> pd.DataFrame:
    hidden = frame["observer"].isin(people)
    if {"by", "group"} <= set(frame.columns):  # agreement of a machine with people
        hidden |= (frame["by"] == "observer") & frame["group"].isin(people)
    return frame[~hidden].reset_index(drop=True)


def state(study: Study) -> Sequence[str]:
    """What a fingerprint holds of it: nothing for a study that hides nothing."""
    said = notice(study)
    return [said] if said else []


Recruitment = Literal["open", "paused", "closed"]
STATUS_FILE = "server/status.json"


@dataclass(frozen=True)
class Status:
    """STUDY/server/status.json; the server writes it when it starts and whenever one of these changes."""

    id: str  # of the study: 32 hex digits
    recruitment: Recruitment
    unblinded_at: int | None  # ms since 1970 when accuracy by condition was first asked for; None while blind
    answers: int  # by participants who are no pilots
    participants: int  # who entered and have not withdrawn, without pilots
    design: str  # hash of the design that the answers belong to
    database: str  # where the answers lie, without a password
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
            f"{path} is not the server's status; start exemplum serve, which writes it again"
        ) from error


def write_status(study: Study, status: Status) -> None:
    """Write the status whole or not at all."""
    store.write_json(study.folder / STATUS_FILE, asdict(status))
