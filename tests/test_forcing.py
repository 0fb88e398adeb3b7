"""Edits of the user's code, and --force, in the whole line. Oracle: a study made from nothing, and who was asked."""

import json
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exemplum import store
from exemplum.errors import UserError
from exemplum.explanations import stage
from exemplum.index.stage import load_model, open_corpus
from exemplum.study import pipeline
from exemplum.study.folder import Study

TOML = """
seed = 3
[model]
load = "nets:net"
[images]
limit = 60
[units]
layers = ["0"]
choose = "2 per layer"
practice = 2
[index]
keep = 24
[explanations]
methods = ["natural", "own:shades"]
batches = 2
[design]
participants = 2
catch = 1
repeated = 2
[observers]
run = ["own:brightest", "similarity"]
[analysis]
bootstrap = 20
"""
NETS = """
from torch import nn
from exemplum.models import Network, Preprocessing
import parts

def net():
    return Network(nn.Sequential(parts.first(6), nn.ReLU()), Preprocessing(size=32, resize=32))
"""
PARTS = """
from torch import nn

def first(channels):
    return nn.Conv2d(3, channels, 3)
"""
OWN = """
from pathlib import Path
import numpy as np
from exemplum import store
from exemplum.explanations import Picture, Pole
from exemplum.records import Response
import tones

HERE = Path(__file__).parent

def shades(request):
    for unit in request.units:
        with (HERE / "asked").open("a") as asked:
            print(unit, file=asked)
        if (HERE / "stop").exists() and unit == request.units[-1]:
            raise RuntimeError("stopped")
        level = tones.LEVEL + len((HERE / "level").read_text())  # a data file does not count
        for pole in Pole:
            for position in range(request.most):
                yield Picture(unit, pole, position, np.full((32, 32, 3), level + position, np.uint8))

class brightest:
    name = "brightest"

    def __init__(self, study):
        self.study = study

    def respond(self, trial, rng):
        light = {side: store.read_png(self.study.folder / path).mean() for side, path in trial.queries.items()}
        return Response(trial.trial_id, self.name, max(light, key=light.get), confidence=tones.CONFIDENCE)
"""
TONES = "LEVEL = 10\nCONFIDENCE = 2\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "study"
    for name, text in {
        "study.toml": TOML, "nets.py": NETS, "parts.py": PARTS, "own.py": OWN, "tones.py": TONES, "level": "",
    }.items():  # fmt: skip
        store.write_text(folder / name, text)
    pipeline.run(Study.open(folder))
    return folder


@pytest.fixture
def study(whole, tmp_path, monkeypatch) -> Study:
    """A copy of the finished study, used from another working directory."""
    shutil.copytree(whole, tmp_path / "study")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "study" / "asked").write_text("")
    return Study.open(Path("../study"))


def asked(study: Study) -> list[str]:
    return (study.folder / "asked").read_text().split()


def remade(study: Study, force: bool = False, only=None) -> list[str]:
    """The stages that a run makes anew."""
    stages = pipeline.stages(study)  # without scores, for which study.toml does not ask
    before = {stage: (study.folder / stage / "record.json").stat().st_mtime_ns for stage in stages}
    pipeline.run(Study.open(study.folder), only, force)
    return [s for s in stages if (study.folder / s / "record.json").stat().st_mtime_ns != before[s]]


def test_a_finished_study_is_current_from_another_directory(study):
    assert remade(study) == []
    assert asked(study) == []


class CountedCorpus:
    """A corpus that counts how often its fingerprint is asked for."""

    def __init__(self, corpus):
        self.corpus, self.asked = corpus, 0

    def __len__(self):
        return len(self.corpus)

    @property
    def fingerprint(self):
        self.asked += 1
        return self.corpus.fingerprint


def test_the_index_is_fingerprinted_once_per_command(study):
    counted = study.opened["images"] = CountedCorpus(open_corpus(study))
    pipeline.run(study)
    assert counted.asked == 1
    assert asked(study) == []  # nothing was made anew


def test_an_edited_helper_of_a_method_makes_its_pictures_anew(study):
    shown = study.folder / "explanations" / "shades"
    (study.folder / "tones.py").write_text(TONES.replace("10", "11"))
    assert remade(study) == ["explanations", "design", "responses", "analysis", "report"]
    units = pd.read_parquet(study.folder / "queries" / "units.parquet")["unit"]
    assert sorted(asked(study)) == sorted(units)
    assert all(store.read_png(path)[0, 0, 0] == 11 for path in shown.glob("*/max_0.png"))


def test_an_edited_observer_answers_anew(study):
    (study.folder / "tones.py").write_text(TONES + "\n")  # no edit that counts
    assert remade(study) == []
    own = (study.folder / "own.py").read_text().replace("tones.CONFIDENCE", "3")
    (study.folder / "own.py").write_text(own)
    assert remade(study, only=["responses"]) == ["responses"]
    answers = pd.read_parquet(study.folder / "responses" / "machines.parquet").query("observer == 'brightest'")
    assert set(answers["confidence"]) == {3}


