"""Data of the experimenter's pages that need the answers: one session; accuracy only on request."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session as Orm

from exemplum.records import TrialKind
from exemplum.server.experiment import Experiment
from exemplum.server.storage.schema import Answer, Event, Participant, SessionRow, StepRecord, TrialRow


def accuracy(orm: Orm, experiment: Experiment) -> list[dict[str, Any]]:
    """Accuracy and mean reaction time of main trials by condition, over trials, without pilots and those excluded.

    Finished participants are excluded by the rules at their end; those still in a session count.
    """
    found = orm.execute(
        select(
            TrialRow.condition,
            func.count(Answer.id),
            func.sum(case((Answer.correct, 1), else_=0)),
            func.count(func.distinct(SessionRow.id)),
            func.avg(Answer.rt_ms),
        )
        .join(TrialRow, TrialRow.id == Answer.trial_id)
        .join(SessionRow, SessionRow.id == Answer.session_id)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(
            Participant.study_id == experiment.study_id,
            Participant.pilot.is_(False),
            SessionRow.excluded.is_(False),
            TrialRow.kind == TrialKind.MAIN.value,
        )
        .group_by(TrialRow.condition)
        .order_by(TrialRow.condition)
    )
    return [
        {"condition": condition, "trials": trials, "correct": int(right), "accuracy": int(right) / trials,
         "people": people, "mean_rt_s": float(rt) / 1000}
        for condition, trials, right, people, rt in found
    ]  # fmt: skip


def details(orm: Orm, row: SessionRow) -> dict[str, Any]:
    """One session: its steps with times, the participant's entries, its blocks without conditions, and the browser."""
    steps = select(StepRecord).where(StepRecord.session_id == row.id).order_by(StepRecord.position)
    done = orm.scalars(steps).all()
    blocks = orm.execute(
        select(TrialRow.step, func.count(TrialRow.id), func.count(Answer.id), func.avg(Answer.rt_ms))
        .outerjoin(Answer, Answer.trial_id == TrialRow.id)
        .where(TrialRow.session_id == row.id)
        .group_by(TrialRow.step)
        .order_by(TrialRow.step)
    )
    happened = orm.execute(
        select(Event.kind, func.count()).where(Event.session_id == row.id).group_by(Event.kind).order_by(Event.kind)
    )
    return {
        "steps": [
            {"position": s.position, "kind": s.kind, "seconds": s.ms / 1000, "visible": s.visible_ms / 1000}
            for s in done
        ],
        "entered": [
            (name, value) for s in done if s.kind in ("form", "debrief") for name, value in s.data.items()
            if value is not None
        ],
        "blocks": [
            {"number": row.steps[step]["number"], "practice": row.steps[step]["practice"], "trials": trials,
             "answered": answered, "mean_rt_s": None if rt is None else float(rt) / 1000}
            for step, trials, answered, rt in blocks
        ],
        "events": [(kind, count) for kind, count in happened],
        "client": row.client,
        "replaced": row.replaced,
    }  # fmt: skip
