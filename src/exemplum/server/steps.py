"""Steps: what was done on a page is stored, and the session moves on to the next."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session as Orm

from exemplum import design as designs
from exemplum.records import Response, Side, TrialKind
from exemplum.server import fields, outcome
from exemplum.server.assignment import assign
from exemplum.server.errors import ApiError, bad_request
from exemplum.server.experiment import Experiment
from exemplum.server.identity import hashed
from exemplum.server.schedule import place, session_of, show_again, trial_of, turned
from exemplum.server.schema import Answer, Participant, SessionRow, StepRecord, StudyVersion, TrialRow, now_ms
from exemplum.server.state import RATING, must_practise_again, step_id
from exemplum.server.text import Body

DAY_MS = 86_400_000


class DoneStep(Body):
    """What the page sends when a step is done."""

    shown_at: float = Field(ge=0, le=1e14)
    ms: float = Field(ge=0, le=30 * DAY_MS)
    visible_ms: float = Field(ge=0, le=30 * DAY_MS)
    data: dict[str, Any] = Field(default_factory=dict)


class Rating(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    item: str
    rating: int = Field(ge=RATING[0], le=RATING[1])
    ms: float = Field(ge=0, le=30 * DAY_MS)


class Ratings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ratings: list[Rating]


def complete(orm: Orm, experiment: Experiment, token: str, step: str, done: DoneStep) -> int:
    """Store a step and move on; a step that is done already changes nothing. Returns the session's id.

    Raises ApiError: no_session, bad_request, out_of_order (not the current step, or a block, which answers end).
    """
    row = orm.scalar(select(SessionRow).where(SessionRow.token_hash == hashed(token)).with_for_update())
    if row is None:
        raise ApiError("no_session", "no session has this token")
    if step in {step_id(position) for position in range(row.step)} or (row.status != "active" and step != "end"):
        return row.id
    if row.status != "active" or step != step_id(row.step) or row.steps[row.step]["kind"] == "block":
        raise ApiError("out_of_order", f"step {step!r} cannot be done now; ask for the state")
    current = row.steps[row.step]
    data = _checked(current, done.data)
    orm.add(StepRecord(
        session_id=row.id, position=row.step, kind=current["kind"], data=data, shown_at=done.shown_at, ms=done.ms,
        visible_ms=done.visible_ms,
    ))  # fmt: skip
    orm.flush()
    row.seen_at = now_ms()
    row.replaced += done.replaced
    _move_on(orm, experiment, row, current, data)
    orm.flush()
    return row.id


def _checked(current: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    match current["kind"]:
        case "consent":
            if not isinstance(data.get("accepted"), bool) or len(data) != 1:
                raise ApiError("bad_request", 'consent is {"accepted": true} or {"accepted": false}', field="accepted")
        case "form" | "debrief":
            return fields.checked(current["fields"], data)
        case "intuitiveness":
            return _checked_ratings(current, data)
        case "break":
            if data:
                raise ApiError("bad_request", "a break has no data")
    return data


def _checked_ratings(current: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Ratings with the unit and the method that each is about, which the page does not know."""
    try:
        given = {rating.item: rating for rating in Ratings.model_validate(data).ratings}
    except ValidationError as error:
        raise bad_request(error.errors()[0]) from error
    items = {item["item"]: item for item in current["items"]}
    if set(given) != set(items) or len(given) != len(data["ratings"]):
        raise ApiError("bad_request", "every item must be rated once", field="ratings")
    return {"phase": current["phase"], "ratings": [
        {"unit": items[key]["unit"], "condition": items[key]["pictures"][0]["condition"], "rating": rating.rating,
         "ms": rating.ms}
        for key, rating in given.items()
    ]}  # fmt: skip


def _move_on(orm: Orm, experiment: Experiment, row: SessionRow, current: dict[str, Any], data: dict[str, Any]) -> None:
    if current["kind"] == "consent" and not data["accepted"]:
        outcome.finish(orm, experiment, row, outcome.NO_CONSENT)
        return
    participant = orm.get_one(Participant, row.participant_id)
    if current["kind"] == "form" and data.get(fields.GROUP):
        participant.group = data[fields.GROUP]
    if row.step + 1 == len(row.steps) and row.slot is None:
        assign(orm, experiment, row, participant)
    if current["kind"] == "break" and must_practise_again(orm, experiment, row, current):
        show_again(orm, row, row.step - 1)
    row.step += 1
    if row.step == len(row.steps):
        outcome.finish(orm, experiment, row)
    elif row.steps[row.step].get("repeats") and row.steps[row.step]["kind"] == "block":
        _choose_repeated(orm, row)


def _choose_repeated(orm: Orm, row: SessionRow) -> None:
    """Write the trials of all repeated blocks, chosen from the main answers, when the first of them begins."""
    trials = orm.scalars(select(TrialRow).where(TrialRow.session_id == row.id).order_by(TrialRow.position)).all()
    if any(trial.step == row.step for trial in trials):
        return
    given = orm.execute(
        select(TrialRow.trial_id, Answer.choice, Answer.confidence)
        .join(Answer, Answer.trial_id == TrialRow.id)
        .where(TrialRow.session_id == row.id, TrialRow.kind == TrialKind.MAIN.value)
    )
    responses = [Response(trial, "person", Side(choice), confidence) for trial, choice, confidence in given]
    seed = orm.get_one(StudyVersion, row.version_id).manifest["seed"]
    chosen = designs.repeated_trials(session_of(row, trials), responses, seed)
    first = {trial.trial_id: trial for trial in trials}
    shown = [(t, turned(first[t.repeats].pictures, trial_of(first[t.repeats].spec), t)) for t in chosen]
    blocks = [
        (at, [(trial, pictures) for trial, pictures in shown if trial.block == step["block"]])
        for at, step in enumerate(row.steps)
        if step["kind"] == "block" and step["repeats"]
    ]
    place(orm, row, blocks, began=len(trials))
    row.total = len(trials) + len(chosen)
