"""Which units a study tests: the hand-picked ones, and those that are drawn from its layers."""

from pathlib import Path

import numpy as np
import pytest

import exemplum as ex
from exemplum.errors import UserError
from exemplum.index import UnitsSection, stage as index_stage
from exemplum.queries import units
from exemplum.study.folder import Study
from exemplum.study.pipeline import refuse

LAYERS = ["mixed3a", "mixed4a"]


@pytest.fixture(scope="module")
def index(model, corpus):
    return ex.build_index(model, corpus, LAYERS, keep=20)


def test_no_unit_is_drawn_from_a_layer_that_is_indexed_for_a_hand_picked_one(model, index):
    section = UnitsSection(hand_picked=("mixed4a:7",), choose="2 per branch", practice=40)
    chosen = units.choose(model, index, section, 0.3, np.random.default_rng(0), layers=["mixed3a"])
    assert [str(entry.unit) for entry in chosen if entry.selection == "hand_picked"] == ["mixed4a:7"]
    drawn = [entry for entry in chosen if entry.selection == "random"]
    assert len(drawn) == 2 * 4 + 40
    assert {entry.unit.layer for entry in drawn} == {"mixed3a"}


def test_a_hand_picked_unit_adds_its_layer(tmp_path: Path):
    text = '[units]\nlayers = ["mixed3a"]\nhand_picked = ["mixed4a:7", "mixed4c.3x3:2", "mixed3a:1"]\n'
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    study = Study.open(tmp_path)
    refuse(study, ["index", "queries"])
    model = index_stage.load_model(study)
    assert index_stage.layers(study, model) == ["mixed3a", "mixed4a", "mixed4c.3x3"]
    assert index_stage.drawn_layers(study, model) == ["mixed3a"]
    (tmp_path / "study.toml").write_text(text.replace("mixed4a:7", "mixed4a:999"), encoding="utf-8")
    with pytest.raises(UserError, match=r"\[units\] hand_picked: mixed4a has channels 0 to 255, not 999"):
        refuse(Study.open(tmp_path), ["index", "queries"])
