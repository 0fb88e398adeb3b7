"""Drawings: families that differ, parameters that are true, the same picture every time."""

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from exemplum.images import drawings
from exemplum.images.drawings import FAMILIES, drawing
from images.drawn import DRAWN, mean_colours

names = st.sampled_from(sorted(FAMILIES))


def test_there_are_many_families_of_every_kind():
    assert len(FAMILIES) >= 36
    kinds = [family.kind for family in FAMILIES.values()]
    assert {kind: kinds.count(kind) >= 6 for kind in set(kinds)} == dict.fromkeys(
        ("pattern", "surface", "nature", "animal", "object", "landscape", "scene"), True
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_family_draws_square_images_that_show_something(name):
    for number in range(3):
        image = drawing(name, number, seed=0).image()
        assert image.shape == (drawings.SIZE, drawings.SIZE, 3)
        assert image.dtype == np.uint8
        assert image.std() > 8


@settings(max_examples=40, deadline=None)
@given(names, st.integers(0, 500), st.integers(0, 2**31))
def test_a_drawing_depends_on_family_number_and_seed_alone(name, number, seed):
    first, again = drawing(name, number, seed), drawing(name, number, seed)
    assert first.labels() == again.labels()
    assert (first.image() == again.image()).all()


@settings(max_examples=40, deadline=None)
@given(names, st.integers(0, 500), st.integers(0, 2**31))
def test_number_and_seed_change_the_drawing(name, number, seed):
    image = drawing(name, number, seed).image()
    assert (image != drawing(name, number + 1, seed).image()).mean() > 0.05
    assert (image != drawing(name, number, seed + 1).image()).mean() > 0.05


@settings(max_examples=60, deadline=None)
@given(names, st.integers(0, 500))
def test_labels_are_plain_values_known_before_drawing(name, number):
    labels = drawing(name, number, 0).labels()
    assert labels["family"] == name
    assert set(FAMILIES[name].parameters) <= set(labels)
    assert all(type(value) in (str, int, float) for value in labels.values())


def test_families_vary_in_colour_place_and_orientation():
    for name in FAMILIES:
        labels = [drawing(name, number, 0).labels() for number in range(45)]
        assert len({(label["ink"], label["ground"]) for label in labels}) >= (1 if name == "flames" else 6)
        assert np.std([label["x"] for label in labels]) > 0.02
        assert np.std([label["angle"] for label in labels]) > 1


def features(image: np.ndarray) -> np.ndarray:
    """Coarse features that know nothing of families: edges by place and direction, spectrum, contrast, colours."""
    small = np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.BOX), dtype=np.float32) / 255
    grey = small.mean(axis=2)
    down, across = np.gradient(grey)
    energy = np.hypot(down, across)
    direction = np.arctan2(down, across) % np.pi // (np.pi / 4 + 1e-6)
    edges = [(energy * (direction == turn)).reshape(4, 16, 4, 16).mean(axis=(1, 3)).ravel() for turn in range(4)]
    spectrum = (
        np.log1p(np.abs(np.fft.rfft2(grey - grey.mean())))[:32, :32].reshape(8, 4, 8, 4).mean(axis=(1, 3)).ravel()
    )
    spread = grey.reshape(8, 8, 8, 8).std(axis=(1, 3)).ravel()
    return np.concatenate(
        [
            np.sqrt(np.concatenate(edges)) * 4,
            spectrum / 4,
            spread * 3,
            small.std(axis=(0, 1)),
            grey[::16, ::16].ravel() / 2,
        ]
    )


def test_families_can_be_told_apart_by_a_simple_classifier():
    """Nearest mean of 14 drawings each, in whitened coarse features, on 6 others: chance is 1 in 72."""
    families = sorted(FAMILIES)
    table = np.stack([[features(drawing(name, number, 3).image()) for number in range(20)] for name in families])
    train, test = table[:, :14], table[:, 14:]
    spread = (train - train.mean(axis=1, keepdims=True)).reshape(-1, table.shape[2]).std(axis=0) + 1e-6
    centres = train.mean(axis=1) / spread
    distance = ((test[:, :, None] / spread - centres) ** 2).sum(axis=3)
    right = (distance.argmin(axis=2) == np.arange(len(families))[:, None]).mean(axis=1)
    assert right.mean() > 0.4  # measured .54
    assert (right > 0).mean() > 0.85  # nearly every family is told from all others at least once


def test_a_grating_has_the_cycles_that_it_says():
    """Oracle: the peak of the Fourier spectrum, cycles across the image."""
    for number in range(12):
        made = drawing("grating", number, 0)
        values = made.image() @ (np.array(made.look.ink) - np.array(made.look.ground))
        power = np.abs(
            np.fft.fftshift(np.fft.fft2((values - values.mean()) * np.hanning(128)[:, None] * np.hanning(128)))
        )
        power[63:66, 63:66] = 0  # the uneven light
        y, x = np.unravel_index(power.argmax(), power.shape)
        assert np.hypot(x - 64, y - 64) == pytest.approx(float(made.parameters["cycles"]), abs=0.75)


def test_ink_and_ground_differ_in_luminance():
    """A person must be able to see the thing."""
    differences = []
    for name in FAMILIES:
        for number in range(20):
            look = drawing(name, number, 0).look
            weights = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma
            differences.append(abs(weights @ np.array(look.ink) - weights @ np.array(look.ground)))
    assert np.mean(np.array(differences) >= 0.28) > 0.95


def test_drawings_are_those_that_their_version_names():
    """Oracle: mean colours as drawn when `families.VERSION` was set. If they differ, set another version and run
    `python -m tests.images.drawn`, which writes the file anew."""
    recorded = json.loads(DRAWN.read_text())
    assert recorded["version"] == drawings.fingerprint()
    found = mean_colours()
    assert found.keys() == recorded["colours"].keys()
    for name, colours in found.items():
        assert np.allclose(colours, recorded["colours"][name], atol=0.2), name
