"""Sides: whether the right query is on top as often as a fair coin would have it, and cannot be predicted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from exemplum.checks.chance import CERTAIN, FALSE_ALARM, Tossed, toss
from exemplum.checks.finding import ANY, Finding, Verdict
from exemplum.design import STRATEGIES
from exemplum.records import Design, Side, Trial

ADVICE = "toss a fair coin for the side of every trial and make the design again: who learns the side needs no pictures"


def sides(design: Design) -> Iterator[Finding]:
    """Exact binomial tests of all trials, each condition, difficulty, participant and unit, and of counting strategies.

    One finding for all trials, for each condition and for each difficulty; of participants, units and strategies for
    the most extreme, and for each one beyond a fair coin.
    """
    groups = {key: trials for key, trials in _groups(design.trials).items() if trials}
    counts = [sum(trial.max_side is Side.TOP for trial in trials) for trials in groups.values()]
    totals = [len(trials) for trials in groups.values()]
    sessions = [session.trials for session in design.sessions]
    counts += [strategy.right(sessions) for strategy in STRATEGIES[1:]]  # the first is to say top always
    totals += [len(design.trials)] * len(STRATEGIES[1:])
    if not groups:
        return
    tossed = toss(counts, totals)
    keys = [*groups, *(("strategy", strategy.name) for strategy in STRATEGIES[1:])]
    extreme = {kind: _worst(keys, tossed, kind) for kind in ("participant", "unit", "strategy")}
    for place, (kind, name) in enumerate(keys):
        beyond = bool(tossed.p[place] <= FALSE_ALARM)
        if beyond or kind in ("all", "condition", "difficulty") or extreme[kind] == place:
            yield _finding(kind, name, place, totals[place], tossed)


def _groups(trials: Sequence[Trial]) -> dict[tuple[str, str], list[Trial]]:
    found: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        keys = [("all", ""), ("condition", trial.condition), ("participant", f"{trial.participant}")]
        keys += [("unit", str(trial.unit.unit)), *([("difficulty", trial.difficulty)] if trial.difficulty else [])]
        for key in keys:
            found[key].append(trial)
    return found


def _worst(keys: Sequence[tuple[str, str]], tossed: Tossed, kind: str) -> int:
    return min((place for place, key in enumerate(keys) if key[0] == kind), key=lambda place: tossed.p[place])


def _finding(kind: str, name: str, place: int, total: int, tossed: Tossed) -> Finding:
    p, share = float(tossed.p[place]), float(tossed.share[place])
    verdict = Verdict.WRONG if p <= CERTAIN else Verdict.LOOK if p <= FALSE_ALARM else Verdict.FINE
    counted = kind == "strategy"
    return Finding(
        "side", f"strategy: {name}" if counted else "top", verdict, share, 0.5, float(tossed.low[place]),
        float(tossed.high[place]), total, "trials",
        f"the strategy “{name}” is right on {share:.0%} without a look at a picture" if counted else
        f"the right query is on top in {share:.0%} of trials",
        ADVICE if verdict is not Verdict.FINE else "",
        condition=name if kind == "condition" else ANY, difficulty=name if kind == "difficulty" else ANY,
        scope=name if kind == "unit" else f"participant {name}" if kind == "participant" else ANY, p=p,
    )  # fmt: skip
