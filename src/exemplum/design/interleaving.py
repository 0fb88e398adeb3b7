"""Interleaved main trials: the cells of a protocol's factors, and every participant's units, cells and batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from exemplum.design.assignment import Assignment, sheared, trials_of
from exemplum.design.counterbalancing import generator, shuffled
from exemplum.design.stimuli import DesignError
from exemplum.protocols import Factor, Protocol
from exemplum.records import StudyUnit

LABELS = 4  # spawn key: which units and levels stand where in the assignment


@dataclass(frozen=True, order=True)
class Cell:
    """One combination of levels of the factors."""

    method: str
    scheme: int  # place in the plan's schemes
    difficulty: str

    def level(self, factor: Factor) -> str | int:
        levels: dict[Factor, str | int] = {
            Factor.METHOD: self.method, Factor.SCHEME: self.scheme, Factor.DIFFICULTY: self.difficulty,
        }  # fmt: skip
        return levels[factor]


@dataclass(frozen=True)
class DealtTrial:
    """One main trial of a participant, before its images are chosen."""

    unit: StudyUnit
    cell: Cell
    batch: int
    showing: int  # 1 if the participant has seen the unit before


@dataclass(frozen=True)
class Interleaving:
    """How main trials are assigned to participants, who form a group for every level between participants."""

    units: tuple[StudyUnit, ...]
    methods: tuple[str, ...]
    schemes: int
    difficulties: tuple[str, ...]  # the easiest first
    between: tuple[Factor, ...]
    batches: tuple[int, ...]
    trials: int  # per participant

    @cached_property
    def groups(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells of each group of participants; participant n is in group (n − 1) mod their number."""
        return self._groups(self.methods, range(self.schemes), self.difficulties)

    @cached_property
    def assignment(self) -> Assignment:
        """Of each group."""
        return Assignment(len(self.units), len(self.groups[0]), len(self.batches), self.trials)

    @property
    def showings(self) -> int:
        """How often a participant may see a unit."""
        return math.ceil(self.trials / len(self.units))

    @property
    def participants(self) -> int:
        """The number of participants over whom every unit is seen equally often in every cell."""
        return len(self.groups) * self.assignment.participants

    def cells(self, participant: int) -> tuple[Cell, ...]:
        """The cells that a participant may see."""
        return self.groups[(participant - 1) % len(self.groups)]

    def dealt(self, participant: int, seed: int) -> list[DealtTrial]:
        """A participant's main trials, first showings of units first; otherwise in no random order."""
        rng = generator(seed, 0, LABELS)
        units, methods = shuffled(self.units, rng), shuffled(self.methods, rng)
        schemes, difficulties = shuffled(range(self.schemes), rng), shuffled(self.difficulties, rng)
        turn, group = divmod(participant - 1, len(self.groups))
        cells = self._groups(methods, schemes, difficulties)[group]
        return [
            DealtTrial(units[slot.unit], cells[slot.cell], self.batches[slot.batch], slot.showing)
            for slot in self.assignment.slots(turn)
        ]

    def _groups(
        self, methods: Sequence[str], schemes: Sequence[int], difficulties: Sequence[str]
    ) -> tuple[tuple[Cell, ...], ...]:
        """The cells by group, each in an order in which any run has the levels of each factor about equally often."""
        levels: dict[Factor, Sequence[str | int]] = {
            Factor.METHOD: self.methods, Factor.SCHEME: range(self.schemes), Factor.DIFFICULTY: self.difficulties,
        }  # fmt: skip
        groups: dict[tuple[object, ...], list[Cell]] = {
            key: [] for key in product(*(levels[factor] for factor in self.between))
        }
        for method, (difficulty, scheme) in sheared(methods, sheared(difficulties, schemes)):
            cell = Cell(method, scheme, difficulty)
            groups[tuple(cell.level(factor) for factor in self.between)].append(cell)
        return tuple(map(tuple, groups.values()))


def interleaving(
    protocol: Protocol, units: Iterable[StudyUnit], methods: tuple[str, ...], schemes: int,
    difficulties: tuple[str, ...], batches: tuple[int, ...], main: int | None, between: Iterable[str] | None,
) -> Interleaving:  # fmt: skip
    """Fit an interleaved protocol to a study; `main` trials and factors `between` participants are its own if None.

    A participant has at most `main` trials. No unit comes twice, unless all of them can: then all do. Raises
    DesignError for a factor between participants that the protocol does not have.
    """
    units = tuple(units)
    return Interleaving(
        units, methods, schemes, difficulties, factors_between(protocol, between), batches,
        trials_of(len(units), main or protocol.main, len(batches)),
    )  # fmt: skip


def factors_between(protocol: Protocol, between: Iterable[str] | None) -> tuple[Factor, ...]:
    """The factors between participants, the protocol's own if None. Raises DesignError for one that it lacks."""
    if between is None:
        return protocol.between
    for name in between:
        if name not in protocol.factors:
            raise DesignError(
                f"the factor {name} of protocol {protocol.name} has one level; between participants may lie "
                f"{', '.join(protocol.factors)}"
            )
    return tuple(factor for factor in protocol.factors if factor in set(between))
