"""The comprehension check: two questions about the task after its instructions, which come again until both are right.

`[server] comprehension` asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session as Orm

from exemplum.server import COMPREHENSION, FieldSection
from exemplum.server.sessions.forms import described
from exemplum.server.storage.schema import SessionRow, TrialRow

KIND = "comprehension"
MOST_ROUNDS = 10  # nobody is kept here for ever; the count says how it went
SOLUTIONS = dict(zip(COMPREHENSION, ("strong", "goes_with_right"), strict=True))
# the correct option is in another place in each question
OPTIONS = dict(
    zip(COMPREHENSION, (("weak", "strong", "chosen"), ("goes_with_right", "goes_with_left", "liked")), strict=True)
)


def steps(instructions: Mapping[str, Any], round_: int = 1, missed: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Instructions and the check after them; in later rounds the page first explains what was `missed`."""
    fields = [
        described(FieldSection(name=name, type="choice", required=True, options=options, max_length=None))
        for name, options in OPTIONS.items()
    ]
    return [
        {**instructions, "round": round_, "missed": list(missed)},
        {"kind": KIND, "fields": fields, "round": round_},
    ]


def missed(data: Mapping[str, Any]) -> list[str]:
    """The questions of a check that were not answered correctly."""
    return [name for name, solution in SOLUTIONS.items() if data[name] != solution]


def ask_again(orm: Orm, row: SessionRow, data: Mapping[str, Any]) -> None:
    """Insert another round after the check at the session's present step, unless it was passed or was the last."""
    wrong, current = missed(data), row.steps[row.step]
    if not wrong or current["round"] >= MOST_ROUNDS:
        return
    again = steps(row.steps[row.step - 1], current["round"] + 1, wrong)
    orm.execute(update(TrialRow).where(TrialRow.session_id == row.id).values(step=TrialRow.step + len(again)))
    row.steps = [*row.steps[: row.step + 1], *again, *row.steps[row.step + 1 :]]


def counts(given: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """How often a session took the check, and how many of the questions it had right the first time; NaN without one.

    `given` are the data of its checks, in order.
    """
    rounds = list(given)
    first = len(SOLUTIONS) - len(missed(rounds[0])) if rounds else float("nan")
    return {"comprehension_attempts": float(len(rounds)) if rounds else float("nan"), "comprehension_first": first}
