"""The whole line on the embedded network and images, in a small study. Oracle of resuming: a run without a stop."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sqlalchemy import select
from starlette.testclient import TestClient

import psychds
from exemplum import store
from exemplum.server import Experiment, Settings, create_app
from exemplum.server.pages import session_lines
from exemplum.server.sessions.entry import link_code
from exemplum.server.storage.schema import Answer, TrialRow
from exemplum.study import pipeline
from exemplum.study.folder import Study
from server.walk import Walker

TOML = """
seed = 3
[model]
load = "embedded"
input_size = 48
[images]
limit = 700
[units]
layers = ["mixed3b", "mixed4c"]
choose = "2 per layer"
hand_picked = ["mixed4c:7"]
practice = 2
[index]
keep = 100
[explanations]
batches = 4
[synthetic]
steps = 12
precision = "float32"
[design]
participants = 2
catch = 1
repeated = 2
[observers]
run = ["ideal", "chance", "similarity"]
[analysis]
bootstrap = 200
"""

TABLES = (
    "index/units.parquet", "index/extremes.parquet", "queries/units.parquet", "queries/queries.parquet",
    "explanations/stimuli.parquet", "explanations/traces.parquet", "design/trials.parquet",
    "responses/machines.parquet", "analysis/estimates.parquet",
)  # fmt: skip


def new_study(folder: Path, toml: str = TOML) -> Study:
    store.write_text(folder / "study.toml", toml)
    return Study.open(folder)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    """A study that ran without a stop."""
    study = new_study(tmp_path_factory.mktemp("whole"))
    pipeline.run(study)
    return study


def tables(study: Study, names=TABLES) -> dict[str, pd.DataFrame]:
    return {name: pd.read_parquet(study.folder / name) for name in names}


def test_every_stage_leaves_its_record_and_the_report_is_there(study):
    for stage in pipeline.stages(study):  # without scores, for which study.toml does not ask
        record = study.record(stage)
        assert record["seed"] == 3
        assert record["versions"]["torch"]
    assert (study.folder / "report" / "index.html").stat().st_size > 50_000


def test_the_command_exports_a_finished_study(study, exemplum, tmp_path):
    """Without people; with people below."""
    done = exemplum("export", str(study.folder), "--to", str(tmp_path / "dataset"))
    assert done.returncode == 0
    assert psychds.faults(tmp_path / "dataset") == ["MISSING analysis"]  # the scripts are about people
    assert len(pd.read_csv(next((tmp_path / "dataset").glob("data/*-machines_data.csv")))) > 0


def test_machines_score_as_they_must(study):
    answers = pd.read_parquet(study.folder / "responses/machines.parquet")
    main = answers[answers["trial_kind"] == "main"]
    accuracy = main.groupby("observer")["correct"].agg(["mean", "size"])
    assert accuracy.loc["ideal", "mean"] == 1.0
    chance, n = accuracy.loc["chance"]
    assert abs(chance - 0.5) < 3 * np.sqrt(0.25 / n)
    natural = main[(main["observer"] == "similarity") & (main["condition"] == "natural")]["correct"]
    assert natural.mean() > 0.5 + 2 * np.sqrt(0.25 / len(natural))


def test_queries_are_more_extreme_than_references(study):
    stimuli = pd.read_parquet(study.folder / "explanations/stimuli.parquet").query("method == 'natural'")
    queries = pd.read_parquet(study.folder / "queries/queries.parquet").set_index(["unit", "batch"])
    for key, shown in stimuli.groupby(["unit", "batch"]):
        highest, lowest = shown[shown["pole"] == "max"], shown[shown["pole"] == "min"]
        assert queries.loc[key, "activation_max"] >= highest["activation"].max(), key
        assert queries.loc[key, "activation_min"] <= lowest["activation"].min()
        assert highest.sort_values("position")["activation"].is_monotonic_decreasing
        assert lowest.sort_values("position")["activation"].is_monotonic_increasing
        assert not {*queries.loc[key, ["image_max", "image_min"]]} & {*shown["image"]}
        assert shown["path"].is_unique


def test_pictures_are_lossless_and_of_the_networks_size(study):
    stimuli = pd.read_parquet(study.folder / "explanations/stimuli.parquet")
    for path in stimuli.groupby("method")["path"].first():
        with Image.open(study.folder / path) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "RGB", (48, 48))
    steps = sorted((study.folder / "explanations/synthetic/mixed4c-7/steps").glob("max_0_step*.png"))
    assert [path.stem[-5:] for path in steps] == ["00000", "00004"]


def test_a_second_run_does_nothing(study):
    before = {path: path.stat().st_mtime_ns for path in study.folder.rglob("*") if path.is_file()}
    pipeline.run(study)
    assert {path: path.stat().st_mtime_ns for path in study.folder.rglob("*") if path.is_file()} == before


@pytest.mark.slow  # tests/test_forcing.py has what a change makes stale
def test_only_stages_behind_a_change_run_again(study, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(study.folder, folder)
    changed = new_study(folder, TOML.replace("bootstrap = 200", "bootstrap = 300"))
    finished = {stage: changed.record(stage)["finished"] for stage in pipeline.stages(changed)}
    time.sleep(1.1)  # records tell time in seconds
    pipeline.run(changed)
    again = [stage for stage in finished if changed.record(stage)["finished"] != finished[stage]]
    assert again == ["analysis", "report"]


@pytest.mark.slow
def test_people_stand_beside_machines_and_rules_judge_alike(study, exemplum, tmp_path):
    """Two people answer through the server of `exemplum serve`; one rushes through the instructions."""
    folder = tmp_path / "people"
    shutil.copytree(study.folder, folder)
    store.write_text(folder / "study.toml", TOML + "[exclusions]\ninstruction_time_s = 15\n")
    experiment = Experiment.open(Settings(folder, limits=False))
    with TestClient(create_app(experiment)) as client:
        careful, hasty = Walker(client), Walker(client)
        pilot = Walker(client, link=link_code(experiment, "pilot"))
        for walker in (careful, hasty, pilot, Walker(client)):  # the last one leaves at once
            walker.start()
        pilot.walk()
        careful.walk()
        hasty.do(hasty.walk(until=lambda step: step["kind"] == "instructions"), visible_ms=4000.0)
        hasty.walk()
        with experiment.database.read() as orm:
            live = {line.label: bool(line.excluded) for line in session_lines.lines(orm, experiment)}
            right = orm.scalars(
                select(Answer.correct).join(TrialRow).where(TrialRow.session_id == 1, TrialRow.kind == "main")
            ).all()
    assert live == {"P0001": False, "P0002": True, "P0003": False, "P0004": False}
    machines = (folder / "responses" / "machines.parquet").stat().st_mtime_ns
    pipeline.run(replace(Study.open(folder), unblinded="a test"))  # the study still recruits
    assert (folder / "responses" / "machines.parquet").stat().st_mtime_ns == machines
    verdicts = pd.read_parquet(folder / "analysis" / "exclusions.parquet")
    people = verdicts[verdicts["observer"] == "participants"].set_index("participant")["verdict"]
    assert people.to_dict() == {"P0001": "kept", "P0002": "excluded"}
    found = pd.read_parquet(folder / "analysis" / "estimates.parquet").query(
        "measure == 'accuracy' and by == 'participant' and aggregate == 'pooled' and observer == 'participants'"
    )
    assert set(found["group"]) == {"P0001"}
    whole = found[(found["trial_kind"] == "main") & found["condition"].isin(["natural", "synthetic", "none"])]
    assert (whole["estimate"] * whole["n_trials"]).sum() == sum(right)
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    for shown in ("participants", "ideal", "How intuitive the images seem", "instruction_time_s"):
        assert shown in page
    done = exemplum("export", str(folder), "--to", str(tmp_path / "dataset"), "--unblind", "a test")
    assert done.returncode == 0
    assert psychds.faults(tmp_path / "dataset") == []
    answers = pd.read_csv(next((tmp_path / "dataset").glob("data/*-responses_data.csv")))
    assert set(answers["participant"]) == {"P0001", "P0002"}  # no pilot
    flow = pd.read_csv(tmp_path / "dataset/results/participant_flow.csv", keep_default_na=False)
    assert list(flow.itertuples(index=False, name=None)) == [
        ("Entered", "", 3), ("Entered", "left before the first trial", 1),
        ("Finished", "", 2), ("Finished", "too little time on the instructions", 1), ("Analysed", "", 1),
    ]  # fmt: skip


def kill_when(study: Path, stage: str, appears: str, arguments: str = "") -> None:
    """Run a stage in a process of its own and kill it -9 as soon as a file appears."""
    code = f"""
