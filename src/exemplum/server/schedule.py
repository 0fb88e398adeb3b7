"""A session's schedule in the database: its steps as JSON and its trials as rows, made from the design at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session as Orm

from exemplum.records import Block, ReferenceSet, Session, Side, StudyUnit, Trial, TrialKind, Unit
from exemplum.server.rehearsal import Item
from exemplum.server.schema import Base, SessionRow, TrialRow

KEEP = insert(Base.metadata.tables["trials"])
Step = dict[str, Any]
Shown = tuple[Trial, dict[str, Any]]  # a trial and its encoded images by place on the screen
Names = Mapping[str, str]  # path in the study folder → name in the image store


def steps_before(fields: list[dict[str, Any]]) -> list[Step]:
    """Steps that need no schedule: it is made when the last of them is done, so that who says no takes no place."""
    form: list[Step] = [{"kind": "form", "form": "demographics", "fields": fields}] if fields else []
    return [{"kind": "consent"}, *form]


def steps_after(
    session: Session,
    examples: Iterable[Trial],
    items: Iterable[Item],
    phases: Iterable[str],
    comment: dict[str, Any],
    names: Names,
) -> list[Step]:
    """The rest: check, instructions, intuitiveness, blocks with breaks, intuitiveness again, debrief."""
    methods = list(dict.fromkeys(block.condition for block in session.blocks))
    rating = [
        {"item": key(), "unit": item.unit,
         "pictures": [{"condition": method, "images": [names[path] for path in paths]}
                      for method, paths in item.pictures]}
        for item in items
    ]  # fmt: skip
    rated: dict[str, list[Step]] = {
        phase: [{"kind": "intuitiveness", "phase": phase, "items": [one | {"item": key()} for one in rating]}]
        for phase in phases
        if rating
    }
    shown: list[Step] = [
        {"condition": trial.condition, "solution": trial.max_side.value, "pictures": pictures_of(trial, names)}
        for trial in examples
    ]
    blocks = [step for number, block in enumerate(session.blocks, 1) for step in _block_steps(block, number)]
    return [
        {"kind": "check"},
        {"kind": "instructions", "conditions": methods, "examples": shown},
        *rated.get("before", []),
        *blocks,
        *rated.get("after", []),
        {"kind": "debrief", "fields": [comment]},
    ]


def _block_steps(block: Block, number: int) -> list[Step]:
    about = {
        "block": block.block, "number": number, "type": block.kind.value, "phase": block.phase,
        "practice": block.kind is TrialKind.PRACTICE, "scheme": block.scheme,
        "condition": block.condition, "repeats": block.repeats, "round": 1,
    }  # fmt: skip
    return [{"kind": "block", **about}, {"kind": "break", **about}]


def place(orm: Orm, row: SessionRow, blocks: Iterable[tuple[int, Iterable[Shown]]], began: int) -> None:
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
    """The session of the design that was shown, from what is stored: the study folder may have moved on since."""
    first = [trial_of(trial.spec) for trial in trials if trial.round == 1]
    blocks = {step["block"]: step for step in row.steps if step["kind"] == "block" and step["round"] == 1}
    assert row.slot is not None
    return Session(row.slot, tuple(
        Block(row.slot, number, TrialKind(about["type"]), about["condition"], about["phase"], about["scheme"],
              tuple(trial for trial in first if trial.block == number), about["repeats"])
        for number, about in blocks.items()
    ))  # fmt: skip


def show_again(orm: Orm, row: SessionRow, step: int) -> None:
    """Put another round of the practice block at `step`, whose break is just over, behind that break."""
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
    """Move later trials on. Over negative positions, since each position is unique at every moment."""
    later = TrialRow.session_id == session_id
    orm.execute(
        update(TrialRow)
        .where(later, TrialRow.position > after)
        .values(position=-(TrialRow.position + trials), step=TrialRow.step + steps)
    )
    orm.execute(update(TrialRow).where(later, TrialRow.position < 0).values(position=-TrialRow.position))


def pictures_of(trial: Trial, names: Names) -> dict[str, Any]:
    """Encoded images of a trial by place on the screen: minimal references stand left, maximal ones right."""
    return {
        "left": [names[path] for path in trial.references.min],
        "right": [names[path] for path in trial.references.max],
        "top": names[trial.queries[Side.TOP]],
        "bottom": names[trial.queries[Side.BOTTOM]],
    }


def turned(pictures: dict[str, Any], first: Trial, again: Trial) -> dict[str, Any]:
    """A first showing's images for a repeated trial, whose queries may have changed sides."""
    if first.max_side is again.max_side:
        return pictures
    return {**pictures, "top": pictures["bottom"], "bottom": pictures["top"]}


def spec_of(trial: Trial) -> dict[str, Any]:
    """A trial as JSON; `asdict` would take as long as all the rest of an assignment."""
    unit = vars(trial.unit) | {"unit": vars(trial.unit.unit)}
    return vars(trial) | {"unit": unit, "references": vars(trial.references)}


def trial_of(spec: dict[str, Any]) -> Trial:
    """The record that `spec_of` took apart."""
    unit = spec["unit"]
    return Trial(**spec | {
        "kind": TrialKind(spec["kind"]), "max_side": Side(spec["max_side"]),
        "unit": StudyUnit(**unit | {"unit": Unit(**unit["unit"])}),
        "references": ReferenceSet(tuple(spec["references"]["max"]), tuple(spec["references"]["min"])),
    })  # fmt: skip


def key() -> str:
    """An opaque name of 22 characters."""
    return secrets.token_urlsafe(16)
