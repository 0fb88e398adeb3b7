"""How long a session took and how often it practised, as PEOPLE and exclusion rules mean it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from exemplum.server.storage.schema import StepRecord


def instructed_ms(done: Iterable[StepRecord]) -> float | None:
    """Milliseconds that the instructions were visible, all times together; None before they were read.

    They are read again after a failed comprehension check.
    """
    visible = [step.visible_ms for step in done if step.kind == "instructions"]
    return sum(visible) if visible else None


def practice_rounds(steps: Iterable[Mapping[str, Any]]) -> int:
    """How often the steps of a session show a practice block, most for the block shown most often."""
    return max((step["round"] for step in steps if step["kind"] == "block" and step["practice"]), default=0)


def span(answers: Iterable[tuple[float, float]]) -> tuple[float, float] | None:
    """First trial shown and last one answered, of (shown at, reaction time) in milliseconds; None without answers.

    >>> span([(1000.0, 800.0), (2500.0, 400.0)])
    (1000.0, 2900.0)
    """
    times = list(answers)
    return (min(shown for shown, _ in times), max(shown + rt for shown, rt in times)) if times else None
