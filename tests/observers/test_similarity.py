"""The observer that compares pictures: its formula, and what it is not to look at."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

import exemplum as ex
from design.made import stimuli, units
from exemplum.design import make
from exemplum.observers import ObserverError
from exemplum.observers.network_encoder import fit
from exemplum.observers.similarity import Similarity
from exemplum.records import ReferenceSet, Side

OF = units(4, 2)
DESIGN = make("borowski2021-2", OF, stimuli(OF, references=(1, 9), batches=3), 1, seed=1)
PATHS = sorted({p for t in DESIGN.trials for p in (*t.references, t.query_max, t.query_min)})
LAYERS = {"mixed3a": 6, "mixed4a": 5, "other": 7}


class Planted:
    """An encoder whose vectors are those of layers, side by side."""

    fingerprint, metric = "planted", "cosine"

    def __init__(self, raw: dict[str, np.ndarray], *, tested: bool = False) -> None:
        self.name, self.raw = "planted", raw
        ends = np.cumsum([values.shape[1] for values in raw.values()])
        columns = {name: slice(end - of.shape[1], end) for end, (name, of) in zip(ends, raw.items(), strict=True)}
        self.tested_layers = columns if tested else {}

    @property
    def vectors(self) -> np.ndarray:
        return np.concatenate([of / np.linalg.norm(of, axis=1, keepdims=True) for of in self.raw.values()], 1)

    def encode(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        raise NotImplementedError  # the vectors are there


def raw(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.random((len(PATHS), width)) for name, width in LAYERS.items()}


def observer_of(layers: dict[str, np.ndarray], trials=(), *, tested: bool = False) -> Similarity:
    encoder = Planted(layers, tested=tested)
    return Similarity(encoder, PATHS, encoder.vectors, trials)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_evidence_is_that_of_machine_interpretability():
    layers = raw()
    observer = observer_of(layers)

    def s(query: str, references: tuple[str, ...]) -> float:
        pairs = [(PATHS.index(query), PATHS.index(reference)) for reference in references]
        return float(np.mean([[cosine(of[a], of[b]) for a, b in pairs] for of in layers.values()]))

    for trial in DESIGN.trials[:40]:
        e = trial.references
        delta = s(trial.query_max, e.max) - s(trial.query_min, e.max)
        if e.min:
            delta -= s(trial.query_max, e.min) - s(trial.query_min, e.min)
        sign = 1 if trial.max_side is Side.TOP else -1
        assert observer.evidence(trial) == pytest.approx(sign * delta)


def test_the_truth_is_not_looked_at():
    """Calling the other query the maximal one, where it stands, changes no answer."""
    observer = observer_of(raw())
    for trial in DESIGN.trials:
        renamed = replace(trial, query_max=trial.query_min, query_min=trial.query_max, max_side=trial.max_side.other)
        assert renamed.queries == trial.queries
        assert observer.evidence(renamed) == observer.evidence(trial)


def test_turning_the_screen_round_turns_the_answer_round():
    observer = observer_of(raw())
    for trial in DESIGN.trials:
        turned = replace(trial, max_side=trial.max_side.other)
        assert observer.evidence(turned) == pytest.approx(-observer.evidence(trial))


@given(st.integers(0, 500))
def test_a_query_that_is_a_reference_wins_against_one_unlike_all(seed):
    rng = np.random.default_rng(seed)
    vectors = np.eye(4)[[0, 0, 1, 2, 3]] * rng.uniform(0.1, 9)  # max query and reference alike, all others orthogonal
    observer = Similarity(Planted({"layer": vectors}), ["q+", "e+", "q-", "e-", "x"], vectors)
    trial = replace(DESIGN.trials[0], query_max="q+", query_min="q-", references=ReferenceSet(("e+",), ("e-",)))
    assert observer.respond(trial, rng).choice is trial.max_side


def test_without_references_it_tosses_a_coin_without_confidence():
    trial = replace(DESIGN.trials[0], references=ReferenceSet())
    rng = np.random.default_rng(0)
    answers = [observer_of(raw()).respond(trial, rng) for _ in range(400)]
    assert {answer.confidence for answer in answers} == {1}
    assert 150 < sum(answer.choice is Side.TOP for answer in answers) < 250


def test_the_tested_layer_is_left_out_where_the_features_are_the_tested_networks():
    layers = raw(1)
    without = {name: values for name, values in layers.items() if name != "mixed3a"}
    trial = next(t for t in DESIGN.trials if t.unit.unit.layer == "mixed3a")
    expected = observer_of(without).evidence(trial)
    assert observer_of(layers, tested=True).evidence(trial) == pytest.approx(expected)
    # another network's layer that has this name by chance stays
    assert observer_of(layers).evidence(trial) != pytest.approx(expected)
    with pytest.raises(ObserverError, match="by layer mixed3a, whose units are tested; choose another"):
        observer_of({"mixed3a": layers["mixed3a"]}, tested=True).evidence(trial)


def test_confidence_is_the_third_of_the_designs_trials():
    trials = DESIGN.trials
    observer = observer_of(raw(), trials)
    rng = np.random.default_rng(0)
    given_by = [(abs(observer.evidence(t)), observer.respond(t, rng).confidence) for t in trials]
    counts = np.bincount([confidence for _, confidence in given_by])[1:]
    assert np.ptp(counts) <= 0.02 * len(trials) + 2
    assert [confidence for _, confidence in sorted(given_by)] == sorted(confidence for _, confidence in given_by)


def test_square_pictures_are_resized_as_pillow_does_it_to_within_two_levels():
    model, image = ex.load("efficientnet-lite0"), ex.open_images("embedded").decode(1000)
    for side in (97, 128, 200, 224, 300, 331, 512, 640):
        picture = replace(model.preprocessing, size=side, resize=side).crop(image)
        by_torch, by_pillow = fit(model, picture).astype(int), model.fit(picture).astype(int)  # Pillow is the oracle
        assert by_torch.shape == (model.input_size, model.input_size, 3)
        assert np.abs(by_torch - by_pillow).max() <= 2
        assert (by_torch == by_pillow).mean() > 0.98
    wide = image[:60]
    assert (fit(model, wide) == model.fit(wide)).all()
