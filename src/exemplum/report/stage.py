"""The report as a stage of the line: from the tables of a study to report/index.html, figures and tables."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from exemplum import blinding, store, tables
from exemplum.report import exporting, html
from exemplum.report.select import Tables
from exemplum.study import Study

SCHEMA = 2  # of the report; a new number makes every report stale
ALWAYS = ("estimates", "comparisons", "responses")  # exported even where they are empty
UPSTREAM = ("explanations", "design", "responses", "analysis")


def fingerprint(study: Study) -> str:
    """Hash of all that the report shows: every stage before it, the configuration, and answers of people."""
    upstream = [study.made(stage) for stage in UPSTREAM]
    answers = sorted((path.name, path.stat().st_size) for path in study.stage("responses").glob("*.parquet"))
    return store.digest(SCHEMA, upstream, answers, study.config.model_dump(mode="json"), *blinding.state(study))


def run(study: Study) -> dict[str, Any]:
    """Write the report. Raises StoreError naming the table that is absent and the stage that makes it."""
    folder = study.stage("report")
    found = read(study)
    study.begin_writing("report")
    if blinding.is_blind(study):  # figures and tables of a report that one asked for must not stay beside this one
        for held in ("figures", "tables"):
            shutil.rmtree(folder / held, ignore_errors=True)
    return html.write(study, found, folder, _export(study, found), _notes(study), blinding.notice(study))


def read(study: Study) -> Tables:
    """All tables that the report shows; answers of people and machines together, as far as they may be shown."""
    parts = [tables.RESPONSES.read(path) for path in sorted(study.stage("responses").glob("*.parquet"))]
    ratings = [tables.RATINGS.read(path) for path in sorted(study.stage("responses").glob("ratings/*.parquet"))]
    people = [tables.PEOPLE.read(path) for path in sorted(study.stage("responses").glob("sessions/*.parquet"))]
    analysis, made = study.stage("analysis"), study.stage("explanations")
    shown = blinding.visible(
        study,
        pd.concat(parts, ignore_index=True) if parts else tables.RESPONSES.frame(),
        pd.concat(ratings, ignore_index=True) if ratings else tables.RATINGS.frame(),
        pd.concat(people, ignore_index=True) if people else tables.PEOPLE.frame(),
        tables.ESTIMATES.read(analysis / "estimates.parquet"),
        tables.COMPARISONS.read(analysis / "comparisons.parquet"),
        _optional(tables.EXCLUSIONS, analysis / "exclusions.parquet"),
        _optional(tables.VERDICTS, analysis / "verdicts.parquet"),
        _optional(tables.MODELS, analysis / "models.parquet"),
    )
    names = ("responses", "ratings", "people", "estimates", "comparisons", "exclusions", "verdicts", "models")
    return Tables(
        units=tables.STUDY_UNITS.read(made / "units.parquet"),
        stimuli=tables.STIMULI.read(made / "stimuli.parquet"),
        trials=tables.TRIALS.read(study.stage("design") / "trials.parquet"),
        **dict(zip(names, shown, strict=True)),
    )


def _optional(table: store.Table, path: Path) -> pd.DataFrame:
    return table.read(path) if path.exists() else table.frame()


def _export(study: Study, found: Tables) -> list[exporting.Exported]:
    folder = study.stage("report") / "tables"
    given: list[tuple[str, pd.DataFrame, str]] = [
        ("estimates", found.estimates, tables.ESTIMATES.meaning),
        ("comparisons", found.comparisons, tables.COMPARISONS.meaning),
        ("models", found.models, tables.MODELS.meaning),
        ("verdicts", found.verdicts, tables.VERDICTS.meaning),
        ("exclusions", found.exclusions, tables.EXCLUSIONS.meaning),
        ("people", found.people, tables.PEOPLE.meaning),
        ("ratings", found.ratings, tables.RATINGS.meaning),
        ("responses", found.responses, tables.RESPONSES.meaning),
        ("trials", found.trials, tables.TRIALS.meaning),
        ("stimuli", found.stimuli, tables.STIMULI.meaning),
        ("units", found.units, tables.STUDY_UNITS.meaning),
    ]
    index = study.stage("index") / "units.parquet"
    if index.exists():
        given.append(("index_units", tables.INDEX_UNITS.read(index), tables.INDEX_UNITS.meaning))
    return [
        exporting.export(folder, name, frame, meaning.split(";")[0].rstrip(".") + ".")
        for name, frame, meaning in given
        if len(frame) or name in ALWAYS
    ]


def _notes(study: Study) -> tuple[str, ...]:
    """What the design says about itself: where the study is smaller than its protocol."""
    from exemplum import design

    return tuple(design.load(study).notes)
