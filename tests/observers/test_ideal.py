"""The ideal observer reads activations."""

import numpy as np
import pytest

from design.made import stimuli, units
from exemplum.design import make
from exemplum.observers import ObserverError, UnableError
from exemplum.observers.observer import Ideal
from exemplum.queries import split_queries

OF = units(9, 3)
STIMULI = stimuli(OF, batches=6)
DESIGN = make("borowski2021-1", OF, STIMULI, 2, seed=1)


def test_ideal_is_always_right():
    rng = np.random.default_rng(0)
    observer = Ideal(*split_queries(STIMULI))
    assert all(observer.respond(trial, rng).choice is trial.max_side for trial in DESIGN.trials)


def test_confidence_grades_the_difference_in_units_of_the_spread():
    """Oracle by hand: queries at ±1, so the spread is 2; those of one trial are 0.5, 1.2 and 2.4 apart."""
    trial = next(t for t in DESIGN.trials if t.kind == "main" and t.condition == "natural")
    table = STIMULI.copy()
    table["activation"] = np.where(table["pole"] == "max", 1.0, -1.0)
    asked = table["path"] == trial.query_max
    for apart, confidence in ((0.5, 1), (1.2, 2), (2.4, 3)):
        table.loc[asked, "activation"] = -1 + apart
        # one pair of six changes the spread by less than 13 %
        assert Ideal(*split_queries(table)).respond(trial, np.random.default_rng(0)).confidence == confidence


def test_equal_activations_are_decided_by_a_coin():
    table = STIMULI.assign(activation=0.0)
    rng = np.random.default_rng(0)
    answers = [Ideal(*split_queries(table)).respond(DESIGN.trials[0], rng) for _ in range(60)]
    assert len({answer.choice for answer in answers}) == 2
    assert {answer.confidence for answer in answers} == {1}


def test_stimuli_without_a_network_say_why_ideal_is_absent():
    with pytest.raises(UnableError, match="finished stimuli lack, since they come without a network"):
        Ideal(*split_queries(STIMULI.assign(activation=np.nan)))


def test_one_unknown_activation_is_named():
    trial = DESIGN.trials[0]
    table = STIMULI.copy()
    table.loc[table["path"] == trial.query_min, "activation"] = np.nan
    with pytest.raises(ObserverError, match=f"no activation of {trial.unit.unit} for {trial.query_min}"):
        Ideal(*split_queries(table)).respond(trial, np.random.default_rng(0))


def test_a_shown_picture_whose_activation_no_network_measured_is_as_extreme_as_can_be():
    catch = next(
        trial for trial in DESIGN.trials if trial.kind == "catch" and trial.references.max and trial.references.min
    )
    shown = [catch.query_max] if catch.query_max in catch.references.max else [catch.query_min]
    table = STIMULI.copy()
    table.loc[table["path"].isin(shown), "activation"] = np.nan
    answer = Ideal(*split_queries(table)).respond(catch, np.random.default_rng(0))
    assert answer.choice is catch.max_side
    assert answer.confidence == 3
