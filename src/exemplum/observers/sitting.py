"""One observer through one session, its repeated trials included."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exemplum.design import repeated_trials, rows
from exemplum.observers.base import Observer
from exemplum.records import Design, Session


def sit(observer: Observer, design: Design, session: Session, rng: np.random.Generator) -> pd.DataFrame:
    """Answer every trial of a session, then the repeated trials that follow from the answers: RESPONSES rows."""
    trials = list(session.trials)
    answers = [observer.respond(trial, rng) for trial in trials]
    again = repeated_trials(session, answers, design.seed)
    answers += [observer.respond(trial, rng) for trial in again]
    return rows(
        trials + again,
        answers,
        experiment=design.protocol,
        observer_kind="machine",
        participant=f"{session.participant:02d}",
    )
