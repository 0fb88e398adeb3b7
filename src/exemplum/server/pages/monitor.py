"""Data of the experimenter's pages that need the answers: one session, exclusions; results only on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session as Orm

from exemplum.records import TrialKind
from exemplum.responses import ExclusionsSection
from exemplum.server.experiment import Experiment
from exemplum.server.storage.schema import Answer, Event, Participant, SessionRow, StepRecord, TrialRow
from exemplum.server.storage.tables import OBSERVER, Member, label, people, protocol
from exemplum.tables import EXCLUSIONS


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


def evaluated(orm: Orm, experiment: Experiment, of: Sequence[Member]) -> pd.DataFrame:
    """EXCLUSIONS rows at present of those of these sessions that have answers: rules judge nobody else."""
    rules, of = experiment.study.config.exclusions, [(row, person) for row, person in of if row.answered]
    if rules == ExclusionsSection() or not of:
        return EXCLUSIONS.frame()
    from exemplum.responses import exclusions  # late: statistics take seconds to import, and most sessions need none

    finished = {label(row): row.status == "finished" for row, _ in of}
    known = people(orm, of)
    known["finished"] = known["participant"].map(finished)
    return exclusions.check(_answers(orm, of, exclusions.viewing_columns(rules)), rules, known)


def _answers(orm: Orm, of: Sequence[Member], viewing: Sequence[str]) -> pd.DataFrame:
    """The columns of RESPONSES that rules look at, `viewing` among them, for many sessions at once."""
    of_session = {row.id: (protocol(orm, row), OBSERVER, label(row), "person") for row, _ in of}
    shown = [getattr(Answer, name) for name in viewing]
    found = orm.execute(
        select(Answer.session_id, TrialRow.kind, Answer.correct, Answer.choice, *shown)
        .join(TrialRow, TrialRow.id == Answer.trial_id)
        .where(Answer.session_id.in_(list(of_session)))
    )
    rows = [(*of_session[session], *values) for session, *values in found]
    columns = ["experiment", "observer", "participant", "observer_kind", "trial_kind", "correct", "choice", *viewing]
    answers = pd.DataFrame(rows, columns=columns)
    return answers.astype(dict.fromkeys(viewing, float)).replace({"frame_ms": {0.0: np.nan}})
