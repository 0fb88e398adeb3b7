"""Designs of any size: made, checked and noted. `make` runs every invariant, so a broken one raises here."""

import pytest
from hypothesis import given, settings, strategies as st

from design.made import stimuli, units
from exemplum.design import DesignError, check, make
from exemplum.errors import UserError
from exemplum.records import Pole

PROTOCOLS = st.sampled_from(["borowski2021-1", "borowski2021-2"])


@settings(max_examples=40, deadline=None)
@given(
    protocol=PROTOCOLS,
    main=st.integers(1, 13),
    practice=st.integers(0, 7),
    batches=st.integers(1, 7),
    participants=st.integers(1, 13),
    references=st.sampled_from([(9,), (1, 9), (3,), (1,)]),
    methods=st.sampled_from([("natural",), ("natural", "synthetic"), ("natural", "synthetic", "sharper")]),
    seed=st.integers(0, 2**32),
)
def test_invariants_hold_at_every_size(protocol, main, practice, batches, participants, references, methods, seed):
    of = units(main, practice)
    pictures = stimuli(of, batches, references, methods)
    design = make(protocol, of, pictures, participants, seed)
    check(design, of, pictures)
    assert len(design.sessions) == participants
    assert design.notes  # every one of these is smaller than the paper


@settings(max_examples=15, deadline=None)
@given(
    protocol=PROTOCOLS,
    practice=st.integers(0, 6),
    blocks=st.integers(1, 3),
    catch=st.integers(0, 4),
    repeated=st.integers(0, 8),
    seed=st.integers(0, 99),
)
def test_sizes_given_are_the_sizes_made(protocol, practice, blocks, catch, repeated, seed):
    of = units(12, 6)
    pictures = stimuli(of, 6, (1, 9))
    sizes = {"practice": practice, "blocks": blocks, "catch": catch, "repeated": repeated}
    design = make(protocol, of, pictures, 4, seed, **sizes)
    check(design, of, pictures, **sizes)
    schemes = 4 if protocol.endswith("2") else 1
    for session in design.sessions:
        main = [b for b in session.blocks if b.phase == "main" and b.condition == "natural"]
        assert len(main) == blocks * schemes
        assert all(sum(t.kind == "catch" for t in b.trials) == catch for b in main)
        easy = [t for t in session.trials if t.kind == "practice" and t.condition == "natural"]
        assert len(easy) == practice * schemes
        assert {b.repeats for b in session.blocks if b.kind == "repeated"} == ({repeated} if repeated else set())


def notes(of, pictures, **arguments) -> str:
    return "; ".join(make("borowski2021-1", of, pictures, **arguments).notes)


def test_one_batch_only_is_shared_and_noted():
    of = units(8, 3)
    design = make("borowski2021-1", of, stimuli(of, batches=1), participants=3)
    assert {t.batch for t in design.trials} == {0}
    assert "all conditions of a participant show the same queries" in "; ".join(design.notes)


def test_main_units_serve_where_there_are_no_practice_units():
    of = units(8, 0)
    design = make("borowski2021-1", of, stimuli(of), participants=2)
    assert {t.unit.role for t in design.trials} == {"main"}
    assert any("no practice units" in note for note in design.notes)


def test_few_practice_units_come_more_than_once():
    of = units(8, 4)
    design = make("borowski2021-1", of, stimuli(of), participants=2)
    assert sum(t.kind == "practice" for t in design.sessions[0].trials) == 15
    assert any("some come more than once" in note for note in design.notes)


def test_the_first_batch_is_for_practice_if_there_are_enough():
    of = units(8, 3)
    for batches, used in ((3, {0, 1, 2}), (4, {1, 2, 3}), (5, {1, 2, 3, 4})):
        design = make("borowski2021-1", of, stimuli(of, batches=batches), participants=8)
        assert {t.batch for t in design.trials if t.kind == "main"} == used


