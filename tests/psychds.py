"""The rules of Psych-DS that end in an error, as its published schema 1.5.1 states them (psych-ds.github.io).

Written from the schema, since the validator itself needs a network connection. Each fault has the schema's code.
"""

import csv
import json
import re
from pathlib import Path

NAME = re.compile(r"([a-z]+-[a-zA-Z0-9]+)(_[a-z]+-[a-zA-Z0-9]+)*_data\.csv")  # rules.files.tabular_data.data.Datafile
KEYWORDS = {"study", "site", "subject", "session", "task", "condition", "trial", "stimulus", "description"}
REQUIRED = ("name", "description", "variableMeasured")  # rules.compiled_metadata.CompiledMetadata.fields
CONTEXTS = {"http://schema.org", "http://schema.org/", "https://schema.org", "https://schema.org/"}
# Of schema.org's Dataset and PropertyValue; other keys are a warning, INVALID_SCHEMAORG_PROPERTY
DATASET = {
    "name", "description", "schemaVersion", "identifier", "keywords", "version", "author", "creator", "license",
    "citation", "funder", "url", "sameAs", "variableMeasured",
}  # fmt: skip
VARIABLE = {
    "name", "description", "additionalType", "unitText", "unitCode", "value", "valueReference", "minValue", "maxValue",
    "propertyID", "measurementTechnique",
}  # fmt: skip
RECOMMENDED = ("README.md", "CHANGES.md", "analysis", "results", "materials", "documentation", ".psychdsignore")


def faults(folder: Path) -> list[str]:
    """Codes of errors, and of the warnings that we promise not to have; none for a valid dataset."""
    path = folder / "dataset_description.json"
    if not path.is_file():
        return ["MISSING_DATASET_DESCRIPTION"]
    if not (folder / "data").is_dir():
        return ["MISSING_DATA_DIRECTORY"]
    found = [f"MISSING {name}" for name in RECOMMENDED if not (folder / name).exists()]
    files = sorted((folder / "data").rglob("*.csv"))
    if not files:
        found.append("MISSING_DATAFILE")
    whole = _metadata(path)
    seen: set[str] = set()
    for file in files:
        if not NAME.fullmatch(file.name):
            found.append(f"FILENAME_KEYWORD_FORMATTING_ERROR {file.name}")
        if not {pair.partition("-")[0] for pair in file.stem.split("_")[:-1]} <= KEYWORDS:
            found.append(f"FILENAME_UNOFFICIAL_KEYWORD_WARNING {file.name}")
        sidecar = file.with_suffix(".json")  # its keys replace those of the whole dataset
        compiled = whole | (_metadata(sidecar) if sidecar.exists() else {})
        found += [f"{fault} {file.name}" for fault in (*_of_metadata(compiled), *_of_table(file, compiled, seen))]
    named = {variable["name"] for variable in whole.get("variableMeasured", [])}
    found += [f"VARIABLE_MISSING_FROM_CSV_COLUMNS {name}" for name in sorted(named - seen)]
    return found


def _metadata(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {"INVALID_JSON_FORMATTING": path.name}


def _of_metadata(compiled: dict):
    if "INVALID_JSON_FORMATTING" in compiled:
        yield "INVALID_JSON_FORMATTING"
    if compiled.get("@context") not in CONTEXTS:
        yield "INVALID_JSONLD_FORMATTING"
    if compiled.get("@type") != "Dataset":
        yield "INCORRECT_DATASET_TYPE"
    yield from (f"JSON_KEY_REQUIRED {key}" for key in REQUIRED if not compiled.get(key))
    yield from (f"INVALID_SCHEMAORG_PROPERTY {key}" for key in compiled if key[0] != "@" and key not in DATASET)
    for variable in compiled.get("variableMeasured", []):
        if variable.get("@type") != "PropertyValue":
            yield "OBJECT_TYPE_MISSING"
        unknown = [key for key in variable if key[0] != "@" and key not in VARIABLE]
        yield from (f"INVALID_SCHEMAORG_PROPERTY {key}" for key in unknown)


def _of_table(file: Path, compiled: dict, seen: set[str]):
    with file.open(encoding="utf-8", newline="") as handle:
        header, *rows = list(csv.reader(handle, strict=True)) or [[]]
    if not header or "" in header:
        yield "CSV_HEADER_MISSING"
    if len(set(header)) < len(header):
        yield "CSV_HEADER_REPEATED"
    if any(len(row) != len(header) for row in rows):
        yield "CSV_HEADER_LENGTH_MISMATCH"
    measured = {variable["name"] for variable in compiled.get("variableMeasured", [])}
    yield from (f"CSV_COLUMN_MISSING_FROM_METADATA {name}" for name in header if name not in measured)
    seen.update(header)
