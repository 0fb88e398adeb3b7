"""Whether a study takes participants: recruitment, its size, and the quotas of groups."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session as Orm

from exemplum.server.experiment import Experiment
from exemplum.server.storage.schema import Participant, SessionRow, StudyRow, now_ms


def is_open(orm: Orm, experiment: Experiment, group: str = "") -> bool:
    """Whether new participants are taken; with a `group`, whether those of that group are."""
    return orm.get_one(StudyRow, experiment.study_id).recruitment == "open" and not is_full(orm, experiment, group)


def is_full(orm: Orm, experiment: Experiment, group: str = "") -> bool:
    """Whether enough have completed, or every quota (with a `group`, its quota) is filled."""
    said = experiment.config
    if said.recruit is not None and completed(orm, experiment) >= said.recruit:
        return True
    if not said.quotas or (group and group not in said.quotas):
        return False
    groups = [group] if group else said.group_names
    held = places_held(orm, experiment)
    return all(name in said.quotas and held[name] >= said.quotas[name] for name in groups)


def alive_since(experiment: Experiment) -> int:
    """The last request of a session that is under way is after this time, ms since 1970; those before are dropouts."""
    return int(now_ms() - experiment.config.dropout_minutes * 60_000)


def holds_place(experiment: Experiment) -> ColumnElement[bool]:
    """Of sessions: completed or under way, and not excluded."""
    return SessionRow.excluded.is_(False) & or_(
        SessionRow.outcome == "completed",
        (SessionRow.status == "active") & (SessionRow.seen_at > alive_since(experiment)),
    )


def completed(orm: Orm, experiment: Experiment) -> int:
    """Participants who finished and are not excluded, without pilots."""
    return orm.scalar(
        select(func.count())
        .select_from(SessionRow)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(
            Participant.study_id == experiment.study_id,
            Participant.pilot.is_(False),
            SessionRow.outcome == "completed",
            SessionRow.excluded.is_(False),
        )
    ) or 0  # fmt: skip


def places_held(orm: Orm, experiment: Experiment, besides: int = 0) -> Counter[str]:
    """Participants per group who completed or are under way, without pilots, dropouts and excluded ones.

    `besides` is the id of a session that is not counted.
    """
    counts = orm.execute(
        select(Participant.group, func.count())
        .join(SessionRow, SessionRow.participant_id == Participant.id)
        .where(
            Participant.study_id == experiment.study_id,
            Participant.pilot.is_(False),
            Participant.group != "",
            SessionRow.id != besides,
            holds_place(experiment),
        )
        .group_by(Participant.group)
    )
    return Counter({row[0]: row[1] for row in counts})
