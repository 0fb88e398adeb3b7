"""The state of a session as sent to the page: the next step, without anything that reveals answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session as Orm

from exemplum.records import TrialKind
from exemplum.server import PaySection
from exemplum.server.experiment import Experiment
from exemplum.server.pages.images import image_url
from exemplum.server.storage.schema import Answer, Participant, SessionRow, TrialRow

PLACES = ("left", "right")
QUERIES = ("top", "bottom")
RATING = (-100, 100)


def state(orm: Orm, experiment: Experiment, row: SessionRow) -> dict[str, Any]:
    """The state as JSON; docs/reference/server-api.md describes each kind of step."""
    pilot = orm.scalar(select(Participant.pilot).where(Participant.id == row.participant_id))
    return {
        "study": {"title": experiment.config.title},
        "language": row.language,
        "pilot": bool(pilot),
        "progress": {
            "answered": row.answered, "total": row.total,
            "step": min(row.step, len(row.steps)), "steps": len(row.steps),
        },
        "step": step(orm, experiment, row),
    }  # fmt: skip


def step_id(position: int) -> str:
    return f"s{position:02d}"


def step(orm: Orm, experiment: Experiment, row: SessionRow) -> dict[str, Any]:
    """The current step."""
    if row.status != "active":
        return _finished(experiment, row)
    current = row.steps[row.step]
    head = {"id": step_id(row.step), "kind": current["kind"]}
    match current["kind"]:
        case "consent":
            return head | {"minutes": experiment.config.minutes, "pay": _pay(experiment.config.pay)}
        case "form":
            return head | {"form": current["form"], "fields": current["fields"]}
        case "check":
            said = experiment.config
            return head | {"min_width": said.min_width, "min_height": said.min_height, "fullscreen": said.fullscreen}
        case "instructions":
            return head | _instructions(experiment, row, current)
        case "comprehension":
            return head | {"fields": current["fields"], "round": current["round"]}
        case "intuitiveness":
            return head | _rating(experiment, row, current)
        case "block":
            return head | _block(orm, experiment, row, current)
        case "break":
            return head | _break(orm, experiment, row, current)
        case "debrief":
            return head | {"fields": current["fields"], "score": score(orm, row)}
    return head


def score(orm: Orm, row: SessionRow, step: int | None = None) -> dict[str, int]:
    """Numbers of right answers and of trials, of the session without its practice or of the block at one step."""
    chosen = select(func.count(Answer.id), func.count(Answer.id).filter(Answer.correct)).join(
        TrialRow, TrialRow.id == Answer.trial_id
    )
    chosen = chosen.where(Answer.session_id == row.id)
    chosen = chosen.where(TrialRow.kind != TrialKind.PRACTICE if step is None else TrialRow.step == step)
    trials, correct = orm.execute(chosen).one()
    return {"correct": correct, "trials": trials}


def must_practise_again(orm: Orm, experiment: Experiment, row: SessionRow, current: dict[str, Any]) -> bool:
    """Whether the practice block before the current break is shown again."""
    said = experiment.config
    if not current["practice"] or current["round"] >= said.practice_rounds:
        return False
    done = score(orm, row, row.step - 1)
    return done["correct"] < said.practice_pass * done["trials"]


def trials_at(orm: Orm, row: SessionRow, position: int) -> Sequence[TrialRow]:
    return orm.scalars(
        select(TrialRow).where(TrialRow.session_id == row.id, TrialRow.step == position).order_by(TrialRow.position)
    ).all()


def _finished(experiment: Experiment, row: SessionRow) -> dict[str, Any]:
    redirect = filled(getattr(experiment.config.redirects, row.outcome, ""), row.params)
    return {
        "id": "end", "kind": "finished", "outcome": row.outcome, "code": row.code, "redirect": redirect,
        "answered": row.answered,
    }  # fmt: skip


def filled(address: str, params: Mapping[str, str]) -> str:
    """An address of [server.redirects] with the parameters of a participant's link.

    >>> filled("https://panel.example/done?code={survey_code}", {"survey_code": "88 1"})
    'https://panel.example/done?code=88%201'
    """
    for name, value in params.items():
        address = address.replace("{" + name + "}", quote(value, safe=""))
    return address


def _pay(said: PaySection) -> dict[str, Any] | None:
    """What participants are told that they get; None where study.toml does not say."""
    if said.amount is None and said.bonus == "none":
        return None
    return {
        "amount": said.amount or 0, "currency": said.currency, "bonus": said.bonus, "bonus_amount": said.bonus_amount,
        "bonus_from": said.bonus_from,
    }  # fmt: skip


def _instructions(experiment: Experiment, row: SessionRow, current: dict[str, Any]) -> dict[str, Any]:
    return {
        "conditions": current["conditions"], "examples": _examples(experiment, row, current),
        # sessions begun under an earlier version lack these
        "round": current.get("round", 1), "missed": current.get("missed", []),
        "course": {
            "blocks": len(_blocks(row)), "trials": row.total, "minutes": experiment.config.minutes,
            "practice": current.get("practice", True), "bonus": experiment.config.pay.bonus == "accuracy",
        },
    }  # fmt: skip


def _examples(experiment: Experiment, row: SessionRow, current: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"condition": example["condition"], **_shown(experiment, row, f"{row.step}.{n}", example["pictures"]),
         "layout": _layout([example["pictures"]]), "solution": example["solution"],
         "alike": example.get("alike", False)}
        for n, example in enumerate(current["examples"])
    ]  # fmt: skip


def _rating(experiment: Experiment, row: SessionRow, current: dict[str, Any]) -> dict[str, Any]:
    items = [
        {"item": item["item"], "pictures": [
            {"condition": shown["condition"],
             "images": [image_url(experiment.secret, row.image_ref, f"{row.step}.{n}.{m}.{k}", picture)
                        for k, picture in enumerate(shown["images"])]}
            for m, shown in enumerate(item["pictures"])]}
        for n, item in enumerate(current["items"])
    ]  # fmt: skip
    return {"phase": current["phase"], "items": items, "min": RATING[0], "max": RATING[1]}


def _block(orm: Orm, experiment: Experiment, row: SessionRow, current: dict[str, Any]) -> dict[str, Any]:
    trials = trials_at(orm, row, row.step)
    shown = [{"trial": t.key, **_shown(experiment, row, f"t{t.id}", t.pictures)} for t in trials]
    answered = row.answered - trials[0].position
    wanted = [url for trial in shown[answered:] for url in _urls(trial)]
    # A separate random order: that of the trials, or references before queries, would reveal what belongs together.
    order = np.random.default_rng([row.seed, row.step]).permutation(len(wanted))
    return {
        **_announced(row, current),
        "layout": _layout([trial.pictures for trial in trials]),
        "answered": answered,
        "trials": shown,
        "images": [wanted[n] for n in order],
    }


def _break(orm: Orm, experiment: Experiment, row: SessionRow, current: dict[str, Any]) -> dict[str, Any]:
    announced = _announced(row, current)
    announced.pop("condition")
    last = not any(later["kind"] == "block" for later in row.steps[row.step + 1 :])
    return {
        **announced, "score": score(orm, row, row.step - 1), "last": last,
        "again": must_practise_again(orm, experiment, row, current),
        "min_ms": 0 if last else round(experiment.config.break_s * 1000),
    }  # fmt: skip


def _announced(row: SessionRow, current: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": current["number"], "of": len(_blocks(row)), "practice": current["practice"],
        "condition": current["condition"], "round": current["round"],
    }  # fmt: skip


def _blocks(row: SessionRow) -> set[int]:
    """Numbers of the session's blocks."""
    return {step["number"] for step in row.steps if step["kind"] == "block"}


def _shown(experiment: Experiment, row: SessionRow, slot: str, pictures: dict[str, Any]) -> dict[str, Any]:
    """URLs by place on the screen; each showing has new names."""

    def url(place: str, picture: str) -> str:
        return image_url(experiment.secret, row.image_ref, f"{slot}.{place}", picture)

    return {
        "references": {side: [url(f"{side}{n}", p) for n, p in enumerate(pictures[side])] for side in PLACES},
        "queries": {place: url(place, pictures[place]) for place in QUERIES},
    }


def _urls(shown: dict[str, Any]) -> list[str]:
    return [*shown["references"]["left"], *shown["references"]["right"], *shown["queries"].values()]


def _layout(pictures: list[dict[str, Any]]) -> dict[str, int]:
    return {side: max(len(of_trial[side]) for of_trial in pictures) for side in PLACES}
