"""A finding of the audit: one row of the table of checks."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

ANY = "all"  # methods, difficulties, or what a finding is about


class Verdict(StrEnum):
    """What a finding says of the study."""

    FINE = "fine"
    LOOK = "look"  # it may be as it should: somebody must look
    WRONG = "wrong"  # an answer is given away, or is not what the study says
    UNKNOWN = "unknown"  # it could not be checked


@dataclass(frozen=True)
class Finding:
    """One thing that was checked, with what was found and what to do about it."""

    check: str  # copies, same_poles, same_queries, features, low_level, query_cue, pole_cue, side or activation
    measure: str  # what was measured: by what pictures were compared, a cue, what was counted
    verdict: Verdict
    value: float
    expected: float  # in a fair study
    low: float  # from here to `high` is what a fair study may have
    high: float
    n: int
    counted: str  # what n counts: references, units, trials, …
    found: str  # in words
    advice: str = ""  # what to do; empty if it is fine
    condition: str = ANY
    difficulty: str = ANY
    scope: str = ANY  # a unit, or `participant 3`
    p: float = math.nan  # of a test, corrected for all of its kind; NaN where nothing was tested

    @property
    def row(self) -> dict[str, Any]:
        """As a row of CHECKS."""
        return asdict(self) | {"verdict": self.verdict.value}
