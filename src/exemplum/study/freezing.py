"""Freezing: once people have answered, what they saw and the rules of the study must not change.

Frozen are study.toml, the hash of the design, and the fingerprints of the stages up to the design, as they were at the
last start of the server before the first answer. Answers of pilots freeze nothing. What may still change is listed
here and in docs/how-to/seed-and-version-a-study.md; everything else needs a new version of the study beside this one.
"""

from __future__ import annotations

import json
import shlex
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from exemplum.errors import UserError, command
from exemplum.store import StoreError
from exemplum.study import blinding, blinding as statuses
from exemplum.study.blinding import Status
from exemplum.study.folder import DATABASE, Study, versions

STAGES = ("index", "queries", "explanations", "design")  # never remade once people have answered
# Of study.toml, as SECTION or SECTION.KEY. The texts in STUDY/texts may change, too.
MAY_CHANGE = (
    "observers", "analysis.bootstrap", "server.title", "server.contact", "server.minutes", "server.recruit",
    "server.quotas", "server.stalled_hours", "server.codes", "server.redirects", "server.pay",
    "server.backup", "dataset",
)  # fmt: skip
UNTIL_UNBLINDED = ("exclusions",)  # may change until somebody has looked at accuracy by condition
MAY_GROW = ("server.languages",)
# The stages whose code a stage's fingerprint depends on, and (SOURCES) what it depends on besides study.toml
UPSTREAM = {
    "index": ("index",),
    "queries": ("index", "queries"),
    "explanations": ("index", "queries", "explanations"),
    "design": ("design",),
}
SOURCES = {
    "index": "the model or the images have",
    "queries": "the images or the source of a query source have",
    "explanations": "the queries or the source of a method have",
    "design": "the explanations have",
}
NOTHING: Any = object()


class FrozenError(UserError):
    """Something has changed that must not change after people have answered; the message says what, and what to do."""


def snapshot(study: Study, design: str) -> dict[str, Any]:
    """What is frozen with the first answer, as JSON. `design` is the hash of the design that is served."""
    return {
        "at": int(time.time() * 1000),
        "exemplum": versions().get("exemplum", ""),
        "config": study.config.model_dump(mode="json"),
        "said": study.config.model_dump(mode="json", exclude_unset=True),
        "design": design,
        "stages": {
            name: {"fingerprint": record["fingerprint"], "code": record.get("code")}
            for name in STAGES
            if (record := study.record(name))
        },
    }


def with_rules_of(frozen: Mapping[str, Any], study: Study) -> dict[str, Any]:
    """The frozen state with the present rules of study.toml, which are frozen when results are first looked at."""
    now = snapshot(study, frozen["design"])
    return {
        **frozen,
        **{part: _without(frozen[part]) | _rules(now[part]) for part in ("config", "said")},
    }


def changes(frozen: Mapping[str, Any], study: Study, unblinded: bool) -> list[str]:
    """Frozen keys of study.toml that have changed, each as `[design] participants: 10 → 20`."""
    free = MAY_CHANGE if unblinded else MAY_CHANGE + UNTIL_UNBLINDED
    before, after = dict(_flat(frozen["config"])), dict(_flat(study.config.model_dump(mode="json")))
    said = {*dict(_flat(frozen["said"])), *dict(_flat(study.config.model_dump(mode="json", exclude_unset=True)))}
    return [
        f"{_shown(key)}: {_value(before.get(key, NOTHING))} → {_value(after.get(key, NOTHING))}"
        for key in sorted(said)  # a default that another version of exemplum has changed is no edit
        if not _within(key, free)
        and before.get(key, NOTHING) != after.get(key, NOTHING)
        and not (key in MAY_GROW and set(before.get(key, ())) <= set(after.get(key, ())))
    ]


def refuse(study: Study, frozen: Mapping[str, Any], answers: int, unblinded: bool) -> None:
    """Raise FrozenError if a frozen key of study.toml has changed, with every difference and what to do."""
    if changed := changes(frozen, study, unblinded):
        raise FrozenError(
            f"{study.folder / 'study.toml'}: must not change, since people have given {answers} answers: "
            f"{'; '.join(changed)}; change it back, or {way_on(study)}"
        )


