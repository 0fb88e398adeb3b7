"""Exclusion rules of study.toml on live data, by the analysis's own code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session as Orm

from exemplum.server.experiment import Experiment
from exemplum.server.rows import OBSERVER, Member, label, people, protocol
from exemplum.server.schema import Answer, Participant, SessionRow, TrialRow
from exemplum.study import ExclusionsSection
from exemplum.tables import EXCLUSIONS


def evaluated(orm: Orm, experiment: Experiment, of: Sequence[Member], over: bool = False) -> pd.DataFrame:
    """EXCLUSIONS rows of these sessions as they stand now; `over`: take them as finished."""
    rules = experiment.study.config.exclusions
    if rules == ExclusionsSection() or not of:
        return EXCLUSIONS.frame()
    from exemplum.analysis import exclusions  # late: statistics take seconds to import, and most sessions need none

    finished = {label(row): over or row.status == "finished" for row, _ in of}
    known = people(orm, of)
    known["finished"] = known["participant"].map(finished)
    return exclusions.check(_answers(orm, of), rules, known)


def _answers(orm: Orm, of: Sequence[Member]) -> pd.DataFrame:
    """The columns of RESPONSES that rules look at, for many sessions at once."""
    of_session = {row.id: (protocol(orm, row), OBSERVER, label(row), "person") for row, _ in of}
    found = orm.execute(
        select(Answer.session_id, TrialRow.kind, Answer.correct, Answer.choice)
        .join(TrialRow, TrialRow.id == Answer.trial_id)
        .where(Answer.session_id.in_(list(of_session)))
    )
    rows = [(*of_session[session], kind, correct, choice) for session, kind, correct, choice in found]
    columns = ["experiment", "observer", "participant", "observer_kind", "trial_kind", "correct", "choice"]
    return pd.DataFrame(rows, columns=columns)


def broken_rules(orm: Orm, experiment: Experiment, row: SessionRow) -> set[str]:
    """Rules that a session which is just ending breaks."""
    member: Member = (row, orm.get_one(Participant, row.participant_id))
    table: Any = evaluated(orm, experiment, [member], over=True)
    return set(table.loc[table["verdict"] == "excluded", "rule"])
