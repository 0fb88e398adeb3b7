"""A study as a Psych-DS dataset. Oracle of the format: its published schema, as `psychds` states it."""

import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest

import psychds
from exemplum import export, store, tables
from exemplum.errors import UserError
from exemplum.store import Column

UNITS = "data/*-units_data.json"
DATASET = '[dataset]\nauthors = ["Ada L."]\nlicense = "CC-BY-4.0"\ndoi = "10.1/x"\n'


@pytest.fixture(scope="module")
def dataset(study, written, tmp_path_factory):
    """The export of the report's study."""
    folder = tmp_path_factory.mktemp("export") / "crops"
    export.write(study, folder)
    return folder


def test_it_is_a_valid_dataset(dataset):
    assert psychds.faults(dataset) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda to: (to / "dataset_description.json").unlink(), "MISSING_DATASET_DESCRIPTION"),
        (lambda to: next(to.glob(UNITS)).unlink(), None),  # the whole dataset's has them
        (lambda to: edit(to, lambda held: held.update({"@type": "Thing"}), UNITS), "INCORRECT_DATASET_TYPE"),
        (lambda to: edit(to, lambda held: held.pop("name")), "JSON_KEY_REQUIRED"),
        (lambda to: rename(to, "units_data.csv", "my units.csv"), "FILENAME_KEYWORD_FORMATTING_ERROR"),
        (lambda to: append(to, "a,b\n"), "CSV_HEADER_LENGTH_MISMATCH"),
    ],
)
def test_the_oracle_finds_faults(dataset, tmp_path, change, fault):
    shutil.copytree(dataset, tmp_path / "copy")
    change(tmp_path / "copy")
    found = psychds.faults(tmp_path / "copy")
    assert any(one.startswith(fault) for one in found) if fault else not found


def edit(folder, how, name="dataset_description.json"):
    path = next(folder.glob(name))
    held = store.read_json(path)
    how(held)
    store.write_json(path, held)


def rename(folder, end, name):
    path = next((folder / "data").glob(f"*{end}"))
    path.rename(path.with_name(name))


def append(folder, line):
    with next((folder / "data").glob("*-units_data.csv")).open("a", encoding="utf-8") as handle:
        handle.write(line)


def data(folder, name) -> pd.DataFrame:
    return pd.read_csv(next((folder / "data").glob(f"*description-{name}_data.csv")), keep_default_na=False)


def test_people_and_machines_are_in_files_of_their_own(dataset, study):
    people, machines = data(dataset, "responses"), data(dataset, "machines")
    assert set(people["observer_kind"]) == {"person"}
    assert set(machines["observer"]) == {"ideal", "similarity"}
    published = tables.RESPONSES.read(study.folder / "responses/people.parquet")
    assert people["trial_id"].tolist() == published["trial_id"].tolist()
    assert (people["correct"].astype(bool) == published["correct"]).all()


def test_every_column_says_what_it_holds(dataset):
    files = sorted((dataset / "data").glob("*.csv"))
    assert len(files) >= 5
    for path in files:
        measured = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["variableMeasured"]
        frame = pd.read_csv(path, keep_default_na=False)
        assert [one["name"] for one in measured] == list(frame)
        for one in measured:
            assert len(one["description"]) > 3
            assert not one["description"].startswith("as in "), one
            if "value" in one and len(frame):
                held = set(frame[one["name"]].astype(str)) - {""}
                assert held <= set(map(str, one["value"])), one["name"]
    sidecar = next((dataset / "data").glob("*responses_data.json"))
    described = {one["name"]: one for one in store.read_json(sidecar)["variableMeasured"]}
    assert described["rt_ms"]["unitText"] == "milliseconds"
    assert described["choice"]["value"] == ["top", "bottom"]
    assert (described["confidence"]["minValue"], described["confidence"]["maxValue"]) == (1, 3)


def test_the_files_of_a_paper_come_with_it(dataset):
    assert {path.name for path in (dataset / "analysis").iterdir()} == {"refit.R", "refit.py"}
    results = {path.name for path in (dataset / "results").iterdir()}
    assert {
        "methods.md",
        "participant_flow.svg",
        "exclusions_by_rule.csv",
        "estimates.csv",
        "comparisons.csv",
    } <= results
    done = subprocess.run([sys.executable, dataset / "analysis/refit.py"], capture_output=True, text=True)
    assert "4 participants, 3 units, 36 main trials" in done.stdout, done.stderr


@pytest.fixture
def said(study, tmp_path):
    """The same study, which says more of itself."""
    folder = tmp_path / "a study"
    shutil.copytree(study.folder, folder)
    with (folder / "study.toml").open("a", encoding="utf-8") as handle:
        handle.write(DATASET)
    return type(study).open(folder)


def test_what_study_toml_says_of_the_dataset(said, tmp_path):
    export.write(said, tmp_path / "out")
    held = json.loads((tmp_path / "out/dataset_description.json").read_text(encoding="utf-8"))
    assert held["author"] == [{"@type": "Person", "name": "Ada L."}]
    assert held["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert held["identifier"] == ["https://doi.org/10.1/x", f"exemplum:study:{said.id}"]
    assert psychds.faults(tmp_path / "out") == []
    assert "CC-BY-4.0" in (tmp_path / "out/LICENSE").read_text(encoding="utf-8")
    for path in (tmp_path / "out").rglob("*"):  # a code pays the reward
        assert not path.is_file() or b"C0FFEE" not in path.read_bytes(), path


def test_only_an_export_of_the_same_study_is_replaced(said, study, written, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=r"mine exists, and is no export of .*; name another folder with --to"):
        export.write(said, tmp_path / "mine")
    assert (tmp_path / "mine/notes.txt").exists()
    export.write(said, tmp_path / "out")
    (tmp_path / "out/left.txt").write_text("of before", encoding="utf-8")
    export.write(said, tmp_path / "out")
    assert not (tmp_path / "out/left.txt").exists()
    store.write_json(said.folder / "study.json", {"id": "f" * 32})
    with pytest.raises(UserError, match="is no export of"):
        export.write(said, tmp_path / "out")


def test_values_that_the_schema_does_not_name_are_added():
    from exemplum.export.variables import variable

    told = variable("scheme", tables.RESPONSES.columns["scheme"], pd.Series(["", "Max-9", "Max-4"]))
    assert told["value"] == ["Min-Max-9", "Max-9", "Min-Max-1", "Max-1", "Max-4"]
    assert "value" not in variable("note", Column("str", "a note"), pd.Series(["a", "b"]))
