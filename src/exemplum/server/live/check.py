"""One thing that was looked at before a study begins, and what surrounds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exemplum.checks import Verdict
from exemplum.server.storage.database import Database
from exemplum.study import Study


@dataclass(frozen=True)
class LiveCheck:
    """What was found, and what to do about it."""

    title: str
    verdict: Verdict
    found: str
    advice: str = ""  # empty if it is fine


@dataclass(frozen=True)
class Situation:
    """A study where it is to be served."""

    study: Study
    database: Database | None = None  # none: the study was never served
    address: str = ""  # public address of the server; "" if not known
    lab: bool = False
    of_trials: bool = True  # whether what `exemplum check` found of the trials is looked at
    pilot: bool = False


def conclusion(checks: Sequence[LiveCheck]) -> str:
    """Whether the study may begin, in a sentence.

    >>> conclusion([LiveCheck("contact", Verdict.FINE, "lab@example.org"), LiveCheck("clock", Verdict.LOOK, "ahead")])
    'The study may begin; 1 thing is to be looked at.'
    """
    wrong, look = (sum(check.verdict is verdict for check in checks) for verdict in (Verdict.WRONG, Verdict.LOOK))
    looked = f"{look} {'thing is' if look == 1 else 'things are'} to be looked at"
    if wrong:
        more = f", and {looked}" if look else ""
        return f"The study should not begin: {wrong} {'thing is' if wrong == 1 else 'things are'} wrong{more}."
    return f"The study may begin; {looked}." if look else "The study may begin."
