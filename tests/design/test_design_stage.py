"""The design stage: tables in, tables out, read back exactly."""

import subprocess
import sys
from pathlib import Path

import pytest

from design.made import stimuli, units, write_pictures
from exemplum import design
from exemplum.design import stage
from exemplum.study.folder import Study
from exemplum.tables import STIMULI, STUDY_UNITS


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "study.toml").write_text("seed = 4\n[design]\nparticipants = 3\ncatch = 1\n", encoding="utf-8")
    made = Study.open(tmp_path)
    of = units(6, 3)
    STUDY_UNITS.write(made.stage("explanations") / "units.parquet", of)
    pictures = STIMULI.write(made.stage("explanations") / "stimuli.parquet", stimuli(of, batches=6))
    write_pictures(tmp_path, pictures)
    made.finish("explanations", "made for the test", 0.0, {})
    return made


def test_a_design_is_read_back_exactly(study):
    stage.run(study)
    of = STUDY_UNITS.read(study.stage("explanations") / "units.parquet")
    pictures = STIMULI.read(study.stage("explanations") / "stimuli.parquet")
    assert design.load(study) == design.make("borowski2021-1", of, pictures, 3, 4, catch=1)


def test_the_same_study_gives_the_same_files(study):
    stage.run(study)
    before = {p.name: p.read_bytes() for p in study.stage("design").iterdir()}
    stage.run(study)
    assert {p.name: p.read_bytes() for p in study.stage("design").iterdir()} == before


def test_the_fingerprint_follows_seed_sizes_and_stimuli(study, tmp_path):
    first = stage.fingerprint(study)
    assert stage.fingerprint(Study.open(tmp_path)) == first
    prints = {first}
    for text in ("seed = 5\n[design]\nparticipants = 3\n", "seed = 4\n[design]\nparticipants = 2\n"):
        (tmp_path / "study.toml").write_text(text, encoding="utf-8")
        prints.add(stage.fingerprint(Study.open(tmp_path)))
    study.finish("explanations", "other stimuli", 0.0, {})
    prints.add(stage.fingerprint(study))
    assert len(prints) == 4


def test_a_query_among_its_references_stops_the_stage(study):
    """By the id of the image, before anything is written."""
    table = STIMULI.read(study.stage("explanations") / "stimuli.parquet")
    queries = table[(table["method"] == "natural") & (table["pole"] == "max") & (table["position"] == 9)]
    for unit, batches in queries.groupby("unit"):
        mine = table.index[(table["unit"] == unit) & (table["method"] == "synthetic") & (table["pole"] == "max")]
        table.loc[mine[: len(batches)], "image"] = batches["image"].to_list()
    STIMULI.write(study.stage("explanations") / "stimuli.parquet", table)
    with pytest.raises(design.DesignError, match=r"method synthetic: .*max_\d\.png shows the image .* max 9\.jpg"):
        stage.run(study)
    assert not (study.stage("design") / "design.json").exists()


def test_a_study_without_stimuli_says_what_to_run(tmp_path):
    (tmp_path / "study.toml").write_text("", encoding="utf-8")
    empty = Study.open(tmp_path)
    with pytest.raises(design.DesignError, match="has no units and stimuli yet; run: exemplum run"):
        stage.fingerprint(empty)
    with pytest.raises(design.DesignError, match="has no design yet; run: exemplum run"):
        design.load(empty)


def test_natural_is_no_condition_unless_the_study_says_so(study, tmp_path):
    (tmp_path / "study.toml").write_text('[explanations]\nmethods = ["synthetic"]\n', encoding="utf-8")
    stage.run(Study.open(tmp_path))
    assert {t.condition for t in design.load(study).trials} == {"none", "synthetic"}


def test_design_runs_without_torch():
    code = "import sys, exemplum.design, exemplum.design.stage; assert 'torch' not in sys.modules, 'torch'"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
