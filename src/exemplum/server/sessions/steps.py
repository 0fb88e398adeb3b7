"""Steps of a session: store the result of a page and go to the next; assign the place and the outcome."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session as Orm

from exemplum import design as designs
from exemplum.records import Response, Side, TrialKind
from exemplum.server.experiment import Experiment, intuitiveness_phases
from exemplum.server.requests import ApiError, Body, bad_request
from exemplum.server.sessions import comprehension, forms, summaries
from exemplum.server.sessions.entry import hashed
from exemplum.server.sessions.forms import COMMENT, described
from exemplum.server.sessions.recruitment import holds_place, places_held
from exemplum.server.sessions.schedule import pictures_of, place, session_of, show_again, steps_after, trial_of, turned
from exemplum.server.sessions.state import RATING, must_practise_again, step_id
from exemplum.server.storage.group_commit import after_commit
from exemplum.server.storage.schema import (
    Answer,
    Participant,
    SessionRow,
    StepRecord,
    StudyRow,
    StudyVersion,
    TrialRow,
    now_ms,
)

DAY_MS = 86_400_000


class StepResult(Body):
    """The result of a finished step, as the page sends it."""

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


def complete(orm: Orm, experiment: Experiment, token: str, step: str, done: StepResult) -> int:
    """Store a step and go to the next; a step that is already done changes nothing. Returns the session's id.

    Raises ApiError: no_session, bad_request, out_of_order (not the current step, or a block, which ends with answers).
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
    if row.status == "active":  # `finish` has kept it
        summaries.keep(orm, row)
    return row.id


