"""Downloads: all data of each session as tables, with or without what identifies people."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session as Orm

from exemplum.responses import ExclusionsSection, anonymity, exclusions
from exemplum.server.experiment import Experiment
from exemplum.server.storage.schema import Answer, Event, StepRecord, TrialRow
from exemplum.server.storage.tables import Member, label, members, people, ratings, readable, responses
from exemplum.store import Column, Table, csv_text
from exemplum.tables import EXCLUSIONS, PEOPLE, RATINGS, RESPONSES

MEASURED = {
    "shown_at": Column("float", "first frame that showed the trial, ms since 1970 by the browser's clock"),
    "input": Column("str", "mouse, touch, pen, keyboard or simulated"),
    "attempt": Column("int", "number of the attempt at which the answer was received, from 1"),
    "received_at": Column("int", "ms since 1970 by the server's clock"),
}
SESSION = {
    "status": Column("str", "active or finished"),
    "outcome": Column("str", "completed, failed_attention, no_consent or screened_out; empty while active"),
    "excluded": Column("bool", "by an exclusion rule of the study"),
    "pilot": Column("bool", "entered by the pilot link"),
    "answered": Column("int", "trials answered"),
    "total": Column("int", "trials of the session"),
    "language": Column("str", "of the pages"),
    "created_at": Column("int", "ms since 1970 by the server's clock"),
    "finished_at": Column("float", "ms since 1970 by the server's clock; NaN while active"),
}
IDENTITY = {
    "external_id": Column("str", "the participant's id in the panel, or number in lab mode"),
    "source": Column("str", "prolific, mturk, sona, cloudresearch, link, invitation, lab or anonymous"),
    "code": Column("str", "completion code"),
    "params": Column("str", "parameters of the link, as JSON"),
    "client": Column("str", "browser and screen, as JSON"),
    "forms": Column("str", "all entries in forms, including free text, as JSON"),
}
EVENTS = Table(
    "events", "Events in the browser other than answers.",
    {
        "participant": Column("str", "as in responses"),
        "page": Column("str", "one load of the page"),
        "seq": Column("int", "place in that load, from 0"),
        "at": Column("float", "ms since 1970 by the browser's clock"),
        "kind": Column("str", "visibility, focus, resize, press, frames, network, …"),
        "trial_id": Column("str", "the trial on the screen; empty for none"),
        "data": Column("str", "details as JSON"),
    },
)  # fmt: skip
DETAILED = Table("responses", "One row per answer, with its measurements.", {**RESPONSES.columns, **MEASURED})
SESSIONS = Table("sessions", "One row per participant.", {**PEOPLE.columns, **SESSION, **IDENTITY})
ANONYMOUS = Table("sessions", "One row per participant, without identifying data.", {
    **anonymity.COLUMNS,
    **{name: column for name, column in SESSION.items() if not name.endswith("_at")},
})  # fmt: skip
WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": lambda frame: csv_text(frame, float_format="%.10g").encode(),
    "parquet": lambda frame: _parquet(frame),
    "json": lambda frame: frame.to_json(orient="records", force_ascii=False).encode(),
}


def archive(orm: Orm, experiment: Experiment, form: str, anonymous: bool) -> bytes:
    """A zip file of all tables as `form` (csv, parquet, json) with a data dictionary.

    `anonymous`: no ids, codes, links, browsers, free text or clock times; the age in groups of ten years; no pilots.
    """
    of = members(orm, experiment.study_id, pilot=False if anonymous else None)
    tables, problems = readable(of, lambda some: _tables(orm, experiment, some, anonymous))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as pack:
        for table, frame in tables:
            pack.writestr(f"{table.name}.{form}", WRITERS[form](frame))
        pack.writestr("dictionary.csv", csv_text(dictionary([table for table, _ in tables])))
        if problems:
            told = pd.DataFrame(problems).drop(columns="detail" if anonymous else [])  # it may quote entries
            pack.writestr("problems.csv", csv_text(told))
    return buffer.getvalue()


def dictionary(tables: list[Table]) -> pd.DataFrame:
    """What every column holds."""
    return pd.DataFrame(
        {"table": table.name, "column": name, "type": column.dtype, "meaning": column.meaning}
        for table in tables
        for name, column in table.columns.items()
    )


def _tables(orm: Orm, experiment: Experiment, of: list[Member], anonymous: bool) -> list[tuple[Table, pd.DataFrame]]:
    answers, known = responses(orm, of), people(orm, of)
    judged = exclusions_now(experiment.study.config.exclusions, of, answers, known)
    asked = [(RATINGS, ratings(orm, of)), (EXCLUSIONS, judged)]
    if anonymous:
        return [(RESPONSES, answers), (ANONYMOUS, _anonymous(of, known)), *asked]
    return [
        (DETAILED, _detailed(orm, of, answers)), (SESSIONS, _sessions(orm, of, known)), *asked,
        (EVENTS, _events(orm, of)),
    ]  # fmt: skip


def exclusions_now(
    rules: ExclusionsSection, of: list[Member], answers: pd.DataFrame, known: pd.DataFrame
) -> pd.DataFrame:
    """EXCLUSIONS rows at present of those of these sessions that have answers: rules judge nobody else.

    `answers` and `known` are the sessions' RESPONSES and PEOPLE.
    """
    finished = {label(row): row.status == "finished" for row, _ in of if row.answered}
    judged = known[known["participant"].isin(finished)]
    return exclusions.check(answers, rules, judged.assign(finished=judged["participant"].map(finished)))


def _detailed(orm: Orm, of: list[Member], answers: pd.DataFrame) -> pd.DataFrame:
    measured = [
        {"participant": label(row), "trial": position, **{name: getattr(answer, name) for name in MEASURED}}
        for row, _ in of
        for answer, position in orm.execute(
            select(Answer, TrialRow.position)
            .join(TrialRow, TrialRow.id == Answer.trial_id)
            .where(Answer.session_id == row.id)
        )
    ]
    if not measured:
        return DETAILED.frame()
    return DETAILED.frame(answers.merge(pd.DataFrame(measured), on=["participant", "trial"], validate="one_to_one"))


def _sessions(orm: Orm, of: list[Member], known: pd.DataFrame) -> pd.DataFrame:
    rows = [
        _course(row, participant.pilot)
        | {"external_id": participant.external_id, "source": participant.source, "code": row.code,
           "params": _json(row.params), "client": _json(row.client), "forms": _json(_forms(orm, row.id))}
        for row, participant in of
    ]  # fmt: skip
    return SESSIONS.frame(pd.concat([known, pd.DataFrame(rows)], axis=1)) if rows else SESSIONS.frame()


def _anonymous(of: list[Member], known: pd.DataFrame) -> pd.DataFrame:
    rows = [_course(row, participant.pilot) for row, participant in of]
    if not rows:
        return ANONYMOUS.frame()
    course = pd.DataFrame(rows).drop(columns=["created_at", "finished_at"])
    return ANONYMOUS.frame(pd.concat([anonymity.anonymous(known), course], axis=1))


def _course(row: Any, pilot: bool) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SESSION if name not in ("pilot", "finished_at")} | {
        "pilot": pilot, "finished_at": float("nan") if row.finished_at is None else float(row.finished_at),
    }  # fmt: skip


def _forms(orm: Orm, session_id: int) -> dict[str, Any]:
    done = select(StepRecord).where(
        StepRecord.session_id == session_id, StepRecord.kind.in_(("consent", "form", "check", "debrief"))
    )
    return {step.kind: step.data for step in orm.scalars(done.order_by(StepRecord.position))}


def _events(orm: Orm, of: list[Member]) -> pd.DataFrame:
    found = (
        {"participant": label(row), "page": event.page, "seq": event.seq, "at": event.at, "kind": event.kind,
         "trial_id": trial_id or "", "data": _json(event.data)}
        for row, _ in of
        for event, trial_id in orm.execute(
            select(Event, TrialRow.trial_id)
            .outerjoin(TrialRow, (TrialRow.session_id == Event.session_id) & (TrialRow.key == Event.trial))
            .where(Event.session_id == row.id)
            .order_by(Event.id)
        )
    )  # fmt: skip
    return EVENTS.frame(found)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
