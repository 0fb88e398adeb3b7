"""Invariants of interleaved designs: how evenly units, cells and batches are spread over participants."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from exemplum.design.interleaving import Cell
from exemplum.design.plan import Plan
from exemplum.design.stimuli import Pictures
from exemplum.records import Design, Session, Trial, TrialKind


def mains(session: Session) -> list[Trial]:
    return [trial for trial in session.trials if trial.kind is TrialKind.MAIN]


def by(trials: Sequence[Trial], key: Callable[[Trial], Any]) -> dict[Any, list[Trial]]:
    groups: dict[Any, list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[key(trial)].append(trial)
    return groups


def participants_have_as_many_trials_as_planned(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    assert plan.interleaving is not None
    if len(design.sessions) != plan.participants:
        yield f"{len(design.sessions)} sessions, expected {plan.participants}"
    for session in design.sessions:
        found = Counter(trial.kind.value for trial in session.trials)
        schemes = len({trial.scheme for trial in mains(session)})
        blocks = sum(block.kind is TrialKind.MAIN for block in session.blocks)
        expected = {
            "practice": plan.practice * schemes, "main": plan.interleaving.trials, "catch": plan.catch * blocks,
        }  # fmt: skip
        for kind, number in expected.items():
            if found[kind] != number:
                yield f"participant {session.participant} has {found[kind]} {kind} trials, expected {number}"
        if (repeats := sum(block.repeats for block in session.blocks)) != plan.repeated:
            yield f"participant {session.participant} has {repeats} repeated trials, expected {plan.repeated}"


def units_come_once(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    """Or twice each, if there are so few; then with other queries."""
    assert plan.interleaving is not None
    most = plan.interleaving.showings
    for session in design.sessions:
        who = f"participant {session.participant}"
        for unit, trials in by(mains(session), lambda trial: trial.unit.unit).items():
            if len(trials) > most:
                yield f"{who} sees {unit} {len(trials)} times, expected at most {most}"
            if len({(trial.query_max, trial.query_min) for trial in trials}) < len(trials):
                yield f"{who} sees the same queries of {unit} twice"


def participants_see_their_cells_equally_often(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    assert plan.interleaving is not None
    for session in design.sessions:
        counts = Counter(_cell(trial, plan) for trial in mains(session))
        cells = plan.interleaving.cells(session.participant)
        who = f"participant {session.participant}"
        if foreign := sorted(set(counts) - set(cells)):
            yield f"{who} sees {_told(foreign[0], plan)}, which is for other participants"
        elif fault := _uneven(counts, cells):
            often, seldom = fault
            yield (
                f"{who} has {counts[often]} trials of {_told(often, plan)} and {counts[seldom]} of "
                f"{_told(seldom, plan)}"
            )


def units_are_seen_equally_often_in_all_cells(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    """Over the participants of a group."""
    assert plan.interleaving is not None
    groups = plan.interleaving.groups
    for number, cells in enumerate(groups):
        own = [session for session in design.sessions if (session.participant - 1) % len(groups) == number]
        counts = Counter((str(trial.unit.unit), _cell(trial, plan)) for session in own for trial in mains(session))
        if fault := _uneven(counts, [(str(unit.unit), cell) for unit in plan.interleaving.units for cell in cells]):
            often, seldom = fault
            yield (
                f"{counts[often]} participants see {often[0]} with {_told(often[1], plan)} while {counts[seldom]} see "
                f"{seldom[0]} with {_told(seldom[1], plan)}"
            )


def batches_are_used_evenly_with_every_unit(design: Design, plan: Plan, _pictures: Pictures) -> Iterator[str]:
    """In each of its cells; where units come twice, the second showing may be a batch ahead."""
    assert plan.interleaving is not None
    mixed = plan.interleaving
    used: dict[tuple[str, Cell], Counter[int]] = defaultdict(Counter)
    for session in design.sessions:
        for trial in mains(session):
            used[str(trial.unit.unit), _cell(trial, plan)][trial.batch] += 1
    for (unit, cell), counts in used.items():
        if foreign := sorted(set(counts) - set(mixed.batches)):
            yield f"main trials of {unit} show batch {foreign[0]}, which is reserved for practice and catch trials"
        elif fault := _uneven(counts, mixed.batches, most=mixed.showings):
            often, seldom = fault
            where = f"of {unit} with {_told(cell, plan)}"
            yield f"{counts[often]} participants have batch {often} {where} while {counts[seldom]} have batch {seldom}"


INTERLEAVED = (
    participants_have_as_many_trials_as_planned,
    units_come_once,
    participants_see_their_cells_equally_often,
    units_are_seen_equally_often_in_all_cells,
    batches_are_used_evenly_with_every_unit,
)


def _cell(trial: Trial, plan: Plan) -> Cell:
    scheme = [scheme.name for scheme in plan.schemes].index(trial.scheme)
    return Cell(trial.condition, scheme, trial.difficulty)


def _told(cell: Cell, plan: Plan) -> str:
    scheme = f"{plan.schemes[cell.scheme].name} " if len(plan.schemes) > 1 else ""
    return f"{cell.method} {scheme}at {cell.difficulty}"


def _uneven(counts: Mapping[Any, int], keys: Sequence[Any], most: int = 1) -> tuple[Any, Any] | None:
    """The keys with the largest and the smallest count, if these differ by more than `most`."""
    often, seldom = (of(keys, key=lambda key: counts.get(key, 0)) for of in (max, min))
    return (often, seldom) if counts.get(often, 0) - counts.get(seldom, 0) > most else None
