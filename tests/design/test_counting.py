"""The side of the answer cannot be counted. Oracle: a fair coin's binomial distribution."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binom, chi2

from design.made import stimuli, units
from exemplum.design import DesignError, check, make, repeated_trials
from exemplum.design.counterbalancing import STRATEGIES
from exemplum.records import Design, Response, Session, Side, Trial

# With fair coins one of the tests below fails once in a thousand sets of seeds; the seeds are fixed.
FALSE_ALARM = 1e-3
STUDIES = ("demo", "borowski2021-1", "borowski2021-2")


def study(name: str) -> dict:
    """Arguments of `make`; the demo has a unit per layer, eight batches and smaller numbers."""
    if name == "demo":
        of = units(9, 3)
        return {"protocol": "borowski2021-1", "units": of, "stimuli": stimuli(of, batches=8), "catch": 1, "repeated": 2}
    if name == "borowski2021-1":
        of = units()
        return {"protocol": name, "units": of, "stimuli": stimuli(of)}
    of = units(20, 20, sets=("a", "b", "c", "d"), easy_sets=("e", "f", "g"))
    return {"protocol": name, "units": of, "stimuli": stimuli(of, references=(1, 9))}


@pytest.fixture(scope="module", params=STUDIES)
def sessions(request) -> list[tuple[Trial, ...]]:
    """Sessions of many seeds, 10,000 trials or more, the repeated trials among them."""
    arguments, found = study(request.param), []
    seeds = {"demo": range(12), "borowski2021-1": range(5), "borowski2021-2": range(2)}[request.param]
    for seed in seeds:
        people = 25 if request.param == "demo" else None
        for session in make(participants=people, seed=seed, **arguments).sessions:
            answers = [Response(t.trial_id, "x", Side.TOP, 1 + t.index % 3) for t in session.trials]
            # the same person number in another seed is another person
            number = 1000 * seed + session.participant
            trials = (*session.trials, *repeated_trials(session, answers, seed))
            found.append(tuple(replace(trial, participant=number) for trial in trials))
    return found


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)
def test_no_counting_strategy_beats_chance(sessions, strategy):
    n, right = sum(map(len, sessions)), strategy.right(sessions)
    assert n > 8000
    p = 2 * binom.sf(max(right, n - right) - 1, n, 0.5)
    assert p > FALSE_ALARM / (len(STRATEGIES) * len(STUDIES)), f"right in {right / n:.3f} of {n} trials"


def test_sides_follow_one_another_as_coins(sessions):
    """Runs of every length up to 8 come as often as of coins: a run is of length k with probability 2^-k."""
    lengths = []
    for trials in sessions:
        sides = [trial.max_side for trial in trials]
        ends = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(sides)) if a != b)]
        lengths += list(np.diff(ends))  # without the last run, which the session's end may cut
    share = np.array([0.5 ** min(k, 8) for k in range(1, 10)])
    counted = np.array([sum(length == k for length in lengths) for k in range(1, 9)] + [sum(x > 8 for x in lengths)])
    # cut last runs are the long ones more often, which is less than a 60th of all runs
    statistic = ((counted - len(lengths) * share) ** 2 / (len(lengths) * share)).sum()
    assert statistic < chi2.isf(FALSE_ALARM / len(STUDIES), 8)


def test_a_repeated_trial_tells_nothing_of_its_first_side(sessions):
    first = {(t.participant, t.trial_id): t.max_side for trials in sessions for t in trials}
    again = [t for trials in sessions for t in trials if t.repeats]
    same = sum(t.max_side is first[t.participant, t.repeats] for t in again)
    if again:  # the second protocol has none
        assert len(again) > 800
        assert 2 * binom.sf(max(same, len(again) - same) - 1, len(again), 0.5) > FALSE_ALARM


def with_sides(design: Design, sides: Callable[[Session], list[Side]]) -> Design:
    """The design with other sides, session by session."""
    sessions = []
    for session in design.sessions:
        left = iter(sides(session))
        blocks = tuple(
            replace(b, trials=tuple(replace(t, max_side=next(left)) for t in b.trials)) for b in session.blocks
        )
        sessions.append(replace(session, blocks=blocks))
    return replace(design, sessions=tuple(sessions))


def balanced(session: Session) -> list[Side]:
    """As it was: half of every block on either side, shuffled."""
    rng, sides = np.random.default_rng(session.participant), []
    for block in session.blocks:
        halves = [Side.TOP, Side.BOTTOM] * (len(block.trials) // 2 + 1)
        sides += list(rng.permutation(np.array(halves[: len(block.trials)], dtype=object)))
    return sides


def leaning(session: Session) -> list[Side]:
    rng = np.random.default_rng(session.participant)
    return [Side.TOP if x < 0.65 else Side.BOTTOM for x in rng.random(len(session.trials))]


def alternating(session: Session) -> list[Side]:
    return [(Side.TOP, Side.BOTTOM)[i % 2] for i in range(len(session.trials))]


def of_one_seed(session: Session) -> list[Side]:
    """Coins, but everyone's are the same."""
    return [(Side.TOP, Side.BOTTOM)[i] for i in np.random.default_rng(7).integers(2, size=len(session.trials))]


def of_the_unit(session: Session) -> list[Side]:
    return [(Side.TOP, Side.BOTTOM)[t.unit.unit.channel * 7919 % 13 % 2] for t in session.trials]


@pytest.mark.parametrize(
    ("sides", "told"),
    [
        (balanced, "behind in the block"),
        (leaning, "always top"),
        (alternating, "alternation"),
        (of_one_seed, "as others at this place"),
        (of_the_unit, "as the unit last time"),
    ],
)
def test_sides_that_can_be_counted_are_refused(sides, told):
    of = units()
    pictures = stimuli(of)
    design = make("borowski2021-1", of, pictures, seed=7)
    with pytest.raises(DesignError, match="sides cannot be counted: the strategy") as error:
        check(with_sides(design, sides), of, pictures)
    trials = len(design.trials)
    strategy = next(s for s in STRATEGIES if s.name == told)
    right = strategy.right([s.trials for s in with_sides(design, sides).sessions])
    assert 2 * binom.sf(max(right, trials - right) - 1, trials, 0.5) < 1e-6 / len(STRATEGIES)
    assert f"of {trials} trials without looking" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_lopsided_sessions_of_a_fair_coin_are_not_refused():
    """One session all on top is what a coin may do once; only what holds over participants is refused."""
    of = units()
    pictures = stimuli(of)
    design = make("borowski2021-1", of, pictures, seed=7)
    block = design.sessions[0].blocks[5]
    first = {t.trial_id for t in block.trials}
    changed = with_sides(design, lambda s: [Side.TOP if t.trial_id in first else t.max_side for t in s.trials])
    check(changed, of, pictures)
