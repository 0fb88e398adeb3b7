"""The answers of pilots, for a report of their own: they never enter the study's responses."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from sqlalchemy.orm import Session as Orm

from exemplum import design as designs
from exemplum.errors import UserError
from exemplum.server.experiment import design_hash
from exemplum.server.storage.database import Database
from exemplum.server.storage.schema import Audit, StudyVersion
from exemplum.server.storage.status import own, row_of
from exemplum.server.storage.tables import FILES, Member, members, people, ratings, responses
from exemplum.study import Study, stamped


@dataclass(frozen=True)
class PilotAnswers:
    """The tables of pilots who finished, by their file below responses/."""

    frames: dict[str, pd.DataFrame]
    n: int
    others: int  # pilots of an earlier design, which the study no longer has; left out

    def write(self, copy: Study) -> None:
        """Write the tables, stamped, into a stamped copy of the study."""
        for name, frame in self.frames.items():
            FILES[name][0].write(copy.stage("responses") / name, stamped.stamp(frame, stamped.PILOTS))


def pilots(study: Study, url: str = "") -> PilotAnswers:
    """The answers of pilots from the database at `url`, the study folder's own if empty; the audit records the look.

    Raises UserError if there is no such database, or if no pilot of the study's present design has finished.
    """
    hashed = design_hash(designs.load(study))
    database = Database(own(study, url))
    try:
        with database.read() as orm:
            row = row_of(orm, study)
            every = members(orm, row.id, pilot=True, finished=True)
            of = [member for member in every if _design(orm, member) == hashed]
            if not of:
                earlier = f" of this design ({len(every)} of an earlier one)" if every else ""
                raise UserError(
                    f"no pilot has finished {study.folder}{earlier}; open the pilot link that exemplum serve prints"
                )
            frames = dict(zip(FILES, (responses(orm, of), people(orm, of), ratings(orm, of)), strict=True))
        seen = Audit(study_id=row.id, action="report of pilots", detail=f"{len(of)} pilots")
        database.writer.submit_sync(lambda orm: orm.add(seen))
    finally:
        database.close()
    return PilotAnswers(frames, len(of), len(every) - len(of))


def _design(orm: Orm, member: Member) -> str:
    return orm.get_one(StudyVersion, member[0].version_id).design_hash
