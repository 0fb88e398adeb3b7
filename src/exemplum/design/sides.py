"""Which query is on top: balanced in every block, and over all blocks of a condition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

import numpy as np

from exemplum.design.order import shuffled
from exemplum.records import Side


class Balance:
    """Sides for one session.

    Trials come as blocks of main and of catch trials (practice and repeated trials count as main ones of a key of their
    own). In a block of n trials the answer is on top ⌊n/2⌋ or ⌈n/2⌉ times; so it is over all main trials of a key,
    and over all its catch trials. It holds because the two surpluses of a key are never on the same side: an odd
    trial goes against its own surplus, or else against the other kind's.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.surplus: dict[tuple[Hashable, str], int] = defaultdict(int)  # answers on top less answers below

    def deal(self, key: Hashable, mains: int, catches: int = 0) -> tuple[list[Side], list[Side]]:
        """Sides of the maximal query for the main and for the catch trials of one block, shuffled."""
        main, catch = self._odd_ones(key, mains % 2, catches % 2)
        self.surplus[key, "main"] += main
        self.surplus[key, "catch"] += catch
        return self._sides(mains, main), self._sides(catches, catch)

    def _odd_ones(self, key: Hashable, main_odd: int, catch_odd: int) -> tuple[int, int]:
        """+1 for an odd trial with the answer on top, −1 below, 0 for an even number."""
        of_main, of_catch = self.surplus[key, "main"], self.surplus[key, "catch"]
        if main_odd and catch_odd:
            main = -of_main or of_catch or self._either()
            return main, -main
        if main_odd:
            return -of_main or -of_catch or self._either(), 0
        if catch_odd:
            return 0, -of_catch or -of_main or self._either()
        return 0, 0

    def _either(self) -> int:
        return 1 if self.rng.random() < 0.5 else -1

    def _sides(self, count: int, surplus: int) -> list[Side]:
        tops = (count + surplus) // 2
        return shuffled([Side.TOP] * tops + [Side.BOTTOM] * (count - tops), self.rng)
