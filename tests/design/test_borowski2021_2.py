"""Experiment II at full size: the paper's counts, schemes and stimulus sets."""

from collections import Counter

import pytest

from design.made import stimuli, units
from exemplum.design import make
from exemplum.records import Design

OF = units(20, 20, sets=("a", "b", "c", "d"), easy_sets=("e", "f", "g"))
STIMULI = stimuli(OF, references=(1, 9))


@pytest.fixture(scope="module")
def design() -> Design:
    return make("borowski2021-2", OF, STIMULI, seed=5)


def test_full_size_has_the_counts_of_the_paper(design):
    assert design.notes == ()
    assert len(design.sessions) == 23
    for session in design.sessions:
        kinds = Counter(t.kind.value for t in session.trials)
        assert kinds == {"practice": 24, "main": 160, "catch": 32}
        mains = Counter((t.condition, t.scheme) for t in session.trials if t.kind == "main")
        assert len(mains) == 8
        assert set(mains.values()) == {20}


def test_scheme_order_goes_by_participant_modulo_four(design):
    orders = [list(dict.fromkeys(t.scheme for t in session.trials)) for session in design.sessions]
    assert orders[:4] == [
        ["Max-1", "Min-Max-1", "Max-9", "Min-Max-9"],
        ["Max-1", "Max-9", "Min-Max-1", "Min-Max-9"],
        ["Min-Max-9", "Min-Max-1", "Max-9", "Max-1"],
        ["Min-Max-9", "Max-9", "Min-Max-1", "Max-1"],
    ]
    assert orders[4:8] == orders[:4]


def test_stimulus_sets_are_a_latin_square_over_schemes(design):
    for four in range(0, 20, 4):
        cells = {
            (s.participant, t.scheme): t.unit.stimulus_set
            for s in design.sessions[four : four + 4]
            for t in s.trials
            if t.kind == "main"
        }
        for scheme in ("Max-1", "Min-Max-1", "Max-9", "Min-Max-9"):
            assert sorted(of for (_, where), of in cells.items() if where == scheme) == ["a", "b", "c", "d"]
        for participant in range(four + 1, four + 5):
            assert sorted(of for (who, _), of in cells.items() if who == participant) == ["a", "b", "c", "d"]


def test_each_scheme_shows_its_poles_and_number(design):
    for trial in design.trials:
        k = int(trial.scheme[-1])
        assert len(trial.references.max) == k
        assert len(trial.references.min) == (k if trial.scheme.startswith("Min") else 0)


def test_one_reference_asks_for_the_other_of_two_bins(design):
    natural = [t for t in design.trials if t.scheme == "Min-Max-1" and t.condition == "natural" and t.kind == "main"]
    assert natural
    for trial in natural:
        names = [path.rsplit("/", 1)[1] for path in (trial.query_max, trial.query_min, *trial.references)]
        assert names == ["max_1.png", "min_0.png", "min_1.png", "max_0.png"]


def test_catch_trials_of_max_take_min_from_unshown_references(design):
    catch = [t for t in design.trials if t.kind == "catch" and t.scheme == "Max-1" and t.condition == "natural"]
    assert catch
    for trial in catch:
        assert trial.query_max in trial.references.max
        assert trial.query_min.endswith("min_1.png")  # as in the published table


def test_a_third_method_takes_its_turn():
    methods = ("natural", "synthetic", "sharper")
    design = make("borowski2021-2", OF, stimuli(OF, references=(1, 9), methods=methods), participants=12, seed=5)
    firsts = [next(t.condition for t in s.trials if t.kind == "main") for s in design.sessions]
    assert firsts == ["natural"] * 4 + ["synthetic"] * 4 + ["sharper"] * 4
    batches = {(s.participant, t.condition): t.batch for s in design.sessions for t in s.trials if t.kind == "main"}
    assert [batches[p, m] for p in (1, 5, 9) for m in methods] == list(range(1, 10))
