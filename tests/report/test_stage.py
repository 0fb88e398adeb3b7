"""The report as a stage: stale when its inputs are, whole or not at all, and for studies of every kind."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import psychds
from exemplum import export, store, tables
from exemplum.report import stage
from exemplum.responses import Entered, write_entered
from exemplum.study import blinding


def test_more_answers_make_the_report_stale(finished_stimuli):
    before = stage.fingerprint(finished_stimuli)
    path = finished_stimuli.folder / "responses/people.parquet"
    rows = tables.RESPONSES.read(path)
    assert stage.fingerprint(finished_stimuli) == before
    tables.RESPONSES.write(path, rows.iloc[:-5])
    assert stage.fingerprint(finished_stimuli) != before


def test_people_who_enter_make_the_report_stale(finished_stimuli):
    """The paper's section tells how many entered, from a file that the server also writes without new answers."""
    study, found = finished_stimuli, [stage.fingerprint(finished_stimuli)]
    for entered in (Entered(5, outcomes={"completed": 4, "no_consent": 1}), Entered(6, 1, outcomes={"completed": 4})):
        write_entered(study, entered)
        found.append(stage.fingerprint(study))
        assert stage.fingerprint(study) == found[-1]
    assert len(set(found)) == 3


@pytest.mark.slow  # tests/server/test_unblinding.py has it for each verb
@pytest.mark.parametrize("recruitment", ["open", "paused"])
def test_people_are_hidden_while_the_study_recruits(finished_stimuli, parse, tmp_path, recruitment):
    shown = 'data-observer="participants"'
    write_effects(finished_stimuli)
    index = finished_stimuli.folder / "report/index.html"
    stage.run(finished_stimuli)
    assert shown in index.read_text(encoding="utf-8")
    before = stage.fingerprint(finished_stimuli)
    closed = blinding.read_status(finished_stimuli)
    blinding.write_status(finished_stimuli, replace(closed, recruitment=recruitment))
    assert stage.fingerprint(finished_stimuli) != before
    stage.run(finished_stimuli)
    assert "left out while the study recruits" in parse(index).text["result"]
    assert shown not in index.read_text(encoding="utf-8")
    assert "people in the browser" not in parse(index).text["answered"]
    for path in (finished_stimuli.folder / "report/tables").glob("*.parquet"):
        table = pd.read_parquet(path)
        assert "participants" not in set(table.get("observer", ())), path.name
    assert not (finished_stimuli.folder / "report/paper").exists()
    export.write(finished_stimuli, tmp_path / "dataset")
    assert psychds.faults(tmp_path / "dataset") == ["MISSING analysis"]  # the scripts are about people
    assert "left out while the study recruits" in (tmp_path / "dataset/README.md").read_text(encoding="utf-8")
    for path in (tmp_path / "dataset").rglob("*.csv"):
        assert "participants" not in set(pd.read_csv(path).get("observer", ())), path.name
    stage.run(replace(finished_stimuli, unblinded="planned"))
    assert "the reason given: planned" in parse(index).text["result"]
    assert shown in index.read_text(encoding="utf-8")


def write_effects(study):
    row = {"experiment": "1", "observer": "participants", "model": "glmm_slopes", "grouping": "unit", "branch": "",
           "condition": "natural", "std_error": 0.3, "estimate": 0.1, "low": -0.6, "high": 0.6, "accuracy": 0.9,
           "accuracy_low": 0.8, "accuracy_high": 0.95, "observed": 1.0, "n_trials": 10, "selection": "random",
           "margin": float("nan"), "note": ""}  # fmt: skip
    tables.EFFECTS.write(
        study.folder / "analysis/effects.parquet",
        [row | {"observer": observer, "name": f"mixed{k}a:1", "layer": f"mixed{k}a"}
         for observer in ("participants", "ideal") for k in (3, 4)],
    )  # fmt: skip