from exemplum.explanations.synthetic import scheduler
scheduler.CHECKPOINT_S = 0.0
{arguments}
from exemplum.study import pipeline
from exemplum.study.folder import Study
from pathlib import Path
pipeline.run(Study.open(Path({str(study)!r})), [{stage!r}])
"""
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 240
    while not list(study.glob(appears)):
        assert process.poll() is None, "the stage ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow  # tests/test_killed.py kills single stages
def test_killed_in_index_and_synthesis_it_gives_the_same(study, tmp_path):
    killed = new_study(tmp_path / "killed")
    kill_when(killed.folder, "index", "index/partial.npz")
    with np.load(killed.folder / "index" / "partial.npz") as state:
        assert 0 < int(state["done"]) < 700
    pipeline.run(killed, ["index", "queries"])
    kill_when(killed.folder, "explanations", "explanations/synthetic/partial-*.pt")
    assert killed.record("explanations") is None
    kill_when(killed.folder, "explanations", "explanations/synthetic/*/pictures.json")
    kept = {path: path.stat().st_mtime_ns for path in killed.folder.glob("explanations/*/*/pictures.json")}
    pipeline.run(killed)
    for path, modified in kept.items():
        assert path.stat().st_mtime_ns == modified, f"{path} was made again"
    whole = tables(study)
    for name, table in tables(killed).items():
        pd.testing.assert_frame_equal(table, whole[name])
    for path in study.folder.glob("explanations/synthetic/*/*.png"):
        assert (killed.folder / path.relative_to(study.folder)).read_bytes() == path.read_bytes()


def test_photographs_and_a_random_network_reach_the_design(shared_data, tmp_path):
    toml = f"""
[model]
load = "torchvision:googlenet"
input_size = 64
[images]
load = "folder:{shared_data / "imagenet-sample-1000"}"
limit = 60
[units]
layers = ["inception3a"]
practice = 2
[explanations]
batches = 2
[synthetic]
steps = 2
[design]
participants = 2
"""
    study = new_study(tmp_path, toml)
    pipeline.run(study, ["index", "queries", "explanations", "design"])
    units = pd.read_parquet(tmp_path / "queries/units.parquet").query("role == 'main'")
    assert units["branch"].tolist() == ["1x1", "3x3", "5x5", "pool"]
    assert len(pd.read_parquet(tmp_path / "design/trials.parquet")) > 0
