"""What a protocol is: the factors and sizes of a study, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from exemplum.errors import UserError
from exemplum.records import Scheme


class Factor(StrEnum):
    """What conditions differ in."""

    METHOD = "method"  # of explanation
    SCHEME = "scheme"  # how many references are shown, and of which poles
    DIFFICULTY = "difficulty"  # of the queries


@dataclass(frozen=True)
class Protocol:
    """The structure of a study.

    Conditions are combinations of levels of the factors. A factor lies `within` participants, who see all its levels,
    or `between` them, who see one level each; a factor in neither has one level in the whole study. Participant n
    counts from 1, and the baseline is the first method.

    In a *blocked* protocol (`main` is 0) every participant sees every unit in every condition, and a block has trials
    of one condition. A session is: practice and main trials without references (`none_blocks`, before), then scheme by
    scheme the practice of every method and their main blocks in turn, then `none_blocks` again, then repeated trials.
    The order of methods is rotated by (n − 1) // `order_every` + `order_start`.

    In an *interleaved* protocol every participant has `main` main trials, each of another unit, and the condition
    changes from trial to trial. Units and conditions are assigned by balanced incomplete blocks (`design.assignment`).
    Practice, blocks and repeated trials are then counted per participant.
    """

    name: str
    participants: int
    units: int  # main units (in a blocked protocol: of a scheme)
    batches: int  # sets of natural images
    schemes: tuple[Scheme, ...]
    practice: int  # practice trials per method (and scheme)
    blocks: int  # main blocks per method (and scheme)
    catch: int  # catch trials per main block with references
    practice_units: int
    within: tuple[Factor, ...]
    between: tuple[Factor, ...] = ()  # only of interleaved protocols
    main: int = 0  # main trials per participant; 0: every unit in every condition, in blocks
    repeated: int = 0  # repeated trials per condition, half least and half most confident; chosen from the answers
    intuitiveness: tuple[Literal["before", "after"], ...] = ("before",)  # when the pictures of methods are rated
    # the following are of blocked protocols only
    scheme_orders: tuple[tuple[int, ...], ...] = ((0,),)  # places in `schemes`, by (n − 1) mod their number
    order_every: int = 1
    order_start: int = 0
    none_blocks: int = 0  # blocks without references before, and again after; 0: no such condition
    batch_every: int = 1  # this many consecutive participants share batches (they differ in the units of a scheme)
    batch_own: bool = False  # whether the next such participants skip all their batches: a stride of a batch per method
    main_sets: tuple[str, ...] = ()  # stimulus sets that rotate over the schemes by a Latin square; (): all in each
    practice_sets: tuple[str, ...] = ()  # by method in order; (): thirds that rotate, see docs/reference/design.md
    catch_sets: tuple[str, ...] = ()  # (): every practice unit

    @property
    def is_interleaved(self) -> bool:
        """Whether the condition changes from trial to trial."""
        return self.main > 0

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The factors that may have several levels."""
        return self.within + self.between

    @property
    def reference_counts(self) -> tuple[int, ...]:
        """The numbers of references per pole that the schemes show, ascending."""
        return tuple(sorted({scheme.references for scheme in self.schemes}))

    @property
    def pools(self) -> bool:
        """Whether practice and catch units come from separate stimulus sets."""
        return bool(self.practice_sets)

    def check(self, difficulties: Iterable[str], main: int | None = None, between: Iterable[str] | None = None) -> None:
        """Raise UserError for difficulties, main trials or factors between participants that it cannot have."""
        levels = list(difficulties)
        if len(levels) > 1 and Factor.DIFFICULTY not in self.factors:
            raise UserError(
                f"protocol {self.name} shows queries of one difficulty, and the study has {', '.join(levels)}; name "
                'one in study.toml: [queries] difficulty, or choose protocol = "quick"'
            )
        for name, given in (("main", main), ("between", between)):
            if given is not None and not self.is_interleaved:
                raise UserError(
                    f"protocol {self.name} shows every unit in every condition to every participant, so it takes no "
                    f'[design] {name}; leave it out, or choose protocol = "quick"'
                )