def frozen_by(study: Study) -> Status | None:
    """The server's status if people have answered and the study is frozen.

    Raises FrozenError if a frozen key of study.toml has changed.
    """
    found = statuses.read_status(study)
    if found is None or not found.answers or not found.frozen:
        return None
    refuse(study, found.frozen, found.answers, found.unblinded_at is not None)
    return found


def is_of_this_code(frozen: Mapping[str, Any], code: Mapping[str, int | None]) -> bool:
    """Whether the stages were made by this code. If not, a fingerprint may differ although nothing has changed.

    `code` is the stages' `version` now. Records before such numbers were kept are of older code.
    """
    held = {name: (frozen["stages"].get(name) or {}).get("code") for name in code}
    return held == dict(code) and frozen["exemplum"] == versions().get("exemplum", "")


def way_on(study: Study) -> str:
    """What to do instead, as the end of an error message."""
    folder = study.folder if study.folder.name else study.folder.resolve()
    beside = folder.with_name(f"{folder.name}-2")
    return f"make a new version beside it: {command('new', beside)} --from {shlex.quote(str(folder))}"


def _rules(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in UNTIL_UNBLINDED if name in part}


def _without(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in UNTIL_UNBLINDED}


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The values in nested tables, by dotted key; empty tables have none."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def _within(key: str, parts: tuple[str, ...]) -> bool:
    return any(key == part or key.startswith(part + ".") for part in parts)


def _shown(key: str) -> str:
    section, _, name = key.rpartition(".")
    return f"[{section}] {name}" if section else name


def _value(value: Any) -> str:
    return "nothing" if value is NOTHING or value is None else json.dumps(value, ensure_ascii=False)


PUBLISHED = "people.parquet"  # below responses/, the server's
REAL = """SELECT count(*) FROM answers JOIN sessions ON sessions.id = answers.session_id
    JOIN participants ON participants.id = sessions.participant_id WHERE NOT participants.pilot"""


def refuse_without_status(study: Study, stage: str) -> None:
    """Raise FrozenError if a stage that people have answered would be remade and its frozen state is unknown."""
    if stage not in STAGES or blinding.read_status(study) is not None:
        return
    if where := _file_with_answers(study):
        raise FrozenError(
            f"the {stage} of {study.folder} would be remade, but {where} holds answers of people and "
            f"{blinding.STATUS_FILE} is missing, which records what is frozen; run: {command('serve', study.folder)} "
            "once (with the database that has them), which writes it"
        )


def refuse_without_design(study: Study) -> None:
    """Raise FrozenError if the design is missing and people have answered: a new design would not be theirs."""
    try:
        said = blinding.read_status(study)
    except StoreError:  # a broken file, which the server writes again
        said = None
    if where := study.folder / blinding.STATUS_FILE if said and said.answers else _file_with_answers(study):
        raise FrozenError(
            f"{study.stage('design')} is missing, and {where} has answers that people gave to it; restore "
            f"{study.stage('design')} from a backup"
        )


def _file_with_answers(study: Study) -> Path | None:
    """The file that holds answers of people, without pilots; None if there are none."""
    published, database = study.stage("responses") / PUBLISHED, study.folder / DATABASE
    if published.exists() and _rows(published):
        return published
    return database if database.exists() and _count_answers(database) else None


def _rows(path: Path) -> int:
    try:
        return len(pd.read_parquet(path, columns=["participant"]))
    except Exception as error:
        raise UserError(
            f"{path} cannot be read ({error}); restore it from a backup, or start exemplum serve, which writes it again"
        ) from error


def _count_answers(path: Path) -> int:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute(REAL).fetchone()[0])
    except sqlite3.OperationalError:  # empty: without tables
        return 0
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path} cannot be read ({error}); restore it from a backup") from error