def test_units_are_a_figure_and_a_table_of_the_report(finished_stimuli, parse):
    write_effects(finished_stimuli)
    stage.run(finished_stimuli)
    folder = finished_stimuli.folder / "report"
    assert (folder / "figures/difficulty_of_units_participants.svg").exists()
    assert not (folder / "figures/difficulty_of_units_ideal.svg").exists()  # known in advance
    assert "Difficulty of units, by participants." in parse(folder / "index.html").text["figures"]
    assert len(pd.read_csv(folder / "tables/effects.csv")) == 4


def test_an_absent_table_is_named(finished_stimuli):
    (finished_stimuli.folder / "analysis/estimates.parquet").unlink()
    with pytest.raises(store.StoreError, match=r"estimates\.parquet does not exist; run the stage"):
        stage.run(finished_stimuli)


def test_without_answers_there_is_a_report_that_says_so(finished_stimuli, parse):
    for path in (finished_stimuli.folder / "responses").glob("*.parquet"):
        path.unlink()
    for table, name in ((tables.ESTIMATES, "estimates"), (tables.COMPARISONS, "comparisons")):
        table.write(finished_stimuli.folder / f"analysis/{name}.parquet", [])
    stage.run(finished_stimuli)
    page = parse(finished_stimuli.folder / "report/index.html")
    assert "n = 0" in page.text["result"]
    assert "No answers yet" in page.text["answered"]
    assert "nan" not in page.text["units"]


@pytest.fixture(scope="module")
def gaps(tmp_path_factory, finish):
    """A study of finished stimuli with two unreadable pictures and a condition unanswered."""
    study = finish(tmp_path_factory.mktemp("gaps") / "study")
    stimuli = tables.STIMULI.read(study.folder / "explanations/stimuli.parquet")
    absent, broken = (study.folder / path for path in stimuli["path"].iloc[[21, 28]])
    absent.unlink()
    broken.write_bytes(b"not a picture")
    path = study.folder / "analysis/estimates.parquet"
    rows = tables.ESTIMATES.read(path)
    gone = (rows["condition"] == "synthetic") & (rows["observer"] == "similarity")
    rows.loc[gone, ["estimate", "low", "high"]] = np.nan
    rows.loc[gone, ["n_trials", "n_participants"]] = 0
    tables.ESTIMATES.write(path, rows)
    return study, stage.run(study)


def test_finished_stimuli_have_no_index_and_no_activations(gaps, parse):
    study, summary = gaps
    page = parse(study.folder / "report/index.html")
    assert "is unknown" in page.text["strength"]
    assert "activation" not in page.text["unit-mixed3a:3"]
    assert summary["units"] == 3
    natural = [image["alt"] for image in page.all("img") if image["alt"].startswith("mixed3a:3, natural max")]
    assert natural == [f"mixed3a:3, natural max {k}" for k in range(9)]  # by rank: the first is the most extreme


def test_an_absent_or_broken_picture_leaves_a_gap_and_is_counted(gaps, parse):
    study, summary = gaps
    page = parse(study.folder / "report/index.html")
    assert summary["missing pictures"] == 2
    assert "2 picture files could not be read" in page.text["units"]


def test_a_condition_that_nobody_answered_is_a_dash_with_n_0(gaps):
    text = (gaps[0].folder / "report/index.html").read_text(encoding="utf-8")
    row = text[text.index('<tr><th scope="row">similarity</th>') :]
    assert '<td class="n">—<br><span class="soft">n = 0</span></td>' in row[: row.index("</tr>")]


def test_the_page_is_reproducible_and_pictures_stay(study, written):
    pictures = {path: path.read_bytes() for path in (study.folder / "explanations").rglob("*.png")}
    first = (written / "index.html").read_bytes()
    stage.run(study)
    assert (written / "index.html").read_bytes() == first
    assert len(pictures) == 120
    assert all(path.read_bytes() == content for path, content in pictures.items())


def test_lists_become_text_in_csv(written):
    trials = pd.read_csv(written / "tables/trials.csv", keep_default_na=False)
    shown = trials[trials["condition"] == "natural"].iloc[0]
    assert len(shown["max_references"].split()) == 9
