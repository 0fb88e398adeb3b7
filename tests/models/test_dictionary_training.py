"""A dictionary that is trained recovers planted concepts, says how good it is, and continues where it was stopped."""

import inspect
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import exemplum as ex
from exemplum import cli
from exemplum.errors import UserError
from exemplum.models.dictionaries import training
from exemplum.models.dictionaries.vectors import collect, geometric_median
from planted import network, planted

FEATURES, IMAGES = 96, 500
STUDY = """
[model]
load = "superposed:network"
[images]
load = "folder:pictures"
"""


@pytest.fixture(scope="module")
def concepts():
    return planted(IMAGES)


@pytest.fixture(scope="module")
def model():
    return ex.load(network())


@pytest.fixture(scope="module")
def corpus(concepts):
    return ex.open_images(concepts.images)


def command(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["exemplum", *arguments])
    try:
        cli.run()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture(scope="module")
def trained(concepts, tmp_path_factory):
    """The folder of a study in which the command has trained a dictionary, and what it printed."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "pictures").mkdir()
    for number, image in enumerate(concepts.images):
        Image.fromarray(image).save(folder / "pictures" / f"{number:04}.png")
    (folder / "study.toml").write_text(STUDY)
    (folder / "superposed.py").write_text(Path(inspect.getfile(network)).read_text())
    options = ["--layer", "0", "--features", str(FEATURES), "--k", "4", "--steps", "500", "--batch", "512"]
    with pytest.MonkeyPatch.context() as patch:
        assert (
            command(patch, "dictionary", "train", str(folder), *options, "--out", str(folder / "sae.safetensors")) == 0
        )
    return folder


@pytest.fixture(scope="module")
def dictionary(trained):
    return ex.dictionaries.load(trained / "sae.safetensors")


def best_matches(dictionary, concepts) -> tuple[np.ndarray, np.ndarray]:
    """For each concept the feature whose decoder vector is most like its direction, and that cosine's size."""
    vectors = dictionary.tensors["W_dec"].numpy()
    cosines = np.abs(concepts.directions @ (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T)
    return cosines.argmax(1), cosines.max(1)


def test_planted_directions_are_recovered(dictionary, concepts):
    features, cosines = best_matches(dictionary, concepts)
    assert (cosines >= 0.9).mean() >= 0.9
    assert len(set(features[cosines >= 0.9])) == (cosines >= 0.9).sum()  # each by a feature of its own
    # the layer's own channels, or random vectors, are no such features
    random = ex.dictionaries.sae(
        np.zeros((24, 96)), W_dec=np.random.default_rng(0).normal(size=(96, 24)), activation="relu"
    )
    assert (best_matches(random, concepts)[1] >= 0.9).mean() < 0.05


def test_their_exemplars_show_the_concepts(dictionary, concepts, model, corpus):
    attached = model.with_dictionary("sae", "0", dictionary)
    index = ex.build_index(attached, corpus, ["sae"], keep=9, workers=0)
    features, cosines = best_matches(dictionary, concepts)
    total = concepts.strengths.sum((1, 2))  # of each concept in each image
    shown = []
    for concept in np.flatnonzero(cosines >= 0.9):
        rows = index.exemplars(f"sae:{features[concept]}", k=9).to_frame()["row"]
        # strength in the exemplars, as a percentile of all images
        shown.append((total[rows, concept][:, None] > total[:, concept]).mean())
    assert np.mean(np.array(shown) > 0.95) >= 0.9


def test_the_command_prints_the_lines_to_add(trained, monkeypatch, capsys):
    options = [
        "--layer",
        "0",
        "--features",
        "30",
        "--k",
        "3",
        "--steps",
        "2",
        "--out",
        str(trained / "small one.safetensors"),
    ]
    assert command(monkeypatch, "dictionary", "train", str(trained), *options) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == '[dictionaries.small_one]\nlayer = "0"\nload = "small one.safetensors"'
    assert "explained variance" in printed.err
    (trained / "study.toml").write_text(STUDY + printed.out)
    study = ex.Study.open(trained)
    from exemplum.index import stage

    assert stage.load_model(study).layer("small_one").channels == 30
    # while the file is missing, the command can make it all the same
    (trained / "small one.safetensors").unlink()
    assert command(monkeypatch, "dictionary", "train", str(trained), *options) == 0
    (trained / "study.toml").write_text(STUDY)


def test_what_it_reports_is_what_its_file_does(trained, dictionary, model, corpus):
    # oracle: the formula of the autoencoder, on the same vectors, from the file alone
    facts = json.loads((trained / "sae.json").read_text())
    data = collect(model, corpus, "0", relu="after", most=1_000_000, seed=2021)
    own = dictionary.tensors
    features = dictionary.encoder(24, "0")(data.held_out[:, :, None, None])[:, :, 0, 0]
    error = data.held_out - (features @ own["W_dec"] + own["b_dec"])
    unexplained = error.square().sum() / (data.held_out - data.held_out.mean(0)).square().sum()
    assert facts["explained_variance"] == pytest.approx(1 - float(unexplained), abs=1e-4)
    active = dictionary.encoder(24, "0")(data.training[:, :, None, None])[:, :, 0, 0] > 0
    assert facts["dead"] == pytest.approx(float((~active.any(0)).float().mean()), abs=1e-3)
    assert facts["active"] == pytest.approx(float((features > 0).sum(1).float().mean()), abs=0.01)
    assert (facts["images"], facts["broken"], facts["vectors"], facts["held_out"]) == (500, 0, 450 * 16, 50 * 16)
    torch.testing.assert_close(own["W_dec"].norm(dim=1), torch.ones(FEATURES))
    assert not list(trained.glob(".*"))  # nothing is left of its state
    assert os.stat(trained / "sae.safetensors").st_mode & 0o777 == os.stat(trained / "study.toml").st_mode & 0o777


ASK = {"features": 40, "k": 3, "steps": 30, "batch": 256}


def same(one, other) -> bool:
    return all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


def test_the_seed_decides(model, corpus):
    once, again, other = (ex.train_dictionary(model, corpus, "0", **ASK, seed=seed) for seed in (1, 1, 2))
    assert same(once, again)
    assert not same(once, other)


def test_a_run_that_was_stopped_continues_to_the_same_result(model, corpus, tmp_path, monkeypatch):
    whole = ex.train_dictionary(model, corpus, "0", **ASK, out=tmp_path / "whole.safetensors")
    taken, update = [], training.Training._update

    def stopping(self, batch):
        if len(taken) == 17:
            raise KeyboardInterrupt
        taken.append(self.step)
        update(self, batch)

    monkeypatch.setattr(training.Training, "_update", stopping)
    with pytest.raises(KeyboardInterrupt):
        ex.train_dictionary(model, corpus, "0", **ASK, out=tmp_path / "sae.safetensors")
    assert not (tmp_path / "sae.safetensors").exists()
    taken.insert(0, -1)
    ended = ex.train_dictionary(model, corpus, "0", **ASK, out=tmp_path / "sae.safetensors")
    assert taken[1:] == list(range(30))  # no step twice
    assert same(whole, ended)
    assert ended.facts["loss"] == whole.facts["loss"]
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{suffix}" for name in ("whole", "sae") for suffix in ("safetensors", "json")
    }  # fmt: skip
    # a state of other settings is not continued
    taken[:] = []
    with pytest.raises(KeyboardInterrupt):
        ex.train_dictionary(model, corpus, "0", **ASK, out=tmp_path / "sae.safetensors")
    monkeypatch.setattr(training.Training, "_update", update)
    fresh = ex.train_dictionary(model, corpus, "0", **{**ASK, "k": 2}, out=tmp_path / "sae.safetensors")
    assert same(fresh, ex.train_dictionary(model, corpus, "0", **{**ASK, "k": 2}))


