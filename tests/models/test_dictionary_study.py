"""Studies whose units are features of dictionaries: index, exemplars, synthesis through the encoder, the whole line."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import exemplum as ex
from exemplum import cli
from exemplum.errors import UserError
from exemplum.models.dictionaries import encoders

LAYER, CHANNELS, FEATURES, K = "mixed4a", 256, 320, 8


@pytest.fixture(scope="module")
def vectors(model, corpus) -> np.ndarray:
    """The layer's values at all positions of all images, after the ReLU: (positions, channels)."""
    shown = np.stack([model.crop(corpus.decode(row)) for row in range(len(corpus))])
    with torch.inference_mode():
        maps = model.reader([LAYER], relu="after")(torch.from_numpy(shown).permute(0, 3, 1, 2) / 255)[LAYER]
    return maps.movedim(1, -1).flatten(0, 2).numpy()


@pytest.fixture(scope="module")
def sae(model, corpus) -> ex.dictionaries.Dictionary:
    return ex.train_dictionary(model, corpus, LAYER, features=FEATURES, k=K, steps=120, batch=256)


@pytest.fixture(scope="module")
def attached(model, vectors, sae):
    """The embedded network with principal components and a sparse autoencoder of a layer."""
    mean = vectors.mean(0)
    axes = np.linalg.svd(vectors - mean, full_matrices=False)[2][:6]
    pca = ex.dictionaries.directions(axes, mean=mean)
    return model.with_dictionary("pca", LAYER, pca).with_dictionary("sae", LAYER, sae)


@pytest.fixture(scope="module")
def index(attached, corpus):
    return ex.build_index(attached, corpus, ["pca", "sae"], keep=20, workers=0)


def test_an_index_of_features_is_their_formula(index, vectors, sae, corpus):
    # oracle: the formulas on the layer's values, averaged over each image's positions
    own = {name: tensor.numpy() for name, tensor in sae.tensors.items()}
    before = (vectors - own["b_dec"]) @ own["W_enc"] + own["b_enc"]
    kept = np.where(before >= np.sort(before, axis=1)[:, -K][:, None], before, 0).clip(0)
    axes = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)[2][:6]
    of_images = {
        "sae": kept.reshape(len(corpus), -1, FEATURES).mean(1),
        "pca": ((vectors - vectors.mean(0)) @ axes.T).reshape(len(corpus), -1, 6).mean(1),
    }
    for name, expected in of_images.items():
        units = index.units[index.units["layer"] == name]
        np.testing.assert_allclose(units["mean"], expected.mean(0), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(units["high"], expected.max(0), rtol=1e-3, atol=1e-4)
        strongest = index.exemplars(f"{name}:3", k=5).to_frame()
        np.testing.assert_allclose(strongest["activation"], np.sort(expected[:, 3])[::-1][:5], rtol=1e-3, atol=1e-4)
    assert (index.units.loc[index.units["layer"] == "sae", "active"] == (of_images["sae"] > 0).sum(0)).all()


def features_to_show(index, count: int) -> list[str]:
    """Features that are active for few images, so that noise activates none of them."""
    units = index.units[(index.units["layer"] == "sae") & ~index.units["dead"]]
    return units.sort_values("active", kind="stable")["unit"][:count].tolist()


def test_pictures_are_optimized_through_the_top_k(attached, index):
    names = features_to_show(index, 6)
    found = ex.visualize(attached, names, poles="max", images=1, steps=40, index=index).to_frame()
    assert (found["activation"] > 0).all()
    assert (found["margin"] > 0).mean() >= 0.5
    components = ex.visualize(attached, "pca:2", images=1, steps=32, index=index).to_frame()
    assert components["percentile"].tolist()[0] >= 95
    assert components["percentile"].tolist()[1] <= 5  # the minimal pole


def test_without_gradients_of_silent_features_most_pictures_stay_silent(attached, index, monkeypatch):
    class TrueGradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx, values, active):
            ctx.save_for_backward(active)
            return torch.where(active, values, 0)

        @staticmethod
        def backward(ctx, gradient):
            return torch.where(ctx.saved_tensors[0], gradient, 0), None

    monkeypatch.setattr(encoders, "_Gate", TrueGradient)
    found = ex.visualize(attached, features_to_show(index, 6), poles="max", images=1, steps=10).to_frame()
    assert (found["activation"] == 0).mean() > 0.5


