"""Order: shuffling, dealing and rotating, with the randomness passed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from exemplum.records import Side

T = TypeVar("T")

SIDES = 3  # spawn key: which query is on top is drawn apart from all else


def generator(seed: int, participant: int, *purpose: int) -> np.random.Generator:
    """A participant's own randomness: it does not depend on how many others there are."""
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(participant, *purpose)))


def shuffled(items: Sequence[T], rng: np.random.Generator) -> list[T]:
    return [items[i] for i in rng.permutation(len(items))]


def rotated(items: Sequence[T], by: int) -> list[T]:
    """Begin at item `by`, counted round."""
    start = by % len(items) if items else 0
    return [*items[start:], *items[:start]]


def split(items: Sequence[T], parts: int, longer: int = 0) -> list[list[T]]:
    """Cut into parts of nearly equal length; those with one more begin at part `longer`, counted round."""
    short, extra = divmod(len(items), parts)
    lengths = rotated([short + (part < extra) for part in range(parts)], -longer)
    ends = np.cumsum(lengths)
    return [list(items[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


def coin(rng: np.random.Generator) -> Side:
    """A side by a fair coin: whatever came before, nobody can say better than even what comes next."""
    return Side.TOP if rng.random() < 0.5 else Side.BOTTOM


class Deck:
    """Cards dealt in shuffled rounds: none comes again before all have come, nor twice in a hand if it can be."""

    def __init__(self, cards: Sequence[T], rng: np.random.Generator) -> None:
        self.cards: list = list(cards)
        self.rng = rng
        self.left: list = []

    def hand(self, count: int) -> list:
        hand: list = []
        while len(hand) < count:
            if not self.left:
                self.left = shuffled(self.cards, self.rng)
            card = next((card for card in self.left if card not in hand), self.left[0])
            self.left.remove(card)
            hand.append(card)
        return hand
