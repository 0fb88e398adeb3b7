"""A small study with a dictionary, several methods, trials that people answered, and scores; and its gallery."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import exemplum as ex
from exemplum import gallery, tables
from exemplum.study import Study, blinding
from server.browser.conftest import hook, pages  # noqa: F401

TOML = """
seed = 3
[model]
input_size = 48
[images]
limit = 110
[dictionaries.sae]
layer = "mixed3a"
load = "sae.safetensors"
activation = "relu"
[units]
layers = ["mixed3a", "mixed3b", "sae"]
hand_picked = ["mixed3a:5", "mixed3b:9"]
choose = "none"
practice = 1
[index]
keep = 40
[explanations]
batches = 1
[explanations.natural]
[explanations.crops]
method = "natural"
show = "crop"
[explanations.random]
[design]
protocol = "quick"
participants = 4
practice = 1
[observers]
run = ["ideal", "chance"]
[scores]
difficulty = ["extreme", 0.8]
tasks = 4
references = [4]
methods = ["natural", "random"]
observers = ["luminance"]
nulls = ["shuffled"]
"""
FEATURES, DEAD = 20, 3  # features of the dictionary, and one that is never active


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Machines and people have answered; recruitment is open, so people's answers are hidden."""
    folder = tmp_path_factory.mktemp("gallery") / "study"
    folder.mkdir()
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((128, FEATURES)).astype(np.float32)
    bias = np.full(FEATURES, -4, np.float32)
    bias[DEAD] = -1e6
    save_file(
        {"W_enc": weights, "b_enc": bias, "W_dec": weights.T.copy(), "b_dec": np.zeros(128, np.float32)},
        folder / "sae.safetensors",
    )
    made = ex.Study.open(folder).run("responses")
    made.run("scores")
    machines = tables.RESPONSES.read(folder / "responses" / "machines.parquet")
    people = machines[machines["observer"] == "chance"].assign(observer="participants", observer_kind="person")
    tables.RESPONSES.write(folder / "responses" / "people.parquet", people)
    blinding.write_status(made, status("open", len(people)))
    return Study.open(folder)


def status(recruitment: Any, answers: int) -> blinding.Status:
    return blinding.Status("0" * 32, recruitment, None, answers, 4, "design", "e.sqlite")


@pytest.fixture(scope="session")
def site(study: Study, pages: None) -> Path:  # noqa: F811
    """The folder of the gallery."""
    return gallery.build(study).parent


@pytest.fixture
def unblinded(study: Study, tmp_path: Path) -> Study:
    """A copy of the study whose recruitment is closed."""
    shutil.copytree(study.folder, tmp_path / "closed")
    copied = Study.open(tmp_path / "closed")
    blinding.write_status(copied, status("closed", 1))
    return copied


def data(site: Path, name: str) -> Any:
    """A file of the gallery's present data."""
    pointer = json.loads((site / "gallery.json").read_text(encoding="utf-8"))
    return json.loads((site / pointer["data"] / name).read_text(encoding="utf-8"))


def unit(site: Path, place: int) -> Any:
    chunk = data(site, "network.json")["chunk"]
    return data(site, f"units/{place // chunk}.json")[place % chunk]
