"""Observers by tables [observers.NAME]: several at once, each by its own name, and what is wrong with a table."""

import numpy as np
import pandas as pd
import pytest

from exemplum import observers
from exemplum.errors import UserError
from exemplum.observers import ObserverError, stage
from exemplum.responses import read_encoders
from exemplum.study.folder import Study
from exemplum.study.pipeline import refuse
from exemplum.tables import EVIDENCE, RESPONSES

NETS = """import torch
from torch import nn

def small(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())

def first(): return small(0)
def second(): return small(1)
"""
TABLES = """
[observers.one]
method = "similarity"
model = "nets:first"
input_size = 32
[observers.two]
method = "similarity"
model = "nets:second"
input_size = 32
layer = "1"
"""


def with_tables(study: Study, run: list[str], text: str = TABLES, head: str = "") -> Study:
    (study.folder / "nets.py").write_text(NETS, encoding="utf-8")
    names = str(run).replace("'", '"')
    (study.folder / "study.toml").write_text(f"seed = 4\n{head}[observers]\nrun = {names}\n{text}", encoding="utf-8")
    return Study.open(study.folder)


def test_each_named_observer_compares_by_its_own_network(few):
    study = with_tables(few, ["one", "two", "luminance"])
    summary = stage.run(study)
    table = RESPONSES.read(study.stage("responses") / "machines.parquet")
    assert set(table["observer"]) == {"one", "two", "luminance"}
    assert summary["one compares"].startswith("features of nets:first at 32 px")
    assert summary["luminance compares"] == "mean luminance"
    evidence = EVIDENCE.read(study.folder / EVIDENCE.files[0]).pivot(index="trial_id", columns="observer")["evidence"]
    assert not np.allclose(evidence["one"], evidence["two"])
    assert {path.name for path in (study.stage("responses") / "vectors").iterdir()} == {
        "one.npz", "two.npz", "luminance.npz",
    }  # fmt: skip
    one, two = observers.encoders(study, ["one", "two"])
    picture = np.zeros((8, 8, 3), np.uint8)
    assert (one.encode([picture]).shape, two.encode([picture]).shape) == ((1, 16), (1, 8))
    assert one.fingerprint != two.fingerprint
    noted = read_encoders(study.stage("responses"))
    assert noted["two"] == {"fingerprint": two.fingerprint, "metric": "cosine"}
    assert noted["luminance"]["metric"] == "euclidean"


def test_answers_do_not_depend_on_who_else_answers(few):
    stage.run(with_tables(few, ["one", "two"]))
    both = RESPONSES.read(few.stage("responses") / "machines.parquet")
    stage.run(with_tables(few, ["two"]))
    alone = RESPONSES.read(few.stage("responses") / "machines.parquet")
    pd.testing.assert_frame_equal(alone, both[both["observer"] == "two"].reset_index(drop=True))


def test_a_changed_table_makes_the_answers_stale_and_another_table_does_not(few):
    def fingerprint(text: str) -> str:
        return stage.fingerprint(with_tables(few, ["one"], text))

    first = fingerprint(TABLES)
    assert fingerprint(TABLES.replace("nets:first", "nets:second")) != first
    assert fingerprint(TABLES) == first


def test_one_that_is_the_tested_network_is_refused_or_called_so(few):
    table = '[observers.own]\nmethod = "similarity"\nmodel = "nets:first"\ninput_size = 32\n'
    head = '[model]\nload = "nets:first"\ninput_size = 32\n'
    study = with_tables(few, ["own"], table, head)
    with pytest.raises(
        UserError, match=r"study\.toml: \[observers\.own\]: nets:first is the tested network, which would"
    ):
        refuse(study, ["responses"])
    study = with_tables(few, ["own"], table + "same_network = true\n", head)
    (encoder,) = observers.encoders(study, ["own"])
    assert encoder.name == "own-same-network"
    picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    vectors = encoder.encode([picture])
    assert set(encoder.tested_layers) == set(encoder.network.layers)
    for layer, columns in encoder.tested_layers.items():
        assert observers.comparable(encoder, vectors, layer).shape[1] == vectors.shape[1] - (
            columns.stop - columns.start
        )
    assert observers.comparable(encoder, vectors, "elsewhere") is vectors


VLM = '[observers.gpt]\nmethod = "vlm"\nmodel = "m"\nurl = '


@pytest.mark.parametrize(("text", "said"), [
    ("[observers.clip]\nmodel = 'x'", "[observers.clip] method must be one of similarity, vlm (got none)"),
    ("[observers.clip]\nmethod = 'clip'", "[observers.clip] method must be one of similarity, vlm (got 'clip')"),
    ("[observers.simulatd]\nbias = 0.1", "must be one of similarity, vlm (got none); did you mean simulated"),
    ("[observers.clip]\nmethod = 'similarity'\nmodle = 'x'", "unknown key 'modle' in [observers.clip]"),
    ("[observers.clip]\nmethod = 'similarity'\ninput_size = 3", "[observers.clip] input_size must be a whole number"),
    ("[observers.ideal]\nmethod = 'similarity'", "'ideal', which is the name of a built-in observer; rename it"),
    ("[observers.luminance]\nmethod = 'similarity'", "'luminance', which is the name of a built-in observer"),
    ("[observers.'a/b']\nmethod = 'similarity'", "'a/b'; the name of an observer has at most 60 letters"),
    (f"{VLM}'ftp://x'", "[observers.gpt] url must be an address as in https://api.example.com/v1 (got 'ftp://x')"),
    (f"{VLM}'https://u:secret@x/v1'", "url must hold no user and no password"),
    (f"{VLM}'https://x/v1?key=3'", "url must be an address"),
    (f"{VLM}'https://x/v1'\nsettings = {{ stream = true }}", "settings must not hold stream, which the observer sets"),
    (f"{VLM}'https://x/v1'\nkey_variable = 'sk-12'", "key_variable must be the name of an environment variable"),
    (f"{VLM}'https://x/v1'\nconcurrency = 0", "[observers.gpt] concurrency must be a whole number from 1 to 256"),
    ("[observers.gpt]\nmethod = 'vlm'\nmodel = 'm'", "[observers.gpt] url is missing"),
])  # fmt: skip
def test_a_wrong_table_is_told_with_its_key(few, text, said):
    with pytest.raises(UserError) as caught:
        with_tables(few, ["chance"], text)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_without_a_table_is_told(few):
    with pytest.raises(ObserverError, match="no observer 'tow'; did you mean two"):
        observers.load("tow", with_tables(few, ["one"]))