def test_epochs_are_passes_over_the_training_vectors(model, corpus):
    found = ex.train_dictionary(model, corpus, "0", features=30, k=3, epochs=0.5, batch=900)
    assert found.facts["steps"] == 4  # 7,200 vectors are 8 batches
    few = ex.train_dictionary(model, corpus, "0", features=30, k=3, steps=1, vectors=3000)
    assert few.facts["vectors"] + few.facts["held_out"] == 6 * 500


def test_dead_features_are_revived(model, corpus):
    data = collect(model, corpus, "0", relu="after", most=10_000, seed=0)
    settings = training.Settings(features=60, k=3, steps=150, batch=256, learning_rate=3e-3, seed=0)
    shares = []
    for weight in (0.0, training.AUXILIARY):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training, "AUXILIARY", weight)
            run = training.Training(data.training, settings)
            with torch.no_grad():
                run.parameters["b_enc"][:30] = -5.0  # none of these is ever among the largest
            run.run()
        shares.append(training._report(run, data)["dead"])
    assert shares[0] >= 0.5
    assert shares[1] < 0.25


def test_broken_images_are_left_out(model, concepts, tmp_path):
    for number, image in enumerate(concepts.images[:20]):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"no image")
    data = collect(model, ex.open_images(tmp_path), "0", relu="after", most=10_000, seed=0)
    assert (data.images, data.broken, len(data.training), len(data.held_out)) == (19, 1, 17 * 16, 2 * 16)


def test_the_geometric_median_has_the_least_sum_of_distances():
    points = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)) ** 3
    median = geometric_median(points)
    least = (points - median).norm(dim=1).sum()
    moved = median + 0.05 * torch.randn(100, 3, generator=torch.Generator().manual_seed(1))
    assert all((points - other).norm(dim=1).sum() > least for other in moved)


@pytest.mark.parametrize(("change", "message"), [
    ({"k": 41}, "k must be from 1 to the number of features, 40 .got 41."),
    ({"epochs": 1}, "give steps or epochs, not both"),
    ({"steps": None, "epochs": 0}, "epochs above 0"),
    ({"out": "sae.pt"}, "written as safetensors: name the file sae.safetensors"),
])  # fmt: skip
def test_numbers_that_do_not_fit_are_told(model, corpus, change, message):
    with pytest.raises(UserError, match=message):
        ex.train_dictionary(model, corpus, "0", **{**ASK, **change})


@pytest.mark.parametrize("given", [
    ex.dictionaries.directions(np.eye(5, 24), mean=np.ones(24), bias=np.ones(5)),
    ex.dictionaries.directions(np.eye(5, 24) + 1, mean=np.ones(24), similarity="cosine", relu="before"),
    ex.dictionaries.sae(np.ones((24, 7)), np.ones(7), np.ones((7, 24)), np.ones(24), activation="topk:3"),
    ex.dictionaries.sae(np.eye(24), b_dec=np.ones(24), activation="jumprelu", threshold=0.2, pre_bias=False),
])  # fmt: skip
def test_a_file_that_was_saved_needs_no_settings(given, model, tmp_path):
    given.save(tmp_path / "d.safetensors")
    again = ex.dictionaries.load(tmp_path / "d.safetensors")
    assert again.relu == given.relu
    prints = [model.with_dictionary("d", "0", each).fingerprint for each in (given, again)]
    assert prints[0] == prints[1]
