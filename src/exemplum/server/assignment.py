"""Assignment: who comes gets the place of the design, and with it batch and order, that fewest have filled."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session as Orm

from exemplum.server.experiment import Experiment, intuitiveness_phases
from exemplum.server.fields import COMMENT, described
from exemplum.server.schedule import pictures_of, place, steps_after
from exemplum.server.schema import Participant, SessionRow, StudyRow, StudyVersion, now_ms


def assign(orm: Orm, experiment: Experiment, row: SessionRow, participant: Participant) -> None:
    """Give a session its place in the design and write its whole schedule. Runs in the caller's transaction."""
    row.slot = _slot(orm, experiment, participant)
    row.assigned_at = now_ms()
    session = experiment.design.sessions[row.slot - 1]
    phases = intuitiveness_phases(experiment.study)
    before = len(row.steps)
    rest = steps_after(
        session, experiment.rehearsal.examples(session), experiment.rehearsal.items, phases, described(COMMENT),
        experiment.pictures.names,
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
    # One assignment at a time: on PostgreSQL by this lock, on SQLite because a transaction that writes is alone.
    orm.execute(select(StudyRow.id).where(StudyRow.id == experiment.study_id).with_for_update())
    in_group, overall = filled(orm, experiment, participant)
    return min(range(1, places + 1), key=lambda slot: (in_group[slot], overall[slot], slot))


def filled(orm: Orm, experiment: Experiment, participant: Participant) -> tuple[Counter[int], Counter[int]]:
    """How many hold or filled each place: in the participant's group, and in all.

    Dropouts (no sign of life for `dropout_minutes`) and excluded participants hold none. Pilot participants count among
    themselves. A new study version with the same design goes on counting.
    """
    alive = now_ms() - experiment.config.dropout_minutes * 60_000
    counts = orm.execute(
        select(SessionRow.slot, Participant.group, func.count())
        .join(Participant, Participant.id == SessionRow.participant_id)
        .join(StudyVersion, StudyVersion.id == SessionRow.version_id)
        .where(
            StudyVersion.study_id == experiment.study_id,
            StudyVersion.design_hash == experiment.design_hash,
            SessionRow.slot.is_not(None),
            Participant.pilot == participant.pilot,
            SessionRow.excluded.is_(False),
            or_(
                SessionRow.outcome == "completed",
                (SessionRow.status == "active") & (SessionRow.seen_at > int(alive)),
            ),
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
