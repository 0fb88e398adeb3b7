"""A session's schedule: steps as JSON, trials as rows of the database, examples and rating items."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session as Orm

from exemplum.design import generator, shuffled
from exemplum.records import Block, Design, ReferenceSet, Session, Side, StudyUnit, Trial, TrialKind, Unit
from exemplum.server.sessions import comprehension
from exemplum.server.sessions.worked_examples import WorkedExamples
from exemplum.server.storage.schema import Base, SessionRow, TrialRow

KEEP = insert(Base.metadata.tables["trials"])
Step = dict[str, Any]
ShownTrial = tuple[Trial, dict[str, Any]]  # a trial and its encoded images by place on the screen
Names = Mapping[str, str]  # path in the study folder → name in the image store


def steps_before(fields: list[dict[str, Any]]) -> list[Step]:
    """Steps before the schedule is made, so that a participant who refuses consent takes no place in the design."""
    form: list[Step] = [{"kind": "form", "form": "demographics", "fields": fields}] if fields else []
    return [{"kind": "consent"}, *form]


def steps_after(
    session: Session,
    material: Rehearsal,
    phases: Iterable[str],
    comment: dict[str, Any],
    names: Names,
    *,
    comprehension_check: bool = False,
) -> list[Step]:
    """The rest: check, instructions, intuitiveness, blocks with breaks, intuitiveness again, debrief."""
    rating = [
        {"item": key(), "unit": item.unit,
         "pictures": [{"condition": method, "images": [names[path] for path in paths]}
                      for method, paths in item.pictures]}
        for item in material.items
    ]  # fmt: skip
    rated: dict[str, list[Step]] = {
        phase: [{"kind": "intuitiveness", "phase": phase, "items": [one | {"item": key()} for one in rating]}]
        for phase in phases
        if rating
    }
    blocks = [step for number, block in enumerate(session.blocks, 1) for step in _block_steps(block, number)]
    return [
        {"kind": "check"},
        *_instructions(session, material, names, comprehension_check),
        *rated.get("before", []),
        *blocks,
        *rated.get("after", []),
        {"kind": "debrief", "fields": [comment]},
    ]


def _instructions(session: Session, material: Rehearsal, names: Names, check: bool) -> list[Step]:
    examples = material.examples.of(session)
    step: Step = {
        "kind": "instructions",
        "conditions": list(dict.fromkeys(trial.condition for trial in session.trials)),
        "practice": any(block.kind is TrialKind.PRACTICE for block in session.blocks),
        "examples": [
            {"condition": trial.condition, "solution": trial.max_side.value, "alike": material.examples.is_alike(trial),
             "pictures": pictures_of(trial, names)}
            for trial in examples
        ],
    }  # fmt: skip
    # without references there is nothing that the check could ask about
    return comprehension.steps(step) if check and examples else [step]


def _block_steps(block: Block, number: int) -> list[Step]:
    about = {
        "block": block.block, "number": number, "type": block.kind.value, "phase": block.phase,
        "practice": block.kind is TrialKind.PRACTICE, "scheme": block.scheme,
        "condition": block.condition, "repeats": block.repeats, "round": 1,
    }  # fmt: skip
    return [{"kind": "block", **about}, {"kind": "break", **about}]


def place(orm: Orm, row: SessionRow, blocks: Iterable[tuple[int, Iterable[ShownTrial]]], began: int) -> None:
    """Write the trials of blocks, given with the position of their step, as rows from position `began` on."""
    rows: list[dict[str, Any]] = []
    for step, trials in blocks:
        trials = list(trials)
        for number, (trial, pictures) in enumerate(trials):
            rows.append({
                "session_id": row.id, "position": began + len(rows), "step": step, "last": number == len(trials) - 1,
                "key": key(), "trial_id": trial.trial_id, "round": 1, "kind": trial.kind.value,
                "condition": trial.condition, "max_side": trial.max_side.value, "spec": spec_of(trial),
                "pictures": pictures,
            })  # fmt: skip
    if rows:
        orm.connection().execute(KEEP, rows)


def session_of(row: SessionRow, trials: Iterable[TrialRow]) -> Session:
    """The session as it was shown, from the database: the study folder may have changed since."""
    first = [trial_of(trial.spec) for trial in trials if trial.round == 1]
    blocks = {step["block"]: step for step in row.steps if step["kind"] == "block" and step["round"] == 1}
    assert row.slot is not None
    return Session(row.slot, tuple(
        Block(row.slot, number, TrialKind(about["type"]), about["condition"], about["phase"], about["scheme"],
              tuple(trial for trial in first if trial.block == number), about["repeats"])
        for number, about in blocks.items()
    ))  # fmt: skip


def show_again(orm: Orm, row: SessionRow, step: int) -> None:
    """Insert another round of the practice block at `step` after its break, which has just ended."""
    block: Step = {**row.steps[step], "round": row.steps[step]["round"] + 1}
    trials = orm.scalars(
        select(TrialRow).where(TrialRow.session_id == row.id, TrialRow.step == step).order_by(TrialRow.position)
    ).all()
    _make_room(orm, row.id, after=trials[-1].position, trials=len(trials), steps=2)
    row.steps = [*row.steps[: step + 2], block, {**block, "kind": "break"}, *row.steps[step + 2 :]]
    row.total += len(trials)
    began = trials[-1].position + 1
    again = [
        {"session_id": row.id, "position": began + n, "step": step + 2, "last": t.last, "key": key(),
         "trial_id": f"{t.trial_id.partition('~')[0]}~{block['round']}", "round": block["round"], "kind": t.kind,
         "condition": t.condition, "max_side": t.max_side, "spec": t.spec, "pictures": t.pictures}
        for n, t in enumerate(trials)
    ]  # fmt: skip
    orm.connection().execute(KEEP, again)


def _make_room(orm: Orm, session_id: int, after: int, trials: int, steps: int) -> None:
    """Shift the positions of later trials, via negative ones, since positions must be unique at every moment."""
    later = TrialRow.session_id == session_id
    orm.execute(
        update(TrialRow)
        .where(later, TrialRow.position > after)
        .values(position=-(TrialRow.position + trials), step=TrialRow.step + steps)
    )
    orm.execute(update(TrialRow).where(later, TrialRow.position < 0).values(position=-TrialRow.position))


def pictures_of(trial: Trial, names: Names) -> dict[str, Any]:
    """Encoded images of a trial by place on the screen: minimal references on the left, maximal ones on the right."""
    return {
        "left": [names[path] for path in trial.references.min],
        "right": [names[path] for path in trial.references.max],
        "top": names[trial.queries[Side.TOP]],
        "bottom": names[trial.queries[Side.BOTTOM]],
    }


def turned(pictures: dict[str, Any], first: Trial, again: Trial) -> dict[str, Any]:
    """The images of a repeated trial from its first showing; the queries may have changed sides."""
    if first.max_side is again.max_side:
        return pictures
    return {**pictures, "top": pictures["bottom"], "bottom": pictures["top"]}


def spec_of(trial: Trial) -> dict[str, Any]:
    """A trial as JSON; `asdict` would take as long as the rest of an assignment."""
    unit = vars(trial.unit) | {"unit": vars(trial.unit.unit)}
    return vars(trial) | {"unit": unit, "references": vars(trial.references)}


def trial_of(spec: dict[str, Any]) -> Trial:
    """The trial that `spec_of` converted."""
    unit = spec["unit"]
    return Trial(**spec | {
        "kind": TrialKind(spec["kind"]), "max_side": Side(spec["max_side"]),
        "unit": StudyUnit(**unit | {"unit": Unit(**unit["unit"])}),
        "references": ReferenceSet(tuple(spec["references"]["max"]), tuple(spec["references"]["min"])),
    })  # fmt: skip


def key() -> str:
    """An opaque name of 22 characters."""
    return secrets.token_urlsafe(16)


MOST = 9  # pictures per method in one item
DRAW = 2  # spawn key: independent of the draws that made the design


@dataclass(frozen=True)
class Item:
    """One unit's pictures by two methods; a slider rates how intuitive the first is compared with the second."""

    unit: str
    pictures: tuple[tuple[str, tuple[str, ...]], ...]  # (method, paths), the baseline last