def _checked(current: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    match current["kind"]:
        case "consent":
            if not isinstance(data.get("accepted"), bool) or len(data) != 1:
                raise ApiError(
                    "bad_request", 'consent must be {"accepted": true} or {"accepted": false}', field="accepted"
                )
        case "form" | "debrief" | comprehension.KIND:
            return forms.checked(current["fields"], data)
        case "intuitiveness":
            return _checked_ratings(current, data)
        case "break":
            if data:
                raise ApiError("bad_request", "a break takes no data")
    return data


def _checked_ratings(current: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Ratings with their unit and method, which the page does not know."""
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
        finish(orm, experiment, row, NO_CONSENT)
        return
    participant = orm.get_one(Participant, row.participant_id)
    if current["kind"] == "form":
        participant.group = data.get(forms.GROUP) or participant.group
        if _is_screened_out(orm, experiment, row, participant, data):
            finish(orm, experiment, row, SCREENED_OUT)
            return
    if row.step + 1 == len(row.steps) and row.slot is None:
        assign(orm, experiment, row, participant)
    if current["kind"] == comprehension.KIND:
        comprehension.ask_again(orm, row, data)
    if current["kind"] == "break" and must_practise_again(orm, experiment, row, current):
        show_again(orm, row, row.step - 1)
    row.step += 1
    if row.step == len(row.steps):
        finish(orm, experiment, row)
    elif row.steps[row.step].get("repeats") and row.steps[row.step]["kind"] == "block":
        choose_repeated(orm, row)


def _is_screened_out(
    orm: Orm, experiment: Experiment, row: SessionRow, participant: Participant, data: dict[str, Any]
) -> bool:
    """Whether the form has an answer that screens out, or the quota of the person's group is filled."""
    if any(data.get(field.name) in field.screen_out for field in experiment.config.fields):
        return True
    quota = experiment.config.quotas.get(participant.group)
    if quota is None or participant.pilot:
        return False
    # one at a time, as in _slot
    orm.execute(select(StudyRow.id).where(StudyRow.id == experiment.study_id).with_for_update())
    return places_held(orm, experiment, besides=row.id)[participant.group] >= quota


def choose_repeated(orm: Orm, row: SessionRow) -> None:
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


COMPLETED, FAILED_ATTENTION, NO_CONSENT = "completed", "failed_attention", "no_consent"
SCREENED_OUT = "screened_out"
WITHOUT_CODE = (NO_CONSENT, SCREENED_OUT)  # they get a code only if the study declares one for that
ATTENTION = "catch_accuracy"  # breaking this rule gives the code for failed attention
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no 0 and O, 1 and I: codes are typed by hand


def finish(orm: Orm, experiment: Experiment, row: SessionRow, result: str = "") -> None:
    """End a session. Without a `result` every trial must be answered, and the rules determine the outcome."""
    summary = summaries.keep(orm, row)
    if not result:
        assert row.answered == row.total, f"session {row.id}: {row.answered} of {row.total} trials answered at its end"
        broken = summaries.broken(summary, experiment.study.config.exclusions, finished=True)
        result = FAILED_ATTENTION if ATTENTION in broken else COMPLETED
        row.excluded = bool(broken)
    row.status, row.outcome, row.finished_at = "finished", result, now_ms()
    after_commit(orm, experiment.ended.set)
    row.code = code_of(experiment, result, _made_up)


def code_of(experiment: Experiment, outcome: str, make: Callable[[], str]) -> str:
    """The code at the end: the declared one, or else one that is made, but none for those in WITHOUT_CODE."""
    return getattr(experiment.config.codes, outcome) or ("" if outcome in WITHOUT_CODE else make())


def _made_up() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(10))


def assign(orm: Orm, experiment: Experiment, row: SessionRow, participant: Participant) -> None:
    """Assign a session its place in the design and write its schedule. Runs in the caller's transaction."""
    row.slot = _slot(orm, experiment, participant)
    row.assigned_at = now_ms()
    session = experiment.design.sessions[row.slot - 1]
    phases = intuitiveness_phases(experiment.study)
    before = len(row.steps)
    rest = steps_after(
        session, experiment.rehearsal, phases, described(COMMENT), experiment.pictures.names,
        comprehension_check=experiment.config.comprehension,
    )  # fmt: skip
    row.steps = [*row.steps, *rest]
    row.total = len(session.trials) + sum(block.repeats for block in session.blocks)
    at = {step["block"]: before + n for n, step in enumerate(rest) if step["kind"] == "block"}
    names = experiment.pictures.names
    blocks = ((at[b.block], [(trial, pictures_of(trial, names)) for trial in b.trials]) for b in session.blocks)
    place(orm, row, blocks, began=0)


def _slot(orm: Orm, experiment: Experiment, participant: Participant) -> int:
    places = len(experiment.design.sessions)
    if participant.source == "lab":
        return (int(participant.external_id) - 1) % places + 1
    # One assignment at a time: on PostgreSQL by this lock, on SQLite because only one transaction can write.
    orm.execute(select(StudyRow.id).where(StudyRow.id == experiment.study_id).with_for_update())
    in_group, overall = filled(orm, experiment, participant)
    return min(range(1, places + 1), key=lambda slot: (in_group[slot], overall[slot], slot))


def filled(orm: Orm, experiment: Experiment, participant: Participant) -> tuple[Counter[int], Counter[int]]:
    """How many participants hold or have filled each place: in the participant's group, and in total.

    Dropouts (no request for `dropout_minutes`) and excluded participants hold none. Pilots are counted separately. A
    new study version with the same design continues the counts.
    """
    counts = orm.execute(
        select(SessionRow.slot, Participant.group, func.count())
        .join(Participant, Participant.id == SessionRow.participant_id)
        .join(StudyVersion, StudyVersion.id == SessionRow.version_id)
        .where(
            StudyVersion.study_id == experiment.study_id,
            StudyVersion.design_hash == experiment.design_hash,
            SessionRow.slot.is_not(None),
            Participant.pilot == participant.pilot,
            holds_place(experiment),
        )
        .group_by(SessionRow.slot, Participant.group)
    )
    in_group: Counter[int] = Counter()
    overall: Counter[int] = Counter()
    for slot, group, count in counts:
        assert slot is not None
        overall[slot] += count
        if group == participant.group:
            in_group[slot] += count
    return in_group, overall
