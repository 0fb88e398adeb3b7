"""The tables of responses: every answer with its trial, ratings and sessions, read from their folder and checked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exemplum.design import DesignError
from exemplum.errors import UserError, did_you_mean
from exemplum.records import NONE, Response, Trial, Viewing, check_condition, unit_columns
from exemplum.study import stamped
from exemplum.tables import EVIDENCE, PEOPLE, RATINGS, RESPONSES

KINDS = RESPONSES.columns["observer_kind"].values


def rows(
    trials: Iterable[Trial],
    responses: Iterable[Response],
    *,
    experiment: str,
    observer_kind: str,
    participant: str,
    expertise: str = "",
) -> pd.DataFrame:
    """One RESPONSES row per answer, in the order of the session; trials without an answer have no row.

    `trials` are one session's, repeated ones included. `participant` labels one person or one run of a machine.
    Raises DesignError if an answer belongs to none of these trials, or a trial has two answers.
    """
    return RESPONSES.frame(
        rows_of(
            trials, responses, experiment=experiment, observer_kind=observer_kind, participant=participant,
            expertise=expertise,
        )
    )  # fmt: skip


def rows_of(
    trials: Iterable[Trial], responses: Iterable[Response], *, observer_kind: str, **fixed: str
) -> Iterator[dict[str, Any]]:
    """The rows of `rows` one by one, for tables of many sessions: a frame takes longer to make than its rows."""
    if observer_kind not in KINDS:
        raise ValueError(f"observer_kind is {observer_kind!r}; it must be one of {', '.join(map(str, KINDS))}")
    asked = {trial.trial_id: trial for trial in trials}
    answers: dict[str, Response] = {}
    for response in responses:
        if response.trial_id not in asked:
            raise DesignError(f"{response.observer} answered {response.trial_id}, which is not a trial of this session")
        if response.trial_id in answers:
            raise DesignError(f"{response.observer} answered {response.trial_id} twice; give one answer per trial")
        answers[response.trial_id] = response
    for response in sorted(answers.values(), key=lambda response: asked[response.trial_id].index):
        yield {"observer_kind": observer_kind, **fixed} | _row(asked[response.trial_id], response)


def _row(trial: Trial, response: Response) -> dict[str, Any]:
    return {
        "observer": response.observer,
        "trial_id": trial.trial_id,
        "trial": trial.index,
        "block": trial.block,
        "trial_kind": trial.kind.value,
        "condition": trial.condition,
        "phase": trial.phase,
        "scheme": trial.scheme,
        **unit_columns(trial.unit.unit, trial.unit.branch),
        "selection": trial.unit.selection,
        "stimulus_set": trial.unit.stimulus_set,
        "batch": trial.batch,
        "max_side": trial.max_side.value,
        "choice": response.choice.value,
        "correct": response.choice is trial.max_side,
        "confidence": response.confidence,
        "rt_ms": float("nan") if response.rt_ms is None else response.rt_ms,
        "repeats": trial.repeats,
        "difficulty": trial.difficulty,
        "margin": float("nan") if trial.margin is None else trial.margin,
        **{name: value for name, value in vars(response.viewing or Viewing()).items() if value is not None},
    }


ALLOWED = {
    name: RESPONSES.columns[name].values
    for name in ("observer_kind", "trial_kind", "phase", "max_side", "choice", "confidence")
}
ANSWER = ["experiment", "observer", "participant", "trial_id"]


FILES = {"responses": "*.parquet", "ratings": "ratings/*.parquet", "people": "sessions/*.parquet"}  # of a folder


@dataclass(frozen=True)
class ResponseTables:
    """All tables of a folder of responses, of people and machines together."""

    responses: pd.DataFrame  # RESPONSES
    ratings: pd.DataFrame  # RATINGS
    people: pd.DataFrame  # PEOPLE
    has_sessions: bool  # whether there is a file of PEOPLE: without one, rules about sessions cannot be decided


def files(folder: Path, *tables: str) -> list[Path]:
    """The files of these tables in a folder of responses, sorted: `responses`, `ratings`, `people`; all if none."""
    found = (path for table in tables or FILES for path in folder.glob(FILES[table]))
    return sorted(path for path in found if path.name != Path(EVIDENCE.files[0]).name)


def read_all(folder: Path, conditions: Collection[str] | None = None, *, allow_none: bool = False) -> ResponseTables:
    """The answers of FOLDER/*.parquet, of people and machines together, with people's ratings and sessions.

    `conditions` are those of the design, if given. Raises UserError (one line: file, column, row, what to do) for
    missing columns, what `check` finds, no answers unless `allow_none`, and answers of a rehearsal or of pilots where
    the folder is not that of one.
    """
    paths = files(folder, "responses")
    if not (paths or allow_none):
        raise UserError(f"{folder} holds no answers (*.parquet); run exemplum observe, or exemplum serve for people")
    answers = RESPONSES.concat(_read(path, conditions) for path in paths)
    _no_duplicates(answers, str(folder))
    sessions = [PEOPLE.read(path) for path in files(folder, "people")]
    ratings = RATINGS.concat(RATINGS.read(path) for path in files(folder, "ratings"))
    return ResponseTables(answers, ratings, PEOPLE.concat(sessions), bool(sessions))


def _read(path: Path, conditions: Collection[str] | None) -> pd.DataFrame:
    found = RESPONSES.read(path)
    stamped.refuse_rows(found["experiment"].unique(), path.parent.parent, str(path))
    return check(found, str(path), conditions)


def read(folder: Path, conditions: Collection[str] | None = None) -> pd.DataFrame:
    """The answers of `read_all` alone, as one table RESPONSES. Raises the same."""
    return read_all(folder, conditions).responses


def check(
    responses: pd.DataFrame,
    source: str = "responses",
    conditions: Collection[str] | None = None,
    *,
    negative_times: bool = False,
) -> pd.DataFrame:
    """Return the table if all values are valid; `conditions` are those of the design, if given.

    `negative_times` accepts reaction times below 0, for published data that have some.
    Raises UserError for missing columns, an unknown condition or value, a condition with a reserved name, a negative or
    infinite reaction time, an answer marked right or wrong contrary to the side chosen, or a trial answered twice.
    """
    if missing := [
        name for name, column in RESPONSES.columns.items() if name not in responses and column.default is None
    ]:
        raise UserError(
            f"{source} lacks the columns {', '.join(missing)}; docs/reference/tables.md lists the columns of responses"
        )
    for column, allowed in ALLOWED.items():
        _only(responses, column, allowed, source)
    _only(responses, "condition", conditions if conditions is not None else _named(responses), source)
    _conditions(responses, source)
    _reaction_times(responses, source, negative_times)
    wrong = responses["correct"] != (responses["choice"] == responses["max_side"])
    if wrong.any():
        row = responses[wrong].iloc[0]
        raise UserError(
            f"{source}: in {int(wrong.sum())} answers, correct contradicts the chosen side; the first is "
            f"{row['trial_id']} of {row['participant']} (correct = {row['correct']}); correct must be true exactly if "
            "choice is max_side"
        )
    _no_duplicates(responses, source)
    return responses


def _named(responses: pd.DataFrame) -> list[str]:
    return [name for name in responses["condition"].unique() if isinstance(name, str) and name]


def _only(responses: pd.DataFrame, column: str, allowed: Collection[object], source: str) -> None:
    unknown = responses[~responses[column].isin(list(allowed))]
    if len(unknown):
        count = "1 row has" if len(unknown) == 1 else f"{len(unknown)} rows have"
        value, trial = str(unknown[column].iloc[0]), unknown["trial_id"].iloc[0]
        raise UserError(
            f"{source}: {count} an unknown {column}; the first is {value!r}, of trial {trial}"
            f"{did_you_mean(value, map(str, allowed))}"
        )


def _conditions(responses: pd.DataFrame, source: str) -> None:
    """No condition may have a reserved name."""
    for name in responses["condition"].unique():
        if name != NONE:
            try:
                check_condition(name)
            except UserError as error:
                where = responses.index[responses["condition"] == name][0]
                raise UserError(f"{source}: condition of row {where + 1}: {error}") from error


def _reaction_times(responses: pd.DataFrame, source: str, negative_times: bool) -> None:
    """A reaction time is finite and not negative, or NaN where none was measured."""
    wrong = responses[np.isinf(responses["rt_ms"]) | ((responses["rt_ms"] < 0) & (not negative_times))]
    if len(wrong):
        first = wrong.iloc[0]
        raise UserError(
            f"{source}: rt_ms of row {wrong.index[0] + 1} ({first['trial_id']} of {first['participant']}) is "
            f"{first['rt_ms']} ({len(wrong)} rows); it must be milliseconds from 0, or empty if not measured"
        )


def _no_duplicates(responses: pd.DataFrame, source: str) -> None:
    twice = responses[responses.duplicated(ANSWER, keep=False)]
    if len(twice):
        first = twice.iloc[0]
        raise UserError(
            f"{source}: {first['observer']} {first['participant']} answered {first['trial_id']} more than once "
            f"({len(twice)} rows in all); keep one row of each"
        )
