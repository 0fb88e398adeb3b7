"""Answers as a table: every answer beside what was asked. The truth is the trial's, never the observer's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from exemplum.design.errors import DesignError
from exemplum.records import Response, Trial
from exemplum.tables import RESPONSES

KINDS = ("machine", "person")


def rows(
    trials: Iterable[Trial],
    responses: Iterable[Response],
    *,
    experiment: str,
    observer_kind: str,
    participant: str,
    expertise: str = "",
) -> pd.DataFrame:
    """One RESPONSES row an answer, in the order of the session; trials without an answer give no row.

    `trials` are one session's, repeated ones included. `participant` labels one person or one run of a machine.
    Raises DesignError if an answer is to no trial of these, or a trial has two answers.
    """
    if observer_kind not in KINDS:
        raise ValueError(f"observer_kind is {observer_kind!r}; it must be one of {', '.join(KINDS)}")
    asked = {trial.trial_id: trial for trial in trials}
    answers: dict[str, Response] = {}
    for response in responses:
        if response.trial_id not in asked:
            raise DesignError(f"{response.observer} answered {response.trial_id}, which is no trial of this session")
        if response.trial_id in answers:
            raise DesignError(f"{response.observer} answered {response.trial_id} twice")
        answers[response.trial_id] = response
    fixed = {
        "experiment": experiment,
        "observer_kind": observer_kind,
        "participant": participant,
        "expertise": expertise,
    }
    ordered = sorted(answers.values(), key=lambda response: asked[response.trial_id].index)
    return RESPONSES.frame(fixed | _row(asked[response.trial_id], response) for response in ordered)


def _row(trial: Trial, response: Response) -> dict[str, Any]:
    unit = trial.unit
    return {
        "observer": response.observer,
        "trial_id": trial.trial_id,
        "trial": trial.index,
        "block": trial.block,
        "trial_kind": trial.kind.value,
        "condition": trial.condition,
        "phase": trial.phase,
        "scheme": trial.scheme,
        "unit": str(unit.unit),
        "layer": unit.unit.layer,
        "channel": unit.unit.channel,
        "branch": unit.branch,
        "selection": unit.selection,
        "stimulus_set": unit.stimulus_set,
        "batch": trial.batch,
        "max_side": trial.max_side.value,
        "choice": response.choice.value,
        "correct": response.choice is trial.max_side,
        "confidence": response.confidence,
        "rt_ms": float("nan") if response.rt_ms is None else response.rt_ms,
        "repeats": trial.repeats,
    }
