"""Queries and references that are close by features. The vectors are given, so how close they are is known."""

import numpy as np
import pytest

from exemplum import store
from exemplum.checks.features import CLOSE, CLOSER, features
from exemplum.checks.shown import ShownPictures, Stimulus
from exemplum.design import StimulusIdentity
from exemplum.records import ReferenceSet

NAMES = ("max_0", "max_1", "max_2", "min_0", "min_1", "min_2", "other_0", "other_1", "other_2", "mean")
UNKNOWN = {name: StimulusIdentity("", "") for name in NAMES}


def found(folder, likeness: dict[tuple[str, str], float], known=UNKNOWN):
    """What is found of two units, whose pictures are orthogonal but for the pairs given."""
    for place, name in enumerate(NAMES):
        store.write_png(folder / name, np.full((4, 4, 3), place, np.uint8))
    pictures = ShownPictures(folder, NAMES)
    vectors = {name: np.eye(2 * len(NAMES))[place] for place, name in enumerate(NAMES)}
    for (one, other), cosine in likeness.items():
        vectors[other] = cosine * vectors[one] + np.sqrt(1 - cosine**2) * vectors[other]
    given = np.stack([vectors[name] for name in NAMES])[np.argsort(pictures.rows(NAMES))]
    both = np.concatenate([given, -given])  # so that their mean is 0
    stimuli = [
        Stimulus("a:1", "a", "natural", "extreme", ReferenceSet(NAMES[0:2], NAMES[3:5]), "max_2", "min_2"),
        Stimulus("a:1", "a", "drawn", "extreme", ReferenceSet(NAMES[6:7], NAMES[7:8]), "max_2", "min_2"),
    ]
    return {one.condition: one for one in features(stimuli, pictures, both, known, ("natural",), "net")}


def test_the_closest_pair_is_told(tmp_path):
    made = found(tmp_path, {("max_2", "max_1"): 0.6, ("min_2", "other_0"): 0.9})
    assert made["natural"].value == pytest.approx(0.6)
    assert made["natural"].verdict.value == "fine"
    assert made["drawn"].value == pytest.approx(0.9)
    assert made["drawn"].verdict.value == "look"
    assert made["drawn"].high == pytest.approx(CLOSE)
    assert "other_0 is 0.90 like min_2" in made["drawn"].found
    assert made["drawn"].advice


@pytest.mark.parametrize(("likeness", "verdict"), [(0.9, "fine"), (0.97, "look")])
def test_where_images_that_are_not_shown_together_are_as_close_the_limit_is_higher(tmp_path, likeness, verdict):
    """The two maximal references are no query, and as close to one another as drawings of one shape are."""
    made = found(tmp_path, {("max_0", "max_1"): 0.9, ("max_2", "other_0"): likeness})
    assert made["drawn"].high == pytest.approx(np.tanh(np.arctanh(0.9) + CLOSER))
    assert made["drawn"].verdict.value == verdict


def test_parts_of_one_photograph_do_not_raise_the_limit(tmp_path):
    known = UNKNOWN | {name: StimulusIdentity("", "photograph 3") for name in ("max_0", "max_1")}
    assert found(tmp_path, {("max_0", "max_1"): 0.97}, known)["drawn"].high == pytest.approx(CLOSE)


def test_neither_do_query_and_reference_themselves(tmp_path):
    made = found(tmp_path, {("max_2", "max_1"): 0.97})
    assert made["natural"].high == pytest.approx(CLOSE)
    assert made["natural"].verdict.value == "look"
