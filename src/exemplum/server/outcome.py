"""The end of a session: its outcome, by the study's exclusion rules, and the completion code."""

from __future__ import annotations

import secrets

from sqlalchemy.orm import Session as Orm

from exemplum.server.exclusion import broken_rules
from exemplum.server.experiment import Experiment
from exemplum.server.schema import SessionRow, now_ms

COMPLETED, FAILED_ATTENTION, NO_CONSENT = "completed", "failed_attention", "no_consent"
ATTENTION = "catch_accuracy"  # the rule whose breach is told by the code
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no 0 and O, 1 and I: codes are typed by hand


def finish(orm: Orm, experiment: Experiment, row: SessionRow, result: str = "") -> None:
    """End a session. Without a `result` every trial must have its answer, and the rules say what it is."""
    if not result:
        assert row.answered == row.total, f"session {row.id}: {row.answered} of {row.total} trials answered at its end"
        broken = broken_rules(orm, experiment, row)
        result = FAILED_ATTENTION if ATTENTION in broken else COMPLETED
        row.excluded = bool(broken)
    row.status, row.outcome, row.finished_at = "finished", result, now_ms()
    experiment.ended.set()
    # Who refuses consent has completed nothing: only a code that the study declares for that is given.
    row.code = getattr(experiment.config.codes, result) or ("" if result == NO_CONSENT else _made_up())


def _made_up() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(10))
