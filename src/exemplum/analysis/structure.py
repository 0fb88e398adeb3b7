"""What a protocol demands of the numbers of participants and units, and how it divides its trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exemplum.design import Factor, sheared, trials_of
from exemplum.errors import UserError
from exemplum.protocols import protocol as protocol_named


@dataclass(frozen=True)
class Interleaved:
    """A protocol that interleaves conditions: a participant sees each unit with one method, at one difficulty."""

    main: int  # main trials per participant, of all methods together
    methods: int = 2
    difficulties: int = 1
    between: tuple[str, ...] = ()  # factors of which a participant sees one level
    one_difficulty: bool = False  # whether only the trials of one difficulty are analysed

    def trials(self, units: int) -> int:
        """Main trials per participant of this number of units."""
        return trials_of(units, self.main)

    @property
    def share(self) -> float:
        """Of all main trials, those of the baseline and one method that are analysed."""
        return 2 / self.methods / (self.difficulties if self.one_difficulty else 1)

    @property
    def groups(self) -> list[list[tuple[int, int]]]:
        """The cells, method and difficulty, of each group of participants."""
        found: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for method, difficulty in sheared(range(self.methods), range(self.difficulties)):
            key = method * (Factor.METHOD in self.between), difficulty * (Factor.DIFFICULTY in self.between)
            found.setdefault(key, []).append((method, difficulty))
        return list(found.values())


@dataclass(frozen=True)
class Structure:
    """A protocol's constraints on the numbers of participants and units, for two methods."""

    cycle: int  # orders are balanced over this many participants
    sets: int  # stimulus sets that rotate over the schemes: a participant sees each of them in another scheme
    units: int  # main units of the protocol, all sets together
    interleaved: Interleaved | None = None

    def whole(self, participants: int) -> int:
        """The next number of participants with balanced orders."""
        return -(-participants // self.cycle) * self.cycle

    def check(self, units: int) -> int:
        """Units of one stimulus set. Raises UserError if the sets cannot be of equal size."""
        if units % self.sets:
            raise UserError(
                f"{units} units cannot be divided into {self.sets} equal stimulus sets; give a multiple of {self.sets}"
            )
        return units // self.sets


def structure(
    protocol: str, methods: int = 2, difficulties: int = 1, main: int | None = None,
    between: Sequence[str] | None = None,
) -> Structure:  # fmt: skip
    """The protocol's counterbalancing. Raises UserError for an unknown name.

    Numbers of `methods` and `difficulties`, and `main` trials and factors `between` participants if not the protocol's,
    matter where an interleaved protocol divides its trials among them. Its designs are balanced over any number of
    participants.
    """
    found = protocol_named(protocol)
    if found.is_interleaved:
        apart_in = tuple(found.between if between is None else between)
        return Structure(1, 1, found.units, Interleaved(main or found.main, methods, difficulties, apart_in))
    sets = max(len(found.main_sets), 1)
    return Structure(math.lcm(len(found.scheme_orders), 2 * found.order_every), sets, found.units * sets)