STUDY = """
seed = 3
[model]
input_size = 48
[dictionaries.sae]
layer = "mixed4a"
load = "sae.safetensors"
[dictionaries.coded]
layer = "mixed3b"
load = "mine:axes"
relu = "before"
[images]
limit = 300
[units]
layers = ["sae", "coded", "mixed3a"]
choose = "1 per layer"
hand_picked = ["coded:1"]
practice = 2
[index]
keep = 60
[explanations]
batches = 4
[synthetic]
steps = 3
[design]
participants = 1
catch = 1
repeated = 2
[observers]
run = ["ideal"]
[analysis]
bootstrap = 50
"""
MINE = """
import numpy as np
from exemplum.models.dictionaries import directions

def axes():
    return directions(np.eye(4, 240))
"""


@pytest.fixture
def folder(sae, tmp_path) -> Path:
    sae.save(tmp_path / "sae.safetensors")
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


def test_features_go_from_index_to_the_machines_answers(folder):
    study = ex.Study.open(folder).run("responses")
    units = study.tables.study_units
    assert set(units["layer"]) == {"sae", "coded", "mixed3a"}
    stimuli = study.tables.stimuli
    assert stimuli["activation"].notna().all()
    assert set(stimuli["method"]) == {"natural", "synthetic"}
    assert (study.folder / "explanations" / "synthetic" / "coded-1" / "max_0.png").exists()
    # what the features depend on makes the index stale: a setting, the file, the user's code
    from exemplum.index import stage

    made = stage.fingerprint(ex.Study.open(folder))
    (folder / "study.toml").write_text(STUDY.replace('relu = "before"', 'relu = "after"'))
    assert stage.fingerprint(ex.Study.open(folder)) != made
    (folder / "study.toml").write_text(STUDY)
    assert stage.fingerprint(ex.Study.open(folder)) == made
    (folder / "mine.py").write_text(MINE.replace("np.eye(4, 240)", "np.eye(5, 240)"))
    assert stage.fingerprint(ex.Study.open(folder)) != made


@pytest.mark.slow
def test_features_go_to_the_report(folder):
    study = ex.Study.open(folder).run("report")
    assert "sae:" in (study.folder / "report" / "index.html").read_text()


def test_units_of_a_study_are_listed_with_its_dictionaries(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["exemplum", "units", str(folder)])
    with pytest.raises(SystemExit) as stop:
        cli.run()
    assert not stop.value.code
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("sae", "coded", "features", "320"))


@pytest.mark.parametrize(("old", "new", "message"), [
    ('layer = "mixed4a"', 'layer = "mixed4f"', r"\[dictionaries.sae\] layer: model embedded has no layer 'mixed4f'"),
    ('layer = "mixed4a"', 'layer = "mixed5b"', r"\[dictionaries.sae\]: .*sae.safetensors has vectors of 256 or 320"),
    ('load = "sae.safetensors"', 'load = "sea.safetensors"', r"\[dictionaries.sae\]: the weights file .* does not ex"),
    ('load = "sae.safetensors"', "", r"\[dictionaries.sae\] load is missing; it must be"),
    ('load = "sae.safetensors"', 'load = "sae.safetensors"\nactivation = "topk"',
     r"\[dictionaries.sae\] activation must be relu, topk:K, batchtopk, jumprelu or none \(got 'topk'\)"),
    ('load = "sae.safetensors"', 'load = "sae.safetensors"\nactivaton = "relu"',
     r"unknown key 'activaton' in \[dictionaries.sae\]; did you mean activation"),
    ('load = "sae.safetensors"', 'load = "sae.safetensors"\nnames = {W_encoder = "x"}', r"unknown key 'W_encoder'"),
    ("[dictionaries.sae]", "[dictionaries.mixed4b]", r"\[dictionaries.mixed4b\]: the model has a layer 'mixed4b' alre"),
    ("mine:axes", "mine:axis", r"\[dictionaries.coded\]: no dictionary 'mine:axis': mine has no 'axis'"),
    ('"sae", "coded"', '"sea", "coded"', r"\[units\] layers: model embedded has no layer 'sea'; did you mean sae"),
    ("coded:1", "coded:4", r"\[units\] hand_picked: coded has channels 0 to 3, not 4"),
])  # fmt: skip
def test_what_is_wrong_with_a_dictionary_is_told_before_any_work(folder, old, new, message):
    assert old in STUDY
    (folder / "study.toml").write_text(STUDY.replace(old, new))
    with pytest.raises(UserError, match=message) as told:
        ex.Study.open(folder).run("index")
    assert str(told.value).count("study.toml") == 1
    assert not (folder / "index").exists()
