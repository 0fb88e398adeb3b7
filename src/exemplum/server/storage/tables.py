"""Sessions of the database as tables; the tables of people in responses/ are never overwritten with fewer rows."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from filelock import FileLock
from sqlalchemy import Row, Select, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session as Orm

from exemplum.errors import UserError
from exemplum.records import Response, Side, Viewing
from exemplum.responses import FINISHED, rows_of
from exemplum.server.sessions import comprehension, durations
from exemplum.server.sessions.schedule import trial_of
from exemplum.server.storage.schema import Answer, Audit, Participant, SessionRow, StepRecord, StudyVersion, TrialRow
from exemplum.store import Table, digest
from exemplum.study import Study, stamped
from exemplum.tables import PEOPLE, RATINGS, RESPONSES

OBSERVER = "participants"
PHASES = {"before": "pre", "after": "post"}
NAN = float("nan")
AT_ONCE = 50  # sessions that become one frame, since 1,000 frames of one session each take half of all time
T = TypeVar("T")
Chosen = TypeVar("Chosen", bound=Select[*tuple[Any, ...]])
log = logging.getLogger("exemplum.server")
Member = tuple[SessionRow, Participant]


def members(
    orm: Orm,
    study_id: int,
    *,
    pilot: bool | None = False,
    finished: bool = False,
    only: Collection[int] | None = None,
) -> list[Member]:
    """Sessions with their participants, in the order of entry; `pilot` None for all, `only` these ids if given."""
    chosen = _entered(select(SessionRow, Participant), study_id, pilot, finished)
    if only is not None:
        chosen = chosen.where(SessionRow.id.in_(only))
    return [(row, participant) for row, participant in orm.execute(chosen)]


def _entered(selected: Chosen, study_id: int, pilot: bool | None, finished: bool) -> Chosen:
    """What is selected of sessions and their participants, of those who did not withdraw, in the order of entry."""
    chosen = selected.join(Participant, Participant.id == SessionRow.participant_id)
    chosen = chosen.where(Participant.study_id == study_id, Participant.withdrawn_at.is_(None))
    if pilot is not None:
        chosen = chosen.where(Participant.pilot == pilot)
    if finished:
        chosen = chosen.where(SessionRow.outcome.in_(FINISHED))
    return chosen.order_by(SessionRow.id)


def finished_states(orm: Orm, study_id: int) -> dict[str, str]:
    """The sessions of `members(…, finished=True)` by label, each with a hash of what its rows are made of.

    Reads no answers: they are never changed, so their number is enough.
    """
    count = func.count().label("answers")
    answers = select(Answer.session_id, count).group_by(Answer.session_id).subquery()
    made_of = select(
        SessionRow.id, SessionRow.version_id, SessionRow.slot, SessionRow.finished_at, Participant.group,
        answers.c.answers,
    ).select_from(SessionRow).outerjoin(answers, answers.c.session_id == SessionRow.id)  # fmt: skip
    found = orm.execute(_entered(made_of, study_id, pilot=False, finished=True))
    return {label_of(row.id): digest(*row) for row in found}


def label(row: SessionRow) -> str:
    """A participant's name in tables, without information about the person."""
    return label_of(row.id)


def label_of(session_id: int) -> str:
    return f"P{session_id:04d}"


def session_of(label: str) -> int:
    """The session's id of a label, as `label_of` makes it."""
    return int(label.removeprefix("P"))


def readable(of: list[Member], make: Callable[[list[Member]], T]) -> tuple[T, list[dict[str, str]]]:
    """The tables of all readable sessions; and the unreadable ones, with the reason.

    One broken row of an old database must not make all other data inaccessible.
    """
    try:
        return make(of), []
    except SQLAlchemyError:  # the database itself
        raise
    except Exception:
        log.exception("a session cannot be read")
    good, problems = [], []
    for member in of:
        try:
            make([member])
            good.append(member)
        except SQLAlchemyError:
            raise
        except Exception as error:
            said = {"problem": type(error).__name__, "detail": str(error)}
            problems.append({"participant": label(member[0])} | said)
    return make(good), problems


def responses(orm: Orm, of: Iterable[Member]) -> pd.DataFrame:
    """RESPONSES rows of these sessions; rounds of practice after the first end in ~2, ~3."""
    members = iter(of)
    some = iter(lambda: list(islice(members, AT_ONCE)), [])
    return RESPONSES.concat(
        RESPONSES.frame(chain.from_iterable(_answers(orm, row, participant) for row, participant in members))
        for members in some
    )


