"""The participant flow: how many people entered, finished and are analysed, and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from exemplum import pages
from exemplum.report.paper import rules
from exemplum.responses import FINISHED, UNFINISHED, Entered, exclusions as declared

REASONS = {
    "no_consent": "did not consent",
    "withdrawn": "withdrew, data deleted",
    "not_begun": "left before the first trial",
    "left": "left during the trials",
    "elsewhere": "are not in these tables",
}


@dataclass(frozen=True)
class Step:
    """A box of the flow: the people who are still there, and for what reasons some of them go no further."""

    name: str
    n: int
    details: tuple[str, ...] = ()
    left: tuple[tuple[str, int], ...] = ()  # reason, number
    head: str = ""  # of those who left


@dataclass(frozen=True)
class Flow:
    """The boxes in order. Who left after one of them is not in the next."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        for here, there in pairwise(self.steps):
            assert here.n - sum(n for _, n in here.left) == there.n, (here, there)

    @property
    def analysed(self) -> int:
        return self.steps[-1].n

    def table(self) -> pd.DataFrame:
        """One row per box and per reason: what, n."""
        rows = []
        for step in self.steps:
            rows.append({"step": step.name, "reason": "", "n": step.n})
            rows += [{"step": step.name, "reason": reason, "n": n} for reason, n in step.left]
        return pd.DataFrame(rows, columns=["step", "reason", "n"])


def flow(responses: pd.DataFrame, exclusions: pd.DataFrame, entered: Entered | None = None) -> Flow | None:
    """The flow of people who gave RESPONSES; None if there are none.

    `entered` are the server's counts; without them the flow begins with those who finished. A participant who breaks
    several rules of EXCLUSIONS is counted under the first.
    """
    people = responses[responses["observer_kind"] == "person"]
    finished = len(people[declared.PERSON].drop_duplicates())
    if not finished:
        return None
    out = exclusions[exclusions["verdict"] == "excluded"].drop_duplicates(declared.PERSON)
    left = tuple((rules.broken(str(rule)), len(rows)) for rule, rows in out.groupby("rule", sort=False))
    analysed = Step("Analysed", finished - len(out), (_trials(declared.kept(people, exclusions)),))
    ended = Step("Finished", finished, _outcomes(entered, finished), left, "Excluded")
    return Flow((*_before(entered, finished), ended, analysed))


def _before(entered: Entered | None, finished: int) -> tuple[Step, ...]:
    """The box of those who entered; none if the counts do not fit the tables, as in those of another server."""
    if entered is None or entered.entered < finished:
        return ()
    unfinished = entered.outcomes.get(UNFINISHED, 0)
    counts = {
        "no_consent": entered.outcomes.get("no_consent", 0),
        **{name: n for name, n in entered.outcomes.items() if name not in (*FINISHED, UNFINISHED, "no_consent")},
        "withdrawn": entered.withdrawn,
        "not_begun": entered.not_begun,
        "left": unfinished - entered.not_begun,
    }
    counts["elsewhere"] = entered.entered - finished - sum(counts.values())
    if min(counts.values()) < 0:
        return ()
    left = tuple((REASONS.get(name, name.replace("_", " ")), n) for name, n in counts.items() if n)
    head = "Left out" if counts["elsewhere"] else "Did not finish"  # who is elsewhere may have finished
    return (Step("Entered", entered.entered, left=left, head=head),)


def _outcomes(entered: Entered | None, finished: int) -> tuple[str, ...]:
    """How many of those who finished completed the session, if some did not."""
    early = entered.outcomes.get("failed_attention", 0) if entered else 0
    return (f"{finished - early} completed, {early} stopped by a check of attention",) if 0 < early < finished else ()


def _trials(answers: pd.DataFrame) -> str:
    return pages.count(int((answers["trial_kind"] == "main").sum()), "main trial")