def test_units_without_stimulus_sets_are_dealt_into_four():
    of = units(10, 3)
    design = make("borowski2021-2", of, stimuli(of, references=(1, 9)), participants=4)
    sets = {t.unit.unit: t.unit.stimulus_set for t in design.trials if t.kind == "main"}
    assert sorted(sets.values()) == ["a"] * 3 + ["b"] * 3 + ["c"] * 2 + ["d"] * 2


def test_schemes_without_images_are_left_out_and_noted():
    of = units(8, 3)
    design = make("borowski2021-2", of, stimuli(of, references=(5,)), participants=4)
    assert {t.scheme for t in design.trials} == {"Max-5", "Min-Max-5"}
    assert "schemes Max-5, Min-Max-5 instead of Max-1, Min-Max-1, Max-9, Min-Max-9" in design.notes[0]


def test_natural_images_may_serve_as_queries_only():
    of = units(8, 3)
    design = make("borowski2021-1", of, stimuli(of), participants=2, methods=["synthetic"])
    assert {t.condition for t in design.trials} == {"none", "synthetic"}


@pytest.mark.parametrize("pole", list(Pole))
@pytest.mark.parametrize("kept", [0, 1, 8])
def test_fewer_pictures_than_the_scheme_shows_are_refused(pole, kept):
    """Conditions would differ in the number of references, of one pole or of both."""
    of = units(8, 3)
    pictures = stimuli(of)
    short = (pictures["method"] == "synthetic") & (pictures["pole"] == pole.value) & (pictures["position"] >= kept)
    told = f"'synthetic' has {kept} {pole} pictures of unit mixed[0-9a-e]+:[0-9]+ for batch .*Min-Max-9 shows 9"
    with pytest.raises(DesignError, match=told):
        make("borowski2021-1", of, pictures[~short], participants=2)


def test_a_missing_natural_reference_is_refused():
    of = units(8, 3)
    pictures = stimuli(of)
    lost = (pictures["method"] == "natural") & (pictures["position"] == 4) & (pictures["pole"] == "min")
    with pytest.raises(DesignError, match="'natural' has 8 min pictures of unit"):
        make("borowski2021-1", of, pictures[~lost], participants=2)


def test_unknown_protocol_names_close_matches():
    of = units(2, 1)
    with pytest.raises(UserError, match="did you mean borowski2021-"):
        make("borowski2020-1", of, stimuli(of))


def test_a_method_without_pictures_of_a_unit_is_named():
    of = units(3, 1)
    pictures = stimuli(of)
    lost = of["unit"][1]
    with pytest.raises(DesignError, match=f"'synthetic' has no pictures of unit {lost}"):
        make("borowski2021-1", of, pictures[(pictures["method"] == "natural") | (pictures["unit"] != lost)])


def test_a_missing_query_is_named():
    of = units(3, 1)
    pictures = stimuli(of, batches=4)
    lost = (pictures["unit"] == of["unit"][1]) & (pictures["batch"] == 2) & (pictures["position"] == 9)
    lost &= pictures["pole"] == "max"
    with pytest.raises(UserError, match=r"no natural image max_9 of unit mixed3b:1 for batch 2"):
        make("borowski2021-1", of, pictures[~lost])


def test_no_main_units_natural_images_or_method_are_errors():
    of = units(3, 1)
    pictures = stimuli(of)
    with pytest.raises(DesignError, match="no main units"):
        make("borowski2021-1", of[of["role"] == "practice"], pictures)
    with pytest.raises(DesignError, match="needs queries of all units"):
        make("borowski2021-1", of, pictures[pictures["method"] == "synthetic"])
    with pytest.raises(DesignError, match="needs a method with pictures"):
        make("borowski2021-2", of, pictures, methods=[])
    with pytest.raises(DesignError, match="no pictures of the methods sharper"):
        make("borowski2021-1", of, pictures, methods=["natural", "sharper"])
