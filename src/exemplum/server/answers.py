"""Answers: one a trial, in order, never changed; sending one again gives what was said the first time."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session as Orm

from exemplum.records import Side
from exemplum.server.errors import ApiError
from exemplum.server.identity import hashed
from exemplum.server.schema import Answer, SessionRow, TrialRow, now_ms

DAY_MS = 86_400_000


class GivenAnswer(BaseModel):
    """What the page sends."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
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
    input: Literal["mouse", "touch", "pen", "keyboard", "simulated"] = "mouse"
    attempt: int = Field(1, ge=1, le=10**6)


FOUND = (
    select(
        SessionRow.id, SessionRow.status, SessionRow.step.label("at"), SessionRow.answered, SessionRow.total,
        TrialRow.id.label("trial"), TrialRow.position, TrialRow.step, TrialRow.last, TrialRow.max_side,
        Answer.key, Answer.choice, Answer.confidence,
    )
)  # fmt: skip


def record(orm: Orm, token: str, given: GivenAnswer) -> dict[str, Any]:
    """Store an answer and say whether it was right.

    Raises ApiError: no_session, ended, out_of_order, already_answered.
    """
    found = orm.execute(
        FOUND.outerjoin(TrialRow, (TrialRow.session_id == SessionRow.id) & (TrialRow.key == given.trial))
        .outerjoin(Answer, Answer.trial_id == TrialRow.id)
        .where(SessionRow.token_hash == hashed(token))
    ).one_or_none()
    if found is None:
        raise ApiError("no_session", "no session has this token")
    if found.key is not None:
        return _again(found, given)
    if found.status != "active":
        raise ApiError("ended", "this session is over")
    if found.trial is None or found.step != found.at or found.position != found.answered:
        raise ApiError("out_of_order", "this is not the next trial; ask for the state")
    _advance(orm, found)
    correct = given.choice == found.max_side
    orm.execute(
        insert(Answer).values(
            session_id=found.id, trial_id=found.trial, correct=correct, received_at=now_ms(),
            **given.model_dump(exclude={"trial"}),
        )
    )  # fmt: skip
    return _said(found, given.trial, given.choice, given.confidence)


def _advance(orm: Orm, found: Any) -> None:
    """Count the answer, only if nobody else did in between: two tabs may be on two processes of the server."""
    counted = orm.execute(
        update(SessionRow)
        .where(SessionRow.id == found.id, SessionRow.answered == found.answered, SessionRow.step == found.at)
        .values(answered=found.answered + 1, step=found.at + int(found.last), seen_at=now_ms())
        .execution_options(synchronize_session=False)
    )
    if counted.rowcount != 1:  # type: ignore[attr-defined]
        raise ApiError("out_of_order", "another window answered at the same moment; ask for the state")


def _again(found: Any, given: GivenAnswer) -> dict[str, Any]:
    said = _said(found, given.trial, found.choice, found.confidence)
    if found.key != given.key:
        raise ApiError("already_answered", "this trial has its answer; it stays", extra={"answer": said})
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