@pytest.mark.slow  # the same as for the helper of a method
def test_an_edited_helper_of_a_factory_makes_the_index_anew(study):
    assert remade(study) == []  # loaded once in this process, as in a notebook
    (study.folder / "parts.py").write_text(PARTS.replace("3, channels, 3", "3, channels, 3, padding=1"))
    assert remade(study)[0] == "index"


def test_an_edited_file_of_a_recipe_makes_pictures_anew(study):
    toml = (study.folder / "study.toml").read_text() + '[synthetic]\nrecipe = "mine.toml"\n'
    (study.folder / "study.toml").write_text(toml)
    found = set()
    for steps in (3, 4, 3):
        (study.folder / "mine.toml").write_text(f'base = "lucid"\nsteps = {steps}\n')
        stage.check_names(opened := Study.open(study.folder))
        found.add(stage.fingerprint(opened))
    assert len(found) == 2


def test_a_network_in_the_studys_folder_reaches_workers(study, tmp_path):
    """Sent to a process in another directory, as a Ray worker is."""
    sent = pickle.dumps(load_model(study))
    code = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).fingerprint)"
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, cwd=tmp_path, check=True)
    assert done.stdout.decode().strip() == load_model(study).fingerprint


@pytest.mark.slow  # test_line.py has what stages a change makes stale
def test_settings_that_come_after_pictures_leave_them_alone(study):
    toml = (study.folder / "study.toml").read_text()
    (study.folder / "study.toml").write_text(toml.replace("participants = 2", "participants = 3") + "margin = 0.06\n")
    assert remade(study) == ["design", "responses", "analysis", "report"]
    assert asked(study) == []
    (study.folder / "study.toml").write_text(toml + "[synthetic]\nsteps = 9\n")  # a method may read it
    assert remade(study)[0] == "explanations"


def test_force_makes_everything_anew_whatever_lies_there(study, whole):
    """Each stage's files are spoilt; what a forced run leaves is what the study made from nothing has."""
    spoilt = ["index/units.parquet", "explanations/stimuli.parquet", "responses/machines.parquet"]
    for name in spoilt:
        (study.folder / name).write_bytes((study.folder / "queries/units.parquet").read_bytes())
    for path in study.folder.glob("explanations/*/*/*.png"):
        store.write_png(path, np.zeros((32, 32, 3), np.uint8))
    kept = study.folder / "responses" / "vectors" / "similarity.npz"
    with np.load(kept) as held:
        wrong = {name: held[name] for name in held} | {"values": np.zeros_like(held["values"])}
    np.savez(kept, **wrong)
    assert remade(study, force=True) == list(pipeline.stages(study))
    for name in [*spoilt, "design/trials.parquet", "analysis/estimates.parquet"]:
        pd.testing.assert_frame_equal(pd.read_parquet(study.folder / name), pd.read_parquet(whole / name))
    for path in whole.glob("explanations/*/*/*.png"):
        assert (study.folder / path.relative_to(whole)).read_bytes() == path.read_bytes()
    assert not (study.folder / "forced.json").exists()
    assert remade(study) == []


def test_a_stopped_forced_run_goes_on_and_loses_nothing(study):
    before = {path: path.read_bytes() for path in study.folder.glob("explanations/**/*.p*")}
    (study.folder / "stop").touch()
    (study.folder / "level").write_text("1")
    with pytest.raises(UserError, match=r"explanation method own:shades failed: RuntimeError: stopped .*own\.py, line"):
        remade(study, force=True, only=["explanations"])
    assert {path: path.read_bytes() for path in before} == before
    (study.folder / "stop").unlink()
    first = asked(study)
    # not forced: it goes on all the same
    assert remade(study, only=["explanations", "design"]) == ["explanations", "design"]
    assert asked(study)[len(first) :] == first[-1:]
    assert all(store.read_png(path)[0, 0, 0] == 11 for path in study.folder.glob("explanations/shades/*/max_0.png"))
    assert not list((study.folder / "explanations").glob(".*"))


def test_what_follows_a_forced_stage_is_stale_only_if_it_changed(study):
    assert remade(study, force=True, only=["explanations"]) == ["explanations"]
    assert remade(study) == []
    (study.folder / "level").write_text("12")
    assert remade(study, force=True, only=["explanations"]) == ["explanations"]
    assert remade(study) == ["design", "responses", "analysis", "report"]
    assert remade(study) == []


def test_partial_states_from_before_a_forced_run_are_dropped(study):
    (study.folder / "index" / "partial.npz").write_bytes(b"of a run that was stopped")
    assert remade(study, force=True, only=["index"]) == ["index"]
    assert not (study.folder / "index" / "partial.npz").exists()


def test_a_studys_folder_of_before_is_current(study):
    """Without the marks that this version leaves: what was made is not made again for want of them."""
    for mark in study.folder.glob("explanations/*/key.json"):
        mark.unlink()
    assert remade(study) == []
    record = study.folder / "explanations" / "record.json"
    held = json.loads(record.read_text())
    record.write_text(json.dumps(held | {"fingerprint": "of before"}))
    time.sleep(0.01)
    assert remade(study, only=["explanations"]) == ["explanations"]
    assert asked(study) == []