@dataclass(frozen=True)
class Rehearsal:
    """What comes before the trials: worked examples, and items to rate."""

    examples: WorkedExamples
    items: tuple[Item, ...]

    @property
    def paths(self) -> set[str]:
        """Images that the items need in addition to those of the trials."""
        return {path for item in self.items for _, paths in item.pictures for path in paths}


def rehearsal(design: Design, examples: WorkedExamples, units: int, baseline: str) -> Rehearsal:
    """Worked examples, and `units` units to rate for each method against the baseline."""
    return Rehearsal(examples, tuple(_items(design, units, baseline)))


def _items(design: Design, units: int, baseline: str) -> Iterator[Item]:
    """Items of practice units only: rating a unit of the main trials would teach it."""
    shown: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for trial in design.trials:
        if trial.unit.role == "practice" and trial.references.max:
            known = shown[str(trial.unit.unit)].get(trial.condition, ())
            if len(trial.references.max) > len(known):
                shown[str(trial.unit.unit)][trial.condition] = trial.references.max[:MOST]
    methods = sorted({method for of_unit in shown.values() for method in of_unit})
    if baseline not in methods:
        return
    for method in (m for m in methods if m != baseline):
        both = sorted(unit for unit, of_unit in shown.items() if method in of_unit and baseline in of_unit)
        for unit in shuffled(both, generator(design.seed, 0, DRAW))[:units]:
            yield Item(unit, ((method, shown[unit][method]), (baseline, shown[unit][baseline])))
