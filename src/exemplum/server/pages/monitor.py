"""Data of the experimenter's pages: progress, attention, timing, exclusions; results only on request."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session as Orm

from exemplum.records import TrialKind
from exemplum.responses import ExclusionsSection
from exemplum.server.experiment import Experiment
from exemplum.server.storage.schema import Answer, Event, Participant, SessionRow, StepRecord, TrialRow, now_ms
from exemplum.server.storage.tables import OBSERVER, Member, label, members, people, protocol
from exemplum.tables import EXCLUSIONS


@dataclass(frozen=True)
class SessionLine:
    """One session in the list."""

    key: str  # of the session, in addresses and forms; never used again and impossible to guess
    label: str
    external_id: str
    source: str
    group: str
    pilot: bool
    place: int | None
    status: str  # active, away (no recent request: its place is assigned again), or its outcome
    answered: int
    total: int
    catch_right: int
    catch_trials: int
    median_rt_s: float | None
    seen_at: int
    code: str
    excluded: list[str] = field(default_factory=list)  # why, in words


def lines(orm: Orm, experiment: Experiment) -> list[SessionLine]:
    """All sessions, the last seen first."""
    of = members(orm, experiment.study_id, pilot=None)
    reasons = _reasons(orm, experiment, of)
    catch = _catch(orm, experiment)
    speed = _speed(orm, experiment)
    alive = now_ms() - experiment.config.dropout_minutes * 60_000
    made = [
        SessionLine(
            key=row.image_ref, label=label(row), external_id=person.external_id, source=person.source,
            group=person.group, pilot=person.pilot, place=row.slot,
            status=row.outcome or ("active" if row.seen_at > alive else "away"),
            answered=row.answered, total=row.total, catch_right=catch[row.id][0], catch_trials=catch[row.id][1],
            median_rt_s=speed.get(row.id), seen_at=row.seen_at, code=row.code, excluded=reasons[label(row)],
        )
        for row, person in of
    ]  # fmt: skip
    return sorted(made, key=lambda line: -line.seen_at)


def summary(of: list[SessionLine]) -> dict[str, int]:
    """Numbers of sessions by status, without pilots."""
    counts = Counter(line.status for line in of if not line.pilot)
    return {
        "entered": sum(counts.values()), "active": counts["active"], "away": counts["away"],
        "completed": counts["completed"], "failed attention": counts["failed_attention"],
        "no consent": counts["no_consent"],
        "excluded": sum(bool(line.excluded) for line in of if not line.pilot),
        "pilot": sum(line.pilot for line in of),
    }  # fmt: skip


def accuracy(orm: Orm, experiment: Experiment) -> list[dict[str, Any]]:
    """Accuracy of main trials by condition so far, over trials, without pilots and excluded participants.

    Finished participants are excluded by the rules at their end; those still in a session count.
    """
    found = orm.execute(
        select(
            TrialRow.condition,
            func.count(Answer.id),
            func.sum(case((Answer.correct, 1), else_=0)),
            func.count(func.distinct(SessionRow.id)),
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
         "people": people}
        for condition, trials, right, people in found
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


def _reasons(orm: Orm, experiment: Experiment, of: list[Member]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for verdict in evaluated(orm, experiment, of).to_dict("records"):
        if verdict["verdict"] == "excluded":
            reasons[verdict["participant"]].append(verdict["reason"])
    return reasons


def _catch(orm: Orm, experiment: Experiment) -> dict[int, tuple[int, int]]:
    found = orm.execute(
        select(Answer.session_id, func.sum(case((Answer.correct, 1), else_=0)), func.count())
        .join(TrialRow, TrialRow.id == Answer.trial_id)
        .join(SessionRow, SessionRow.id == Answer.session_id)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(Participant.study_id == experiment.study_id, TrialRow.kind == TrialKind.CATCH.value)
        .group_by(Answer.session_id)
    )
    counts: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    counts.update({session: (int(right), trials) for session, right, trials in found})
    return counts


def _speed(orm: Orm, experiment: Experiment) -> dict[int, float]:
    times: dict[int, list[float]] = defaultdict(list)
    found = orm.execute(
        select(Answer.session_id, Answer.rt_ms)
        .join(SessionRow, SessionRow.id == Answer.session_id)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(Participant.study_id == experiment.study_id)
    )
    for session, rt in found:
        times[session].append(rt)
    return {session: median(of) / 1000 for session, of in times.items()}


def evaluated(orm: Orm, experiment: Experiment, of: Sequence[Member], over: bool = False) -> pd.DataFrame:
    """EXCLUSIONS rows of these sessions at present; `over`: treat them as finished."""
    rules = experiment.study.config.exclusions
    if rules == ExclusionsSection() or not of:
        return EXCLUSIONS.frame()
    from exemplum.responses import exclusions  # late: statistics take seconds to import, and most sessions need none

    finished = {label(row): over or row.status == "finished" for row, _ in of}
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


def broken_rules(orm: Orm, experiment: Experiment, row: SessionRow) -> set[str]:
    """Rules broken by a session that is just ending."""
    member: Member = (row, orm.get_one(Participant, row.participant_id))
    table: Any = evaluated(orm, experiment, [member], over=True)
    return set(table.loc[table["verdict"] == "excluded", "rule"])
