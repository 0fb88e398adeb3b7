"""One line per study for the overview of a server of several: how far it is, and nothing of its results."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from exemplum.server.experiment import Experiment
from exemplum.server.sessions import recruitment
from exemplum.server.storage.schema import Participant, SessionRow, StudyRow


@dataclass(frozen=True)
class StudyLine:
    """One study in the list."""

    name: str  # in its path
    title: str  # as participants see it; "" if study.toml gives none
    stamp: str  # of a rehearsal
    token: str  # of its experimenter's pages
    address: str  # of its participants' page
    is_open: bool
    state: str  # of recruitment: open, paused or closed
    entered: int  # without pilots, as all counts
    active: int
    completed: int  # and not excluded
    wanted: int | None  # how many are to complete


def line(name: str, experiment: Experiment) -> StudyLine:
    """The present state of a study."""
    alive = recruitment.alive_since(experiment)
    with experiment.database.read() as orm:
        entered, active = orm.execute(
            select(
                func.count(SessionRow.id),
                func.count(SessionRow.id).filter(SessionRow.status == "active", SessionRow.seen_at > alive),
            )
            .join(Participant, Participant.id == SessionRow.participant_id)
            .where(Participant.study_id == experiment.study_id, Participant.pilot.is_(False))
        ).one()
        return StudyLine(
            name=name, title=experiment.config.title, stamp=experiment.stamp, token=experiment.token,
            address=f"{experiment.settings.address}/", is_open=recruitment.is_open(orm, experiment),
            state=orm.get_one(StudyRow, experiment.study_id).recruitment, entered=entered, active=active,
            completed=recruitment.completed(orm, experiment), wanted=experiment.config.recruit,
        )  # fmt: skip
