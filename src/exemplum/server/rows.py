"""Sessions of the database as tables of the line: RESPONSES, PEOPLE, RATINGS."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session as Orm

from exemplum import design as designs
from exemplum.records import Response, Side, Trial
from exemplum.server.schedule import trial_of
from exemplum.server.schema import Answer, Participant, SessionRow, StepRecord, StudyVersion, TrialRow
from exemplum.tables import PEOPLE, RATINGS, RESPONSES

OBSERVER = "participants"
PHASES = {"before": "pre", "after": "post"}
NAN = float("nan")
Member = tuple[SessionRow, Participant]


def members(orm: Orm, study_id: int, *, pilot: bool | None = False, finished: bool = False) -> list[Member]:
    """Sessions with their participants, in the order of entry; `pilot` None for all."""
    chosen = select(SessionRow, Participant).join(Participant, Participant.id == SessionRow.participant_id)
    chosen = chosen.where(Participant.study_id == study_id, Participant.withdrawn_at.is_(None))
    if pilot is not None:
        chosen = chosen.where(Participant.pilot == pilot)
    if finished:
        chosen = chosen.where(SessionRow.outcome.in_(("completed", "failed_attention")))
    return [(row, participant) for row, participant in orm.execute(chosen.order_by(SessionRow.id))]


def label(row: SessionRow) -> str:
    """A participant's name in tables: it says nothing about the person."""
    return label_of(row.id)


def label_of(session_id: int) -> str:
    return f"P{session_id:04d}"


def responses(orm: Orm, of: Iterable[Member]) -> pd.DataFrame:
    """RESPONSES rows of these sessions; rounds of practice after the first end in ~2, ~3."""
    return _together(RESPONSES, [_answers(orm, row, participant) for row, participant in of])


def people(orm: Orm, of: Iterable[Member]) -> pd.DataFrame:
    """PEOPLE rows of these sessions."""
    return PEOPLE.frame(_person(orm, row, participant) for row, participant in of)


def ratings(orm: Orm, of: Iterable[Member]) -> pd.DataFrame:
    """RATINGS rows of these sessions."""
    return RATINGS.frame(rating for row, participant in of for rating in _ratings(orm, row, participant))


def _answers(orm: Orm, row: SessionRow, participant: Participant) -> pd.DataFrame:
    answered = orm.execute(
        select(TrialRow, Answer)
        .join(Answer, Answer.trial_id == TrialRow.id)
        .where(TrialRow.session_id == row.id)
        .order_by(TrialRow.position)
    ).all()
    trials = [_trial(trial) for trial, _ in answered]
    given = [
        Response(trial.trial_id, OBSERVER, Side(answer.choice), answer.confidence, answer.rt_ms)
        for trial, (_, answer) in zip(trials, answered, strict=True)
    ]
    return designs.rows(
        trials, given, experiment=protocol(orm, row), observer_kind="person", participant=label(row),
        expertise=participant.group,
    )  # fmt: skip


def _trial(row: TrialRow) -> Trial:
    return replace(trial_of(row.spec), trial_id=row.trial_id, index=row.position)


def _person(orm: Orm, row: SessionRow, participant: Participant) -> dict[str, Any]:
    steps = {step.kind: step for step in orm.scalars(select(StepRecord).where(StepRecord.session_id == row.id))}
    asked = steps["form"].data if "form" in steps else {}
    began, ended = _span(orm, row)
    rounds = [step["round"] for step in row.steps if step["kind"] == "block" and step["practice"]]
    return {
        "experiment": protocol(orm, row), "observer": OBSERVER, "participant": label(row),
        "expertise": participant.group, "place": row.slot or 0,
        "instruction_time_s": steps["instructions"].visible_ms / 1000 if "instructions" in steps else NAN,
        "total_time_s": (ended - began) / 1000,
        "practice_attempts": max(rounds, default=0),
        "age": _age(asked.get("age")),
        **{name: asked.get(name) or "" for name in ("gender", "handedness", "visual_aid")},
    }  # fmt: skip


def _age(given: Any) -> float:
    """A study may ask for the age by a question of its own, whose answer may be a text; NaN for what is no number."""
    try:
        age = float(given)
    except (TypeError, ValueError, OverflowError):
        return NAN
    return age if math.isfinite(age) else NAN


def _span(orm: Orm, row: SessionRow) -> tuple[float, float]:
    """First trial shown and last answer given, milliseconds by the browser's clock; NaN before the first answer."""
    times = orm.execute(select(Answer.shown_at, Answer.rt_ms).where(Answer.session_id == row.id)).all()
    if not times:
        return NAN, NAN
    return min(shown for shown, _ in times), max(shown + rt for shown, rt in times)


def _ratings(orm: Orm, row: SessionRow, participant: Participant) -> Iterable[dict[str, Any]]:
    done = select(StepRecord).where(StepRecord.session_id == row.id, StepRecord.kind == "intuitiveness")
    for step in orm.scalars(done.order_by(StepRecord.position)):
        for number, rating in enumerate(step.data["ratings"]):
            yield {
                "experiment": protocol(orm, row), "observer": OBSERVER, "participant": label(row),
                "expertise": participant.group, "condition": rating["condition"], "phase": PHASES[step.data["phase"]],
                "unit": rating["unit"], "trial": number, "rating": float(rating["rating"]), "rt_ms": rating["ms"],
            }  # fmt: skip


def protocol(orm: Orm, row: SessionRow) -> str:
    """The protocol of the study version that a session was begun under."""
    return str(orm.get_one(StudyVersion, row.version_id).manifest["protocol"])


def _together(table: Any, frames: list[pd.DataFrame]) -> pd.DataFrame:
    frames = [frame for frame in frames if len(frame)]
    return table.frame(pd.concat(frames, ignore_index=True)) if frames else table.frame()
