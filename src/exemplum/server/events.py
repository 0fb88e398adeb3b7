"""Events: what happened in the browser, added in batches and never changed; a batch sent again adds nothing."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session as Orm

from exemplum.server.errors import ApiError
from exemplum.server.identity import hashed
from exemplum.server.schema import Event, SessionRow, now_ms
from exemplum.server.text import Body

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
            raise ValueError(f"data of an event has at most {MOST_DATA} characters as JSON")
        return data


class GivenEvents(Body):
    page: str = Field(min_length=8, max_length=80)
    events: list[GivenEvent] = Field(max_length=200)


def append(orm: Orm, token: str, given: GivenEvents) -> dict[str, Any]:
    """Add those events that are new; beyond the quota none, and `full` says so. Raises ApiError no_session."""
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
