"""Fit a protocol to a study: sizes, schemes, units and batches, with a note wherever they are smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from exemplum import records
from exemplum.design.counterbalancing import rotated
from exemplum.design.interleaving import Interleaving, interleaving
from exemplum.design.stimuli import DesignError, Pictures
from exemplum.errors import REMAKE
from exemplum.protocols import Factor, Protocol, Scheme
from exemplum.queries import ANY
from exemplum.records import NONE, StudyUnit, Unit


@dataclass(frozen=True)
class Plan:
    """A protocol with the sizes of one study filled in."""

    protocol: Protocol
    participants: int
    methods: tuple[str, ...]  # conditions with references
    schemes: tuple[Scheme, ...]
    scheme_orders: tuple[tuple[int, ...], ...]
    sets: tuple[tuple[StudyUnit, ...], ...]  # main units, by stimulus set; the sets rotate over the schemes
    practice_units: dict[str, tuple[StudyUnit, ...]]  # by stimulus set; "" holds all
    batches: tuple[int, ...]  # for main trials
    difficulties: tuple[str, ...]  # of the queries
    none_blocks: int
    practice: int
    blocks: int
    catch: int
    repeated: int
    notes: tuple[str, ...]
    interleaving: Interleaving | None = None  # of the main trials, if the protocol interleaves them

    @property
    def conditions(self) -> tuple[str, ...]:
        return (NONE, *self.methods) if self.none_blocks else self.methods

    def units(self, scheme: int, participant: int) -> tuple[StudyUnit, ...]:
        """Main units of a scheme: the stimulus sets rotate over the schemes by a Latin square over participants."""
        return self.sets[(scheme + participant - 1) % len(self.sets)]

    def scheme_order(self, participant: int) -> tuple[int, ...]:
        return self.scheme_orders[(participant - 1) % len(self.scheme_orders)]

    def method_order(self, participant: int) -> list[str]:
        protocol = self.protocol
        return rotated(self.methods, (participant - 1) // protocol.order_every + protocol.order_start)

    def batch(self, condition: str, participant: int) -> int:
        """The batch of a participant's main trials in a condition: different in every condition, and for each
        participant (or group of participants) until all batches have been used in it."""
        protocol, count = self.protocol, len(self.batches)
        turn = (participant - 1) // min(protocol.batch_every, len(self.sets))  # without sets nobody can share
        stride = len(self.conditions) if protocol.batch_own else 1
        lap = turn // (
            count // _common_divisor(stride, count)
        )  # after a round with a stride that divides the count, the other batches
        return self.batches[(turn * stride + lap + self.conditions.index(condition)) % count]


@dataclass(frozen=True)
class Sizes:
    """What a study asks for instead of its protocol's; None: the protocol's."""

    practice: int | None = None
    blocks: int | None = None
    catch: int | None = None
    repeated: int | None = None
    main: int | None = None  # of an interleaved protocol, as the next
    between: Sequence[str] | None = None  # factors

    def of(self, protocol: Protocol) -> dict[str, int]:
        given = {"practice": self.practice, "blocks": self.blocks, "catch": self.catch, "repeated": self.repeated}
        return {name: getattr(protocol, name) if size is None else size for name, size in given.items()}


def plan(
    protocol: Protocol,
    units: pd.DataFrame,
    pictures: Pictures,
    participants: int | None = None,
    methods: Sequence[str] | None = None,
    asked: Sizes = Sizes(),
) -> Plan:
    """Fit a protocol to the units (STUDY_UNITS) and pictures of a study.

    Raises DesignError if there are no main units, no queries in common, or a method without pictures, and
    UserError for a method with a reserved or invalid name, and for difficulties or sizes that the protocol cannot have.
    """
    protocol.check(pictures.difficulties, asked.main, asked.between)
    notes: list[str] = []
    everyone = [_study_unit(row) for row in units.itertuples()]
    mains = [unit for unit in everyone if unit.role == "main"]
    if not mains:
        raise DesignError("the study has no main units; choose some in study.toml: [units]")
    schemes, orders = _schemes(protocol, pictures, everyone, notes)
    sets = _sets(protocol, mains, len(schemes), notes)
    easy = _practice_units(everyone, mains, notes)
    chosen = tuple(records.check_condition(name) for name in _methods(pictures, methods))
    sizes = asked.of(protocol)
    count = participants or protocol.participants
    common = _common_batches(protocol, pictures, mains, schemes, notes)
    if not chosen and not protocol.none_blocks:
        raise DesignError(
            f"protocol {protocol.name} needs a method with pictures; name one in study.toml: [explanations] methods"
        )
    if protocol.is_interleaved:
        batches = common[1:] if easy[""] == tuple(mains) and len(common) > 1 else common
        mixed = interleaving(
            protocol, mains, chosen, len(schemes), pictures.by_margin, batches, asked.main, asked.between
        )
        sizes = _interleaved_sizes(protocol, sizes, mixed, count, easy[""], notes)
    else:
        batches, mixed = _blocked_batches(protocol, common, len(chosen), notes), None
        sizes = _blocked_sizes(protocol, sizes, sets, len(schemes), len(chosen), easy[""], notes)
        if count > (room := len(batches) * min(protocol.batch_every, len(sets))):
            notes.append(f"{count} participants, but batches for {room}: some share theirs in the same condition")
    return Plan(
        protocol, count, chosen, schemes, orders, sets, easy, batches, pictures.by_margin, notes=tuple(notes),
        interleaving=mixed, **sizes,
    )  # fmt: skip


def _schemes(
    protocol: Protocol, pictures: Pictures, units: list[StudyUnit], notes: list[str]
) -> tuple[tuple[Scheme, ...], tuple[tuple[int, ...], ...]]:
    """The schemes with queries: for their number of references, or else for the next smaller number."""
    sizes = pictures.sizes(unit.unit for unit in units)
    if not sizes:
        raise DesignError(
            "the study needs queries of all units for one number of references, and queries/queries.parquet has none; "
            f"{REMAKE}"
        )
    if ANY in sizes:
        return protocol.schemes, protocol.scheme_orders
    fitted: dict[int, Scheme] = {}  # place in the protocol → scheme
    for place, scheme in enumerate(protocol.schemes):
        fewer = [k for k in sizes if k <= scheme.references]
        fit = replace(scheme, references=max(fewer)) if fewer else None
        if fit and fit not in fitted.values():
            fitted[place] = fit
    if not fitted:
        fitted[0] = replace(protocol.schemes[-1], references=min(sizes))
    schemes = tuple(fitted.values())
    if schemes != protocol.schemes:
        wanted = ", ".join(scheme.name for scheme in protocol.schemes)
        notes.append(
            f"schemes {', '.join(scheme.name for scheme in schemes)} instead of {wanted}: no images for others"
        )
    places = list(fitted)
    orders = [tuple(places.index(place) for place in order if place in fitted) for order in protocol.scheme_orders]
    return schemes, tuple(orders)


def _sets(
    protocol: Protocol, mains: list[StudyUnit], schemes: int, notes: list[str]
) -> tuple[tuple[StudyUnit, ...], ...]:
    if not protocol.main_sets:
        sets = [mains]
    else:
        sets = [[unit for unit in mains if unit.stimulus_set == name] for name in protocol.main_sets]
        if not all(sets):
            sets = _dealt(mains, protocol.main_sets, notes)
    sizes = sorted({len(units) for units in sets})
    if sizes != [protocol.units]:
        where = " a scheme" if schemes > 1 else ""
        notes.append(f"main units{where}: {' or '.join(map(str, sizes))} instead of {protocol.units}")
    return tuple(tuple(units) for units in sets)


def _dealt(mains: list[StudyUnit], names: tuple[str, ...], notes: list[str]) -> list[list[StudyUnit]]:
    if len(mains) < len(names):
        notes.append(f"{len(mains)} main units do not make {len(names)} stimulus sets: every scheme has the same units")
        return [mains]
    notes.append(f"the main units were dealt into stimulus sets {', '.join(names)} in the order of the table")
    sets: list[list[StudyUnit]] = [[] for _ in names]
    for place, unit in enumerate(mains):
        name = place % len(names)
        sets[name].append(replace(unit, stimulus_set=names[name]))
    return sets


def _practice_units(
    everyone: list[StudyUnit], mains: list[StudyUnit], notes: list[str]
) -> dict[str, tuple[StudyUnit, ...]]:
    easy = [unit for unit in everyone if unit.role == "practice"]
    if not easy:
        notes.append("no practice units: main units serve in practice and catch trials")
        return {"": tuple(mains)}
    names = {unit.stimulus_set for unit in easy}
    return {name: tuple(unit for unit in easy if unit.stimulus_set == name) for name in names} | {"": tuple(easy)}


def _methods(pictures: Pictures, wanted: Sequence[str] | None) -> tuple[str, ...]:
    if wanted is None:
        return tuple(method for method in pictures.methods if method != NONE)
    if missing := [method for method in wanted if method not in pictures.methods and method != NONE]:
        raise DesignError(f"there are no pictures of the methods {', '.join(missing)}; run the explanations stage")
    return tuple(
        sorted((method for method in wanted if method != NONE), key=lambda method: method != pictures.baseline)
    )


def _common_batches(
    protocol: Protocol, pictures: Pictures, mains: list[StudyUnit], schemes: tuple[Scheme, ...], notes: list[str]
) -> tuple[int, ...]:
    """The batches that all main units have queries for, of every scheme and difficulty."""
    common = set.intersection(
        *(set(pictures.batches((unit.unit for unit in mains), scheme.references)) for scheme in schemes)
    )
    if not common:
        raise DesignError(f"queries/queries.parquet has no batch of queries of all main units; {REMAKE}")
    if len(common) != protocol.batches:
        turn = "; each is used in all conditions of a unit before the next" if protocol.is_interleaved else ""
        notes.append(f"batches of queries: {len(common)} instead of {protocol.batches}{turn}")
    return tuple(sorted(common))


def _blocked_batches(protocol: Protocol, common: tuple[int, ...], methods: int, notes: list[str]) -> tuple[int, ...]:
    """Batches for main trials: all but the first, unless the conditions of one participant would then share some."""
    conditions = methods + bool(protocol.none_blocks)
    kept = common[1:] if len(common) > conditions else common
    if len(kept) < conditions:
        shared = "all conditions" if len(kept) == 1 else "some conditions"
        notes.append(f"too few batches: {shared} of a participant show the same queries")
    return kept


def _blocked_sizes(
    protocol: Protocol, sizes: dict[str, int], sets: Sequence[Sequence[StudyUnit]], schemes: int, methods: int,
    easy: tuple[StudyUnit, ...], notes: list[str],
) -> dict[str, int]:  # fmt: skip
    """The sizes that these units and methods allow."""
    smallest = min(map(len, sets))
    fitted = {
        "practice": sizes["practice"],
        "blocks": min(sizes["blocks"], smallest),
        "catch": sizes["catch"] if methods else 0,
        "none_blocks": min(protocol.none_blocks, smallest // 2),
        "repeated": min(sizes["repeated"], smallest * schemes),
    }
    _note_sizes(protocol, fitted, notes)
    needed = fitted["practice"] * (methods + bool(protocol.none_blocks))
    if not protocol.pools and len(easy) < needed:
        notes.append(f"practice units: {len(easy)} for {needed} practice trials, so some come more than once")
    return fitted


def _interleaved_sizes(
    protocol: Protocol, sizes: dict[str, int], mixed: Interleaving, participants: int, easy: tuple[StudyUnit, ...],
    notes: list[str],
) -> dict[str, int]:  # fmt: skip
    """The sizes that these units allow; notes say what a participant sees, and how evenly all of them together."""
    trials, units = mixed.trials, len(mixed.units)
    fitted = {
        "practice": sizes["practice"],
        "blocks": min(sizes["blocks"], trials),
        "catch": sizes["catch"],
        "none_blocks": 0,
        "repeated": min(sizes["repeated"], trials),
    }
    _note_sizes(protocol, fitted, notes)
    if trials != protocol.main:
        notes.append(f"main trials per participant: {trials} instead of {protocol.main}")
    if trials != units:
        seen = f"{trials} of the {units} main units" if trials < units else f"each of the {units} main units twice"
        notes.append(f"a participant sees {seen}")
    if Factor.METHOD not in mixed.between and trials < len(mixed.methods):
        notes.append(f"{trials} main trials for {len(mixed.methods)} methods: not everyone sees the baseline")
    if participants % mixed.participants:
        cells = len(mixed.groups) * len(mixed.groups[0])
        times = participants // len(mixed.groups) * trials // (units * len(mixed.groups[0]))
        notes.append(
            f"{participants} participants see every unit {times} or {times + 1} times in each of {cells} combinations "
            f"of {', '.join(protocol.factors)}; multiples of {mixed.participants} see it equally often in all"
        )
    needed = fitted["practice"] + fitted["catch"] * fitted["blocks"]
    if len(easy) < needed:
        notes.append(f"practice units: {len(easy)} for {needed} practice and catch trials, so some come more than once")
    return fitted


def _note_sizes(protocol: Protocol, sizes: dict[str, int], notes: list[str]) -> None:
    for name, size in sizes.items():
        if size != (wanted := getattr(protocol, name)):
            notes.append(f"{name.replace('_', ' ')}: {size} instead of {wanted}")


def _study_unit(row: object) -> StudyUnit:
    values = {name: getattr(row, name) for name in ("branch", "selection", "role", "stimulus_set")}
    return StudyUnit(Unit(row.layer, int(row.channel)), **values)  # type: ignore[attr-defined]


def _common_divisor(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a
