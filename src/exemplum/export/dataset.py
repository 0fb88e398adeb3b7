"""A study as a Psych-DS dataset: data with a sidecar per table, results, scripts, and what describes them.

The rules are those of the published schema, version 1.5.1 (https://psych-ds.github.io): a JSON-LD
`dataset_description.json` of schema.org's type Dataset, CSV files below `data/` named by keywords and values, and a
metadata field `variableMeasured` that names every column.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from exemplum import store, tables
from exemplum.errors import UserError
from exemplum.export import texts
from exemplum.export.variables import variables
from exemplum.report import paper, settings, stage
from exemplum.responses import anonymity
from exemplum.store import Column, Table
from exemplum.study import Study, blinding, stamped, versions

CONTEXT = "https://schema.org/"
STANDARD = "Psych-DS 1.5.1"
DESCRIPTION = "dataset_description.json"
RESULTS = ("estimates", "comparisons", "models", "effects", "verdicts", "people_and_machines")  # of analysis/


@dataclass(frozen=True)
class DataFile:
    """A CSV file of the dataset."""

    name: str  # the value of the keyword `description`
    meaning: str
    columns: dict[str, Column]
    frame: pd.DataFrame
    key: tuple[str, ...]  # the columns that identify a row


def write(study: Study, folder: Path) -> dict[str, Any]:
    """Write the study as a dataset into a new or empty folder, or in place of an earlier export of the same study.

    Whole or not at all. People's answers are those that the report shows: none of pilots, and none while the study
    recruits unless it was unblinded. Returns a summary. Raises UserError if the folder holds anything else, or the
    study is a rehearsal or a copy with pilots.
    """
    _refuse_other(study, folder)
    data = [one for one in _data(study) if len(one.frame)]
    beside = folder.absolute().with_name(f".{folder.absolute().name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        _write(study, beside, data)
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder.absolute())
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    answers = next((one.frame for one in data if one.name == "responses"), tables.RESPONSES.frame())
    return {"folder": str(folder), "files": len(data), "participants": answers["participant"].nunique(),
            "answers": len(answers)}  # fmt: skip


def _refuse_other(study: Study, folder: Path) -> None:
    if said := stamped.notice(study):
        raise UserError(f"{study.folder} is not exported. {said}")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        held = store.read_json(folder / DESCRIPTION) if folder.is_dir() else {}
    except UserError:
        held = {}
    if not isinstance(held, dict) or study.id not in str(held.get("identifier", "")):
        raise UserError(f"{folder} exists, and is no export of {study.folder}; name another folder with --to")


def _data(study: Study) -> list[DataFile]:
    """The tables of the dataset, people apart from machines."""
    found = stage.read(study)
    person = found.responses["observer_kind"] == "person"
    answer, who = ("experiment", "observer", "participant", "trial_id"), ("experiment", "observer", "participant")

    def of(name: str, table: Table, frame: pd.DataFrame, key: tuple[str, ...], meaning: str = "") -> DataFile:
        return DataFile(name, meaning or table.summary, dict(table.columns), frame, key)

    return [
        of("responses", tables.RESPONSES, found.responses[person], answer, "One row per answer of a participant."),
        DataFile("participants", "One row per participant who finished the web experiment.", dict(anonymity.COLUMNS),
                 anonymity.anonymous(found.people)[list(anonymity.COLUMNS)], who),
        of("ratings", tables.RATINGS, found.ratings, (*who, "phase", "condition", "unit")),
        of("exclusions", tables.EXCLUSIONS, found.exclusions, (*who, "rule")),
        of("machines", tables.RESPONSES, found.responses[~person], answer, "One row per answer of a machine observer."),
        of("trials", tables.TRIALS, found.trials, ("trial_id",)),
        of("units", tables.STUDY_UNITS, found.units, ("unit", "role", "stimulus_set")),
        of("queries", tables.QUERIES, found.queries, ("unit", "difficulty", "references", "batch")),
        of("stimuli", tables.STIMULI, found.stimuli, ("unit", "method", "pole", "references", "batch", "position")),
    ]  # fmt: skip


def _write(study: Study, folder: Path, data: list[DataFile]) -> None:
    told = [variables(one.columns, one.frame) for one in data]
    for one, described in zip(data, told, strict=True):
        path = folder / "data" / f"study-{_word(study)}_description-{one.name}_data.csv"
        store.write_text(path, store.csv_text(store.flat(one.frame), float_format="%.10g"))
        sidecar = {"@context": CONTEXT, "@type": "Dataset", "description": one.meaning, "variableMeasured": described}
        store.write_json(path.with_suffix(".json"), sidecar)
    every = {variable["name"]: variable for described in reversed(told) for variable in described}
    store.write_json(folder / DESCRIPTION, _description(study, list(every.values())))
    _write_results(study, folder)
    said = settings.every_setting(study)
    del said["server"]["contact"]
    store.write_json(folder / "materials" / "settings.json", said)
    files = [(one.name, one.meaning, len(one.frame), one.key) for one in data]
    store.write_text(folder / "README.md", texts.readme(study, _title(study), files, blinding.notice(study)))
    store.write_text(folder / "CHANGES.md", texts.changes(study))
    store.write_text(folder / "LICENSE", texts.licence(study.config.dataset))
    store.write_text(folder / ".psychdsignore", "LICENSE\n")
    store.write_text(folder / "documentation" / "codebook.md", texts.codebook(
        [(one.name, one.meaning, described) for one, described in zip(data, told, strict=True)]
    ))  # fmt: skip


def _write_results(study: Study, folder: Path) -> None:
    """Tables of the analysis as the report shows them, what a paper needs, and the scripts that refit."""
    report = study.stage("report")
    for name in RESULTS:
        if (report / "tables" / f"{name}.csv").exists():
            _copy(report / "tables" / f"{name}.csv", folder / "results" / f"{name}.csv")
    for path in sorted((report / paper.FOLDER).glob("*")):
        _copy(path, folder / ("analysis" if path.name in paper.SCRIPTS else "results") / path.name)


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)


def _word(study: Study) -> str:
    """The study's name as the value of a keyword: letters and digits only."""
    return re.sub(r"[^A-Za-z0-9]", "", study.folder.resolve().name) or study.id[:8]


def _title(study: Study) -> str:
    return study.folder.resolve().name


def _description(study: Study, measured: list[dict[str, Any]]) -> dict[str, Any]:
    said = study.config.dataset
    optional = {
        "author": [{"@type": "Person", "name": name} for name in said.authors],
        "license": texts.licence_address(said),
        "citation": said.citation,
        "funder": {"@type": "Organization", "name": said.funder} if said.funder else "",
        "url": said.url,
    }
    return {
        "@context": CONTEXT,
        "@type": "Dataset",
        "name": _title(study),
        "description": texts.summary(study),
        "schemaVersion": STANDARD,
        "identifier": [f"https://doi.org/{said.doi}"] * bool(said.doi) + [f"exemplum:study:{study.id}"],
        "keywords": ["interpretability", "feature visualization", "psychophysics", study.config.design.protocol],
        "version": versions().get("exemplum", ""),
        **{name: value for name, value in optional.items() if value},
        "variableMeasured": measured,
    }
