"""Sides: whether the right query is on top as often as a fair coin would have it, and cannot be predicted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from exemplum.checks.chance import CERTAIN, FALSE_ALARM, Tossed, toss
from exemplum.checks.finding import ANY, Finding, Verdict
from exemplum.design import STRATEGIES
from exemplum.records import Design, Side, Trial

Key = tuple[str, str]  # what trials have in common: all, condition, difficulty, participant, unit; or a strategy
EACH = ("all", "condition", "difficulty")  # of participants, units and strategies there may be many
COUNTING = STRATEGIES[1:]  # the first always says top
ADVICE = "toss a fair coin for the side of every trial and make the design again: who learns sides needs no pictures"


def sides(design: Design) -> Iterator[Finding]:
    """Exact binomial tests of all trials, each condition, difficulty, participant and unit, and of counting strategies.

    One finding for all trials, for each condition and for each difficulty; of participants, units and strategies for
    the most extreme one.
    """
    groups, sessions = _groups(design.trials), [session.trials for session in design.sessions]
    if not groups:
        return
    counts = [sum(trial.max_side is Side.TOP for trial in trials) for trials in groups.values()]
    counts += [strategy.right(sessions) for strategy in COUNTING]
    totals = [len(trials) for trials in groups.values()] + [len(design.trials)] * len(COUNTING)
    keys: list[Key] = [*groups, *(("strategy", strategy.name) for strategy in COUNTING)]
    tossed = toss(counts, totals)
    for place, (kind, name) in enumerate(keys):
        alike = [other for other, key in enumerate(keys) if key[0] == kind]
        if kind in EACH:
            yield _finding(kind, name, place, totals[place], tossed)
        elif place == min(alike, key=lambda other: float(tossed.p[other])):
            beyond = sum(bool(tossed.p[other] <= FALSE_ALARM) for other in alike if other != place)
            yield _finding(kind, name, place, totals[place], tossed, beyond)


def _groups(trials: Sequence[Trial]) -> dict[Key, list[Trial]]:
    found: dict[Key, list[Trial]] = defaultdict(list)
    for trial in trials:
        keys = [("all", ""), ("condition", trial.condition), ("participant", f"{trial.participant}")]
        keys += [("unit", str(trial.unit.unit)), *([("difficulty", trial.difficulty)] if trial.difficulty else [])]
        for key in keys:
            found[key].append(trial)
    return found


def _finding(kind: str, name: str, place: int, total: int, tossed: Tossed, beyond: int = 0) -> Finding:
    """`beyond`: so many others of its kind are beyond a fair coin."""
    p, share = float(tossed.p[place]), float(tossed.share[place])
    verdict = Verdict.WRONG if p <= CERTAIN else Verdict.LOOK if p <= FALSE_ALARM else Verdict.FINE
    told, measure = f"the right query is on top in {share:.0%} of trials", "top"
    if kind == "strategy":
        told, measure = f"the strategy “{name}” is right on {share:.0%} of trials", f"strategy: {name}"
    if beyond:
        told += f"; {beyond} more {'strategies' if kind == 'strategy' else f'{kind}s'} are beyond a fair coin"
    return Finding(
        "side", measure, verdict, share, 0.5, float(tossed.low[place]), float(tossed.high[place]), total, "trials",
        told, "" if verdict is Verdict.FINE else ADVICE,
        condition=name if kind == "condition" else ANY, difficulty=name if kind == "difficulty" else ANY,
        scope=name if kind == "unit" else f"participant {name}" if kind == "participant" else ANY, p=p,
    )  # fmt: skip
