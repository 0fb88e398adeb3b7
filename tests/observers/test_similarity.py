"""The observer that compares pictures: its formula, and what it is not to look at."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from design.made import stimuli, units
from exemplum.design import make
from exemplum.observers import ObserverError
from exemplum.observers.similarity import Features, Similarity
from exemplum.records import ReferenceSet, Side

OF = units(4, 2)
DESIGN = make("borowski2021-2", OF, stimuli(OF, references=(1, 9), batches=3), 1, seed=1)
PATHS = sorted({p for t in DESIGN.trials for p in (*t.references, t.query_max, t.query_min)})
LAYERS = {"mixed3a": 6, "mixed4a": 5, "other": 7}


def features(seed: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    return Features(PATHS, {name: rng.random((len(PATHS), width)) for name, width in LAYERS.items()})


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_evidence_is_that_of_machine_interpretability():
    rng = np.random.default_rng(0)
    raw = {name: rng.random((len(PATHS), width)) for name, width in LAYERS.items()}
    observer = Similarity(Features(PATHS, raw))

    def s(query: str, references: tuple[str, ...]) -> float:
        pairs = [(PATHS.index(query), PATHS.index(reference)) for reference in references]
        return float(np.mean([[cosine(of[a], of[b]) for a, b in pairs] for of in raw.values()]))

    for trial in DESIGN.trials[:40]:
        e = trial.references
        delta = s(trial.query_max, e.max) - s(trial.query_min, e.max)
        if e.min:
            delta -= s(trial.query_max, e.min) - s(trial.query_min, e.min)
        sign = 1 if trial.max_side is Side.TOP else -1
        assert observer.evidence(trial) == pytest.approx(sign * delta)


def test_the_truth_is_not_looked_at():
    """Calling the other query the maximal one, where it stands, changes no answer."""
    observer = Similarity(features())
    for trial in DESIGN.trials:
        renamed = replace(trial, query_max=trial.query_min, query_min=trial.query_max, max_side=trial.max_side.other)
        assert renamed.queries == trial.queries
        assert observer.evidence(renamed) == observer.evidence(trial)


def test_turning_the_screen_round_turns_the_answer_round():
    observer = Similarity(features())
    for trial in DESIGN.trials:
        turned = replace(trial, max_side=trial.max_side.other)
        assert observer.evidence(turned) == pytest.approx(-observer.evidence(trial))


@given(st.integers(0, 500))
def test_a_query_that_is_a_reference_wins_against_one_unlike_all(seed):
    rng = np.random.default_rng(seed)
    vectors = np.eye(4)[[0, 0, 1, 2, 3]] * rng.uniform(0.1, 9)  # max query and reference alike, all others orthogonal
    observer = Similarity(Features(["q+", "e+", "q-", "e-", "x"], {"layer": vectors}))
    trial = replace(DESIGN.trials[0], query_max="q+", query_min="q-", references=ReferenceSet(("e+",), ("e-",)))
    assert observer.respond(trial, rng).choice is trial.max_side


def test_without_references_it_tosses_a_coin_without_confidence():
    trial = replace(DESIGN.trials[0], references=ReferenceSet())
    rng = np.random.default_rng(0)
    answers = [Similarity(features()).respond(trial, rng) for _ in range(400)]
    assert {answer.confidence for answer in answers} == {1}
    assert 150 < sum(answer.choice is Side.TOP for answer in answers) < 250


def test_the_tested_layer_is_left_out_where_the_features_are_the_tested_networks():
    raw = {name: np.random.default_rng(1).random((len(PATHS), width)) for name, width in LAYERS.items()}
    without = {name: values for name, values in raw.items() if name != "mixed3a"}
    trial = next(t for t in DESIGN.trials if t.unit.unit.layer == "mixed3a")
    expected = Similarity(Features(PATHS, without)).evidence(trial)
    assert Similarity(Features(PATHS, raw), same_network=True).evidence(trial) == pytest.approx(expected)
    # another network's layer that has this name by chance stays
    assert Similarity(Features(PATHS, raw)).evidence(trial) != pytest.approx(expected)
    only = Features(PATHS, {"mixed3a": raw["mixed3a"]})
    with pytest.raises(ObserverError, match="by layer mixed3a, whose units are tested; choose another"):
        Similarity(only, same_network=True).evidence(trial)


def test_confidence_is_the_third_of_the_designs_trials():
    trials = DESIGN.trials
    observer = Similarity(features(), trials)
    rng = np.random.default_rng(0)
    given_by = [(abs(observer.evidence(t)), observer.respond(t, rng).confidence) for t in trials]
    counts = np.bincount([confidence for _, confidence in given_by])[1:]
    assert np.ptp(counts) <= 0.02 * len(trials) + 2
    assert [confidence for _, confidence in sorted(given_by)] == sorted(confidence for _, confidence in given_by)


def test_a_picture_without_any_activation_is_like_nothing():
    empty = Features(["a", "b"], {"layer": np.zeros((2, 3))})
    assert empty.similarity("a", ["b"]) == 0
