"""A session as its participant sees it, page by page, for the experimenter. Nothing of it is written to the database.

A preview of a place in the design is a session in a database in memory, made by the code that makes every session. A
participant's session is read. Neither shows an answer or a score of a person: scores on breaks are examples, since a
block announces its condition, and its score would be accuracy by condition.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Orm, make_transient

from exemplum.records import TrialKind
from exemplum.server.experiment import Experiment
from exemplum.server.live.links import possible_outcomes
from exemplum.server.requests import ApiError
from exemplum.server.sessions import entry, steps, withdrawal
from exemplum.server.sessions.state import state
from exemplum.server.sessions.steps import WITHOUT_CODE, code_of
from exemplum.server.storage.database import in_memory
from exemplum.server.storage.schema import Answer, Participant, SessionRow, StudyRow, StudyVersion, TrialRow
from exemplum.server.storage.tables import label

State = dict[str, Any]
EXAMPLE_SHARE = 0.8  # of right answers, in the scores of a preview
EXAMPLE_CODE = "EXAMPLE234"  # also for declared ones, which pay: the PDF leaves the laboratory
# Reasons why the server refuses somebody that every study has
REFUSALS = ("closed", "already_done", "already_started", "bad_link", "unfilled_link", "small_screen")


@dataclass(frozen=True)
class SessionPreview:
    """All pages of one session."""

    label: str  # P0007, or schedule 3
    language: str
    pilot: bool
    states: list[State]  # as sent to the participant's page at each step; blocks with all their trials
    endings: list[State]  # by outcome
    truth: dict[str, dict[str, str]]  # by key of the trial
    missing: int  # blocks whose trials are not chosen yet

    def plan(self, experiment: Experiment, truth: bool) -> dict[str, Any]:
        """The preview as JSON (docs/reference/server-api.md); without its truth unless that is asked for."""
        return {
            "language": self.language, "again": experiment.settings.lab or self.pilot, "states": self.states,
            "endings": self.endings, "refusals": list(REFUSALS), "truth": self.truth if truth else {},
            "label": self.label, "missing": self.missing,
        }  # fmt: skip


def of_session(orm: Orm, experiment: Experiment, key: str, language: str = "") -> SessionPreview:
    """A participant's session, by its key. `orm` is a reading session. Raises ApiError not_found."""
    row = row_of(orm, experiment, key)
    return _preview(orm, experiment, row, language, label(row))


def row_of(orm: Orm, experiment: Experiment, key: str) -> SessionRow:
    """The session with this key. Raises ApiError not_found."""
    row = withdrawal.session_of_key(orm, experiment, key)
    if row is None:
        raise ApiError("not_found", withdrawal.GONE)
    return row


def of_place(experiment: Experiment, place: int, language: str = "") -> SessionPreview:
    """A session that nobody has, with a place of the design, from 1; repeated trials follow from imagined answers.

    Raises ApiError not_found.
    """
    places = len(experiment.design.sessions)
    if not 1 <= place <= places:
        raise ApiError("not_found", f"there is no schedule {place}; the design has 1 to {places}")
    with experiment.database.read() as orm:
        version = orm.get_one(StudyVersion, experiment.version_id)
        study = orm.get_one(StudyRow, experiment.study_id)
        orm.expunge_all()
    imagined = replace(experiment, settings=replace(experiment.settings, lab=True))
    with in_memory() as orm:
        for held in (study, version):
            make_transient(held)
            orm.add(held)
        study.recruitment = "open"
        orm.flush()
        # in the lab the number that is typed is the place
        wish = entry.EntryRequest(secrets.token_urlsafe(16), {}, str(place), language, {}, "")
        row = orm.get_one(SessionRow, entry.begin(orm, imagined, wish).session_id)
        steps.assign(orm, imagined, row, orm.get_one(Participant, row.participant_id))
        orm.flush()
        _imagine_answers(orm, row)
        return _preview(orm, experiment, row, language, f"schedule {place}")


def _imagine_answers(orm: Orm, row: SessionRow) -> None:
    """Answers to all main trials, so that the repeated ones can be chosen."""
    trials = orm.scalars(select(TrialRow).where(TrialRow.session_id == row.id, TrialRow.kind == TrialKind.MAIN.value))
    for trial in trials.all():
        orm.add(Answer(
            session_id=row.id, trial_id=trial.id, key=trial.key, choice=trial.max_side, correct=True, confidence=2,
            rt_ms=0, shown_at=0, frame_ms=0, frames_late=0, hidden_ms=0, blurs=0, input="simulated", attempt=1,
            received_at=0,
        ))  # fmt: skip
    orm.flush()
    repeated = [at for at, step in enumerate(row.steps) if step["kind"] == "block" and step["repeats"]]
    if repeated:
        row.step = repeated[0]
        steps.choose_repeated(orm, row)
        orm.flush()


def _preview(orm: Orm, experiment: Experiment, row: SessionRow, language: str, name: str) -> SessionPreview:
    trials = orm.scalars(select(TrialRow).where(TrialRow.session_id == row.id).order_by(TrialRow.position)).all()
    pilot = bool(orm.scalar(select(Participant.pilot).where(Participant.id == row.participant_id)))
    make_transient(row)  # what is changed below is the preview's alone
    if language in experiment.config.languages:
        row.language = language
    ended = {"status": row.status, "outcome": row.outcome, "code": row.code}
    row.status = "active"
    states, missing = [], 0
    for at, step in enumerate(row.steps):
        before = sum(trial.step < at for trial in trials)
        of_step = sum(trial.step == at - (step["kind"] == "break") for trial in trials)
        if not of_step and step["kind"] in ("block", "break"):
            missing += step["kind"] == "block"
            continue
        row.step, row.answered = at, before
        states.append(_with_example_score(state(orm, experiment, row), row.steps, at, of_step or len(trials)))
    row.step = len(row.steps)
    if ended["status"] != "active":
        states.append(_ending(orm, experiment, row, ended["outcome"], ended["code"]))
    endings = [
        _ending(orm, experiment, row, outcome, code_of(experiment, outcome, lambda: EXAMPLE_CODE) and EXAMPLE_CODE)
        for outcome in possible_outcomes(experiment.study)
    ]
    return SessionPreview(name, row.language, pilot, states, endings, _truth(trials), missing)


def _with_example_score(now: State, schedule: Sequence[dict[str, Any]], at: int, trials: int) -> State:
    step = now["step"]
    if step.get("score"):
        step["score"] = {"correct": round(EXAMPLE_SHARE * trials), "trials": trials}
    if step["kind"] == "break":
        follows = schedule[at + 1]
        step["again"] = follows["kind"] == "block" and follows["number"] == step["number"]
    return now


def _ending(orm: Orm, experiment: Experiment, row: SessionRow, outcome: str, code: str) -> State:
    row.status, row.outcome, row.code = "finished", outcome, code
    row.answered = 0 if outcome in WITHOUT_CODE else row.total
    return state(orm, experiment, row)


def _truth(trials: Sequence[TrialRow]) -> dict[str, dict[str, str]]:
    """What each trial shows and tests, in words."""
    return {
        trial.key: {
            "solution": trial.max_side, "kind": trial.kind, "condition": trial.condition,
            "scheme": trial.spec["scheme"], "difficulty": trial.spec.get("difficulty") or "",
            "unit": f"{trial.spec['unit']['unit']['layer']}:{trial.spec['unit']['unit']['channel']}",
            "trial": trial.trial_id,
        }
        for trial in trials
    }  # fmt: skip
