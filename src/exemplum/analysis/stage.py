"""The stage `analysis`: responses/*.parquet → analysis/estimates, comparisons and more, as Parquet and CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exemplum import blinding, store
from exemplum.analysis import checks
from exemplum.analysis.results import analyse, together
from exemplum.errors import UserError
from exemplum.study import Study
from exemplum.tables import PEOPLE, RATINGS, TRIALS

VERSION = 3


def fingerprint(study: Study) -> str:
    """A hash of all that the analysis depends on: the answers themselves, since people may still be answering."""
    files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _files(study)]
    said = study.config
    rules = (said.analysis.model_dump(), said.exclusions.model_dump())
    return store.digest(VERSION, said.seed, *rules, study.made("responses"), files, *blinding.state(study))


def run(study: Study) -> dict[str, Any]:
    """Analyse every answer there is. Raises UserError if the answers cannot be used."""
    folder, config = study.stage("responses"), study.config
    responses = checks.read(folder, _conditions(study))
    ratings = together(RATINGS, [RATINGS.read(path) for path in sorted(folder.glob("ratings/*.parquet"))])
    sessions = [PEOPLE.read(path) for path in sorted(folder.glob("sessions/*.parquet"))]
    responses, ratings, people = blinding.visible(study, responses, ratings, together(PEOPLE, sessions))
    if responses.empty and (said := blinding.notice(study)):
        raise UserError(f"{folder} holds no answers of machines. {said}")
    results = analyse(
        responses,
        ratings,
        people if sessions else None,
        config.seed,
        config.analysis,
        config.exclusions,
    )
    study.begin_writing("analysis")
    results.write(study.stage("analysis"))
    observers = responses.groupby("observer")["participant"].nunique()
    return {"answers": len(responses), "observers": ", ".join(f"{name} ({n})" for name, n in observers.items()),
            **{name: len(frame) for name, (_, frame) in results.tables.items()}}  # fmt: skip


def _files(study: Study) -> list[Path]:
    folder = study.stage("responses")
    return sorted([*folder.glob("*.parquet"), *folder.glob("ratings/*.parquet"), *folder.glob("sessions/*.parquet")])


def _conditions(study: Study) -> list[str] | None:
    """The conditions of the design, if there is one: an answer to another condition belongs to another study."""
    path = study.stage("design") / "trials.parquet"
    return sorted(TRIALS.read(path)["condition"].unique()) if path.exists() else None
