"""Events: what happened in the browser, added in batches and never changed; a batch sent again adds nothing."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session as Orm

from exemplum.server.errors import ApiError
from exemplum.server.identity import hashed
from exemplum.server.schema import Event, SessionRow, now_ms

MOST_DATA = 2048  # characters of one event's data as JSON


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
        if len(json.dumps(data)) > MOST_DATA:
            raise ValueError(f"data of an event has at most {MOST_DATA} characters as JSON")
        return data


class GivenEvents(BaseModel):
    model_config = ConfigDict(extra="forbid")
    page: str = Field(min_length=8, max_length=80)
    events: list[GivenEvent] = Field(max_length=200)


def append(orm: Orm, token: str, given: GivenEvents) -> dict[str, int]:
    """Add those events that are new. Raises ApiError no_session."""
    session_id = orm.scalar(select(SessionRow.id).where(SessionRow.token_hash == hashed(token)))
    if session_id is None:
        raise ApiError("no_session", "no session has this token")
    received = now_ms()
    rows = [
        {"session_id": session_id, "page": given.page, "received_at": received, **event.model_dump()}
        for event in given.events
    ]
    if not rows:
        return {"stored": 0}
    insert = (sqlite if orm.get_bind().dialect.name == "sqlite" else postgresql).insert
    added = orm.execute(insert(Event).values(rows).on_conflict_do_nothing().returning(Event.id))
    return {"stored": len(added.all())}
