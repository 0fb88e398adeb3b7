"""Randomness in a design: orders and sides, and strategies that guess sides by counting verdicts.

Participants see after each trial which query was right. A strategy sees these verdicts, and the block, condition and
unit of each trial, and guesses the side of the next answer. If sides are fair coin tosses, every strategy is right in
half of the trials, whatever it counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from exemplum.records import Side, Trial

T = TypeVar("T")

SIDES = 3  # spawn key: which query is on top is drawn independently of everything else


def generator(seed: int, participant: int, *purpose: int) -> np.random.Generator:
    """A participant's own random generator, independent of the number of participants.

    >>> [int(generator(2021, participant).integers(100)) for participant in (1, 2, 1)]
    [75, 51, 75]
    """
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(participant, *purpose)))


def shuffled(items: Sequence[T], rng: np.random.Generator) -> list[T]:
    """The items in a random order.

    >>> sorted(shuffled(["natural", "synthetic", "none"], np.random.default_rng(0)))
    ['natural', 'none', 'synthetic']
    """
    return [items[i] for i in rng.permutation(len(items))]


def rotated(items: Sequence[T], by: int) -> list[T]:
    """Rotate to begin at item `by`, modulo the length."""
    start = by % len(items) if items else 0
    return [*items[start:], *items[:start]]


def split(items: Sequence[T], parts: int, longer: int = 0) -> list[list[T]]:
    """Cut into parts of nearly equal length; those with one more begin at part `longer`, modulo the number of parts."""
    short, extra = divmod(len(items), parts)
    lengths = rotated([short + (part < extra) for part in range(parts)], -longer)
    ends = np.cumsum(lengths)
    return [list(items[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


def coin(rng: np.random.Generator) -> Side:
    """A side by a fair coin toss, so that earlier sides do not predict it."""
    return Side.TOP if rng.random() < 0.5 else Side.BOTTOM


class Deck(Generic[T]):
    """Cards dealt in shuffled rounds: none again before all have been dealt and, if possible, none twice in a hand."""

    def __init__(self, cards: Sequence[T], rng: np.random.Generator) -> None:
        self.cards = list(cards)
        self.rng = rng
        self.left: list[T] = []

    def hand(self, count: int) -> list[T]:
        hand: list[T] = []
        while len(hand) < count:
            if not self.left:
                self.left = shuffled(self.cards, self.rng)
            card = next((card for card in self.left if card not in hand), self.left[0])
            self.left.remove(card)
            hand.append(card)
        return hand


Sides = tuple[Side, ...]


@dataclass(frozen=True)
class Strategy:
    """Counts the sides so far for every case, and guesses the side that is ahead in the trial's case.

    A trial may belong to several cases; the first in which one side is ahead decides, else the guess is top. `behind`
    guesses the other side, as a person who expects balance does. `latest` uses only the last answer of a case.
    """

    name: str
    cases: Callable[[Trial, Sides], tuple[Hashable, ...]]  # of the trial, and the last sides of the same participant
    behind: bool = False
    latest: bool = False

    def right(self, sessions: Iterable[Sequence[Trial]]) -> int:
        """The number of trials in which it is right; `sessions` are each participant's trials in order."""
        tally: dict[Hashable, int] = defaultdict(int)  # answers on top minus answers below
        right = 0
        for trials in sessions:
            past: Sides = ()
            for trial in trials:
                cases, side = self.cases(trial, past), 1 if trial.max_side is Side.TOP else -1
                lead = next((tally[case] for case in cases if tally[case]), 0)
                right += side == (1 if lead == 0 or (lead > 0) != self.behind else -1)
                for case in cases:
                    tally[case] = side if self.latest else tally[case] + side
                past = (*past[-2:], trial.max_side)
        return right


def _session(trial: Trial, _past: Sides) -> tuple[Hashable, ...]:
    return (trial.participant,)


def _block(trial: Trial, _past: Sides) -> tuple[Hashable, ...]:
    return ((trial.participant, trial.block),)


def _condition(trial: Trial, _past: Sides) -> tuple[Hashable, ...]:
    return ((trial.participant, trial.condition, trial.scheme),)


def _kind(trial: Trial, _past: Sides) -> tuple[Hashable, ...]:
    return ((trial.participant, trial.kind, trial.condition, trial.scheme),)


def _nested(trial: Trial, past: Sides) -> tuple[Hashable, ...]:
    return _block(trial, past) + _kind(trial, past) + _condition(trial, past) + _session(trial, past)


def _after(count: int) -> Strategy:
    """A Markov chain of the given order, learnt within the session."""
    return Strategy(f"Markov chain of order {count}", lambda trial, past: ((trial.participant, past[-count:]),))


STRATEGIES = (
    Strategy("always top", lambda _trial, _past: ()),
    Strategy("behind in the block", _block, behind=True),
    Strategy("behind in the condition", _condition, behind=True),
    Strategy("behind in the kind of trial", _kind, behind=True),
    Strategy("behind in the session", _session, behind=True),
    Strategy("behind in the block, else in a wider count", _nested, behind=True),
    Strategy("alternation", _session, behind=True, latest=True),
    # win-stay lose-shift: the side of the last answer
    Strategy("win-stay, lose-shift", _session, latest=True),
    *(_after(count) for count in (1, 2, 3)),
    Strategy("as the unit last time", lambda trial, _past: ((trial.participant, trial.unit.unit),), latest=True),
    Strategy("as the queries last time", lambda trial, _past: ((trial.query_max, trial.query_min),), latest=True),
    Strategy("as others at this place", lambda trial, _past: (trial.index,)),
)
