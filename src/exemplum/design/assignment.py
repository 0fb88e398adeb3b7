"""Balanced incomplete blocks: which units each participant sees, and in which cell of the factors.

Main trials are numbered through all participants: participant p (from 0) has trials p·n … p·n + n − 1. Trial t is in
cell t mod C of C cells, so every participant's trials are spread evenly over the cells. Trials are in laps of all U
units. After every C / g laps, with g the greatest common divisor of U and C, the units move one place on, which takes
each unit through all cells in C laps: over any number of participants, every unit is seen in every cell equally often,
or once more. For a cycle of C laps a unit is tested by the same queries in all its cells, then by those of the next
batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

S = TypeVar("S")
T = TypeVar("T")


def trials_of(units: int, main: int, batches: int = 2) -> int:
    """The number of main trials per participant, `main` at most: each of another unit, or all units twice.

    >>> trials_of(45, 32), trials_of(20, 32), trials_of(12, 32), trials_of(12, 32, batches=1)
    (32, 20, 24, 12)
    """
    return 2 * units if batches > 1 and 2 * units <= main else min(main, units)


def sheared(first: Sequence[T], second: Sequence[S]) -> list[tuple[T, S]]:
    """All pairs, in an order that has every level of `first` once in any run of their number.

    The levels of `second` change with every pair as well, and move one place on when a pair would come again.

    >>> [letter + str(number) for letter, number in sheared("abcd", [0, 1])]
    ['a0', 'b1', 'c0', 'd1', 'a1', 'b0', 'c1', 'd0']
    """
    round_trip = math.lcm(len(first), len(second))
    return [
        (first[place % len(first)], second[(place + place // round_trip) % len(second)])
        for place in range(len(first) * len(second))
    ]


@dataclass(frozen=True)
class Slot:
    """One main trial, as places in the units, the cells and the batches."""

    unit: int
    cell: int
    batch: int
    showing: int  # 0; 1 if the participant has seen the unit before


@dataclass(frozen=True)
class Assignment:
    """The main trials of every participant.

    >>> plan = Assignment(units=4, cells=2, batches=3, trials=4)
    >>> [(slot.unit, slot.cell) for slot in plan.slots(0)], [(slot.unit, slot.cell) for slot in plan.slots(1)]
    ([(0, 0), (1, 1), (2, 0), (3, 1)], [(1, 0), (2, 1), (3, 0), (0, 1)])
    """

    units: int
    cells: int
    batches: int
    trials: int  # per participant: at most the number of units, or twice that number

    def __post_init__(self) -> None:
        if not (0 < self.trials <= self.units or (self.trials == 2 * self.units and self.batches > 1)):
            raise ValueError(
                f"{self.trials} trials of {self.units} units: give at most as many, or exactly twice as many with at "
                "least two batches"
            )

    @property
    def participants(self) -> int:
        """The number of participants over whom every unit is seen equally often in every cell."""
        return self.units * self.cells // math.gcd(self.units * self.cells, self.trials)

    def slots(self, participant: int) -> list[Slot]:
        """A participant's trials, first showings first; `participant` counts from 0."""
        numbers = np.arange(participant * self.trials, (participant + 1) * self.trials)
        slots = [Slot(*row) for row in self.table(numbers).tolist()]
        return sorted(slots, key=lambda slot: slot.showing)

    def table(self, numbers: np.ndarray) -> np.ndarray:
        """Unit, cell, batch and showing of the trials of these numbers: (n,) → (n, 4)."""
        lap, place = np.divmod(numbers, self.units)
        cycle, lap_of_cycle = np.divmod(lap, self.cells)
        # Whole laps may begin again with each cycle, so that no two successive laps have a unit in one cell. Where
        # participants have parts of laps they must not, or a participant would see a unit twice at the seam.
        laps = lap_of_cycle if self.trials % self.units == 0 else lap
        unit = (place + laps * math.gcd(self.units, self.cells) // self.cells) % self.units
        showing, batch = np.zeros_like(lap), cycle
        if self.trials > self.units:
            # over two cycles each cell of a unit comes once as its first showing and once as its second, with a batch
            # of its own each time; an odd number of cells swaps the two by itself
            showing = (lap + (cycle if self.cells % 2 == 0 else 0)) % 2
            batch = cycle - cycle % 2 + showing
        # units that are neighbours, and so in different cells, share a batch
        batch = (batch + unit * self.batches // self.units) % self.batches
        return np.stack([unit, numbers % self.cells, batch, showing], axis=-1)