def people(orm: Orm, of: Iterable[Member]) -> pd.DataFrame:
    """PEOPLE rows of these sessions."""
    return PEOPLE.frame(_person(orm, row, participant) for row, participant in of)


def ratings(orm: Orm, of: Iterable[Member]) -> pd.DataFrame:
    """RATINGS rows of these sessions."""
    return RATINGS.frame(rating for row, participant in of for rating in _ratings(orm, row, participant))


VIEWED = [field.name for field in fields(Viewing)]
# columns, not whole rows: objects of 200,000 rows take as long to make as all the rest
ANSWERED = select(
    TrialRow.spec, TrialRow.trial_id, TrialRow.position, Answer.choice, Answer.confidence, Answer.rt_ms,
    *(getattr(Answer, name) for name in VIEWED),
).join(Answer, Answer.trial_id == TrialRow.id)  # fmt: skip


def _answers(orm: Orm, row: SessionRow, participant: Participant) -> Iterator[dict[str, Any]]:
    answered = orm.execute(ANSWERED.where(TrialRow.session_id == row.id).order_by(TrialRow.position)).all()
    given = [
        Response(answer.trial_id, OBSERVER, Side(answer.choice), answer.confidence, answer.rt_ms, _viewing(answer))
        for answer in answered
    ]
    return rows_of(
        [replace(trial_of(trial.spec), trial_id=trial.trial_id, index=trial.position) for trial in answered], given,
        experiment=protocol(orm, row), observer_kind="person", participant=label(row), expertise=participant.group,
    )  # fmt: skip


def _viewing(answer: Row[Any]) -> Viewing:
    """How the trial of an answer was shown."""
    measured = {name: getattr(answer, name) for name in VIEWED}
    return Viewing(**measured | {"frame_ms": answer.frame_ms or None})  # 0: fewer than two frames were drawn


def _person(orm: Orm, row: SessionRow, participant: Participant) -> dict[str, Any]:
    done = orm.scalars(select(StepRecord).where(StepRecord.session_id == row.id).order_by(StepRecord.position)).all()
    asked = next((step.data for step in done if step.kind == "form"), {})
    instructed = durations.instructed_ms(done)
    answered = orm.execute(select(Answer.shown_at, Answer.rt_ms).where(Answer.session_id == row.id))
    span = durations.span((shown, rt) for shown, rt in answered)
    return {
        "experiment": protocol(orm, row), "observer": OBSERVER, "participant": label(row),
        "expertise": participant.group, "place": row.slot or 0,
        "instruction_time_s": NAN if instructed is None else instructed / 1000,
        "total_time_s": NAN if span is None else (span[1] - span[0]) / 1000,
        "practice_attempts": durations.practice_rounds(row.steps),
        **comprehension.counts(step.data for step in done if step.kind == comprehension.KIND),
        "age": _age(asked.get("age")),
        **{name: asked.get(name) or "" for name in ("gender", "handedness", "visual_aid")},
    }  # fmt: skip


def _age(given: Any) -> float:
    """The age as a number. A study's own question may return text; NaN for anything that is not a number."""
    try:
        age = float(given)
    except (TypeError, ValueError, OverflowError):
        return NAN
    return age if math.isfinite(age) else NAN


def _ratings(orm: Orm, row: SessionRow, participant: Participant) -> Iterable[dict[str, Any]]:
    done = select(StepRecord).where(StepRecord.session_id == row.id, StepRecord.kind == "intuitiveness")
    for step in orm.scalars(done.order_by(StepRecord.position)):
        for number, rating in enumerate(step.data["ratings"]):
            yield {
                "experiment": protocol(orm, row), "observer": OBSERVER, "participant": label(row),
                "expertise": participant.group, "condition": rating["condition"], "phase": PHASES[step.data["phase"]],
                "unit": rating["unit"], "trial": number, "rating": float(rating["rating"]), "rt_ms": rating["ms"],
            }  # fmt: skip


def protocol(orm: Orm, row: SessionRow) -> str:
    """The protocol of the study version that a session was begun under; of a rehearsal, with its stamp."""
    manifest = orm.get_one(StudyVersion, row.version_id).manifest
    return stamped.named(manifest["protocol"], manifest.get("stamp", ""))


