"""What a protocol says: the structure of a study as data, which `design.make` fills with units and images."""

from __future__ import annotations

from dataclasses import dataclass

from exemplum.records import Pole


@dataclass(frozen=True)
class Scheme:
    """How many references are shown, and of which poles."""

    references: int  # k: references a pole
    poles: tuple[Pole, ...]

    @property
    def name(self) -> str:
        """`Min-Max-9`, `Max-1`, …"""
        return f"{'Min-Max' if Pole.MIN in self.poles else 'Max'}-{self.references}"


@dataclass(frozen=True)
class Protocol:
    """The structure of a study.

    A session is: practice and main trials without references (`none_blocks`, before), then scheme by scheme the
    practice of every condition with references and their main blocks in turn, then `none_blocks` again, then
    repeated trials.
    Participant n counts from 1. Conditions with references are the methods of the study, natural first; their order is
    rotated by (n − 1) // `order_every` + `order_start`.
    """

    name: str
    participants: int
    units: int  # main units of a scheme
    batches: int  # sets of natural images; the first is for practice and catch trials
    schemes: tuple[Scheme, ...]
    scheme_orders: tuple[tuple[int, ...], ...]  # places in `schemes`, by (n − 1) mod their number
    order_every: int
    order_start: int
    none_blocks: int  # blocks without references before, and again after; 0: no such condition
    practice: int  # practice trials a condition (and scheme)
    blocks: int  # main blocks a condition (and scheme)
    catch: int  # catch trials a main block with references
    repeated: int  # repeated trials a condition, half least and half most confident; chosen from the answers
    batch_every: int  # so many participants in a row share batches (they differ in the units of a scheme)
    batch_own: bool  # whether the next such participants skip all batches of these: a stride of one batch a condition
    practice_units: int
    main_sets: tuple[str, ...] = ()  # stimulus sets that go round the schemes by a Latin square; (): all units in each
    practice_sets: tuple[str, ...] = ()  # by condition in the order of the methods; (): thirds that go round, see docs
    catch_sets: tuple[str, ...] = ()  # (): every practice unit

    @property
    def reference_counts(self) -> tuple[int, ...]:
        """The numbers of references a pole that the schemes show, ascending."""
        return tuple(sorted({scheme.references for scheme in self.schemes}))

    @property
    def pools(self) -> bool:
        """Whether practice and catch units come from stimulus sets of their own."""
        return bool(self.practice_sets)
