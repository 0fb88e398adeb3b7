"""Answers and events: stored once, in order, never changed. Sending one again returns the first response."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session as Orm

from exemplum.records import Side
from exemplum.server.requests import ApiError, Body
from exemplum.server.sessions.entry import hashed
from exemplum.server.storage.schema import Base, Event, SessionRow, now_ms

DAY_MS = 86_400_000


class GivenAnswer(Body):
    """An answer as the page sends it."""

    trial: str = Field(max_length=22)
    key: str = Field(min_length=8, max_length=80)
    choice: Literal["top", "bottom"]
    confidence: Literal[1, 2, 3]
    rt_ms: float = Field(ge=0, le=DAY_MS)
    shown_at: float = Field(ge=0, le=1e14)
    frame_ms: float = Field(0.0, ge=0, le=DAY_MS)
    frames_late: int = Field(0, ge=0, le=10**9)
    hidden_ms: float = Field(0.0, ge=0, le=DAY_MS)
    blurs: int = Field(0, ge=0, le=10**6)
    query_px: float | None = Field(None, gt=0, le=20_000)
    reference_px: float | None = Field(None, gt=0, le=20_000)
    pixel_ratio: float | None = Field(None, gt=0, le=100)
    input: Literal["mouse", "touch", "pen", "keyboard", "simulated"] = "mouse"
    attempt: int = Field(1, ge=1, le=10**6)


# Built once, on tables instead of mapped classes: a quarter of the time in the writer, where all answers queue.
SESSIONS, TRIALS, ANSWERS = (Base.metadata.tables[name] for name in ("sessions", "trials", "answers"))
FIND = (
    select(
        SESSIONS.c.id, SESSIONS.c.status, SESSIONS.c.step.label("at"), SESSIONS.c.answered, SESSIONS.c.total,
        TRIALS.c.id.label("trial"), TRIALS.c.position, TRIALS.c.step, TRIALS.c.last, TRIALS.c.max_side,
        ANSWERS.c.key, ANSWERS.c.choice, ANSWERS.c.confidence,
    )
    .outerjoin(TRIALS, (TRIALS.c.session_id == SESSIONS.c.id) & (TRIALS.c.key == bindparam("trial_key")))
    .outerjoin(ANSWERS, ANSWERS.c.trial_id == TRIALS.c.id)
    .where(SESSIONS.c.token_hash == bindparam("token"))
)  # fmt: skip
# Increases the count only if nobody else has meanwhile: two tabs may be on two processes of the server.
COUNT = (
    update(SESSIONS)
    .where(
        SESSIONS.c.id == bindparam("session"),
        SESSIONS.c.answered == bindparam("before"),
        SESSIONS.c.step == bindparam("at"),
    )
    .values(answered=bindparam("after"), step=bindparam("then"), seen_at=bindparam("now"))
)
KEEP = insert(ANSWERS)


def record(orm: Orm, token: str, given: GivenAnswer) -> dict[str, Any]:
    """Store an answer and return whether it was right.

    Raises ApiError: no_session, ended, out_of_order, already_answered.
    """
    database, now = orm.connection(), now_ms()
    found = database.execute(FIND, {"trial_key": given.trial, "token": hashed(token)}).one_or_none()
    if found is None:
        raise ApiError("no_session", "no session has this token")
    if found.key is not None:
        return _again(found, given)
    if found.status != "active":
        raise ApiError("ended", "this session is over")
    if found.trial is None or found.step != found.at or found.position != found.answered:
        raise ApiError("out_of_order", "this is not the next trial; ask for the state")
    count = {"session": found.id, "before": found.answered, "at": found.at, "now": now}
    counted = database.execute(COUNT, count | {"after": found.answered + 1, "then": found.at + int(found.last)})
    if counted.rowcount != 1:
        raise ApiError("out_of_order", "another window answered at the same moment; ask for the state")
    kept = {
        "session_id": found.id,
        "trial_id": found.trial,
        "correct": given.choice == found.max_side,
        "received_at": now,
    }
    database.execute(KEEP, kept | given.model_dump(exclude={"trial"}))
    return _said(found, given.trial, given.choice, given.confidence)


def _again(found: Any, given: GivenAnswer) -> dict[str, Any]:
    said = _said(found, given.trial, found.choice, found.confidence)
    if found.key != given.key:
        raise ApiError("already_answered", "this trial has been answered already", extra={"answer": said})
    return said


def _said(found: Any, trial: str, choice: str, confidence: int) -> dict[str, Any]:
    return {
        "trial": trial,
        "choice": choice,
        "confidence": confidence,
        "verdict": {"solution": Side(found.max_side).value, "correct": choice == found.max_side},
        "progress": {"answered": found.position + 1, "total": found.total},
        "block_done": bool(found.last),
    }


MOST_DATA = 2048  # characters (code points) of one event's data as JSON
# Of one session. Three hours of a busy participant are some 5,000 events of 100 bytes; without a quota one browser
# could fill the disk that answers need.
MOST_ROWS = 20_000
MOST_BYTES = 8 * 1024**2


class GivenEvent(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    seq: int = Field(ge=0, le=10**9)
    at: float = Field(ge=0, le=1e14)
    kind: str = Field(pattern=r"^[a-z_]{1,20}$")
    trial: str = Field("", max_length=22)
    data: dict[str, Any] = {}

    @field_validator("data")
    @classmethod
    def _small(cls, data: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(data, ensure_ascii=False)) > MOST_DATA:
            raise ValueError(f"data of an event must have at most {MOST_DATA} characters as JSON")
        return data


class GivenEvents(Body):
    page: str = Field(min_length=8, max_length=80)
    events: list[GivenEvent] = Field(max_length=200)


def append(orm: Orm, token: str, given: GivenEvents) -> dict[str, Any]:
    """Add the new events; none beyond the quota, which `full` reports. Raises ApiError no_session."""
    held = select(SessionRow.id, SessionRow.event_rows, SessionRow.event_bytes)
    session = orm.execute(held.where(SessionRow.token_hash == hashed(token))).one_or_none()
    if session is None:
        raise ApiError("no_session", "no session has this token")
    sizes = {event.seq: len(json.dumps(event.data)) for event in given.events}
    if session.event_rows + len(sizes) > MOST_ROWS or session.event_bytes + sum(sizes.values()) > MOST_BYTES:
        return {"stored": 0, "full": True}
    received = now_ms()
    rows = [
        {"session_id": session.id, "page": given.page, "received_at": received, **event.model_dump()}
        for event in given.events
    ]
    if not rows:
        return {"stored": 0, "full": False}
    insert = (sqlite if orm.get_bind().dialect.name == "sqlite" else postgresql).insert
    added = orm.scalars(insert(Event).values(rows).on_conflict_do_nothing().returning(Event.seq)).all()
    if added:
        orm.execute(
            update(SessionRow)
            .where(SessionRow.id == session.id)
            .values(
                event_rows=SessionRow.event_rows + len(added),
                event_bytes=SessionRow.event_bytes + sum(sizes[seq] for seq in added),
                replaced=SessionRow.replaced + given.replaced,
            )
            .execution_options(synchronize_session=False)
        )
    return {"stored": len(added), "full": False}