# Files below responses/, and the columns that identify their rows: not the label only, since the first participant of
# any database is P0001.
FILES: dict[str, tuple[Table, list[str]]] = {
    "people.parquet": (RESPONSES, ["participant", "trial_id", "choice", "rt_ms"]),
    "sessions/people.parquet": (PEOPLE, ["participant"]),
    "ratings/people.parquet": (RATINGS, ["participant", "phase", "condition", "unit", "rating"]),
}
ANSWERS, PERSONS = "people.parquet", "sessions/people.parquet"
Rows = set[tuple[object, ...]]


class LostRowsError(UserError):
    """Writing a table of people would lose rows; the message names whose."""


def missing(orm: Orm, study: Study, study_id: int) -> str:
    """Rows in the folder that are not in the database, in words: `FILE holds 28 answers of P0001`; "" if none.

    Raises UserError if a file cannot be read.
    """
    gone = withdrawn(orm, study_id)
    known = {(label_of(session),) for session in _sessions(orm, study_id)}
    for name, (_, columns) in FILES.items():
        path = study.stage("responses") / name
        if not path.exists():
            continue
        # besides the answers the label is enough, since it names a person who is not in the database
        lost = (
            _held(path, columns) - _published_answers(orm, study_id)
            if name == ANSWERS
            else _held(path, columns[:1]) - known
        )
        if said := _said(path, "answers" if name == ANSWERS else "rows", lost, gone):
            return said
    return ""


def refuse_fewer(folder: Path, frames: dict[str, pd.DataFrame], gone: set[str], besides: Collection[str] = ()) -> None:
    """Raise LostRowsError if a file below `folder` has rows of people who did not withdraw that its new frame lacks.

    The frames need not have the rows of those in `besides`, which are kept.
    """
    for name, frame in frames.items():
        path, columns = folder / name, FILES[name][1]
        held = _held(path, columns, besides) if path.exists() else set()
        if lost := _said(path, "rows", held - _rows(frame, columns), gone):
            raise LostRowsError(
                f"{lost} that would be lost, so the file was not written; check that this is the right database, and "
                "complete"
            )


def publishing(study: Study) -> FileLock:
    """Held while the tables of people are written."""
    return FileLock(study.folder / "server" / "publishing.lock")


def withdrawn(orm: Orm, study_id: int) -> set[str]:
    """Labels of withdrawn participants that nobody else has: SQLite reused labels before schema 0002."""
    gone = orm.scalars(select(Audit.detail).where(Audit.study_id == study_id, Audit.action == "withdraw"))
    return set(gone) - {label_of(session) for session in _sessions(orm, study_id)}


def _sessions(orm: Orm, study_id: int) -> Sequence[int]:
    return orm.scalars(
        select(SessionRow.id)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(Participant.study_id == study_id)
    ).all()


def _said(path: Path, what: str, lost: Rows, gone: set[str]) -> str:
    stays = sorted({str(row[0]) for row in lost} - gone)
    count = sum(row[0] in set(stays) for row in lost)
    named = ", ".join(stays[:3]) + (", …" if len(stays) > 3 else "")
    return f"{path} holds {count} {what} of {named}" if stays else ""


def _held(path: Path, columns: list[str], besides: Collection[str] = ()) -> Rows:
    try:
        frame = pd.read_parquet(path, columns=columns)
        return _rows(frame[~frame["participant"].isin(list(besides))], columns)
    except Exception as error:
        raise UserError(
            f"{path} cannot be read ({error}); if the database has all answers, delete this file, and it will be "
            "written again"
        ) from error


def _rows(frame: pd.DataFrame, columns: list[str]) -> Rows:
    return set(frame[columns].itertuples(index=False, name=None))


def _published_answers(orm: Orm, study_id: int) -> Rows:
    """The database's answers as rows of the file, for all sessions, so that no lost row is overlooked."""
    found = orm.execute(
        select(Answer.session_id, TrialRow.trial_id, Answer.choice, Answer.rt_ms)
        .join(TrialRow, TrialRow.id == Answer.trial_id)
        .join(SessionRow, SessionRow.id == Answer.session_id)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(Participant.study_id == study_id)
    )
    return {(label_of(session), trial, choice, rt) for session, trial, choice, rt in found}
