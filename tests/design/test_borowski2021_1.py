"""Experiment I at full size: the paper's counts (Borowski, Zimmermann et al. 2021, §3 and appendix A.1)."""

from collections import Counter

import pytest

from design.made import stimuli, units
from exemplum.design import make
from exemplum.records import Design, Session, Side

OF = units()
STIMULI = stimuli(OF)


@pytest.fixture(scope="module")
def design() -> Design:
    return make("borowski2021-1", OF, STIMULI, seed=7)


def count(session: Session, kind: str, condition: str | None = None) -> int:
    return sum(t.kind == kind and condition in (None, t.condition) for t in session.trials)


def test_full_size_has_the_counts_of_the_paper(design):
    assert design.notes == ()
    assert len(design.sessions) == 10
    for session in design.sessions:
        assert count(session, "practice") == 15
        assert [count(session, "main", c) for c in ("natural", "synthetic", "none")] == [45, 45, 45]
        assert [count(session, "catch", c) for c in ("natural", "synthetic", "none")] == [9, 9, 0]
        assert sum(block.repeats for block in session.blocks) == 18
        assert len(session.trials) + 18 == 186


def test_every_unit_appears_once_a_condition(design):
    for session in design.sessions:
        shown = Counter((t.condition, t.unit.unit) for t in session.trials if t.kind == "main")
        assert len(shown) == 3 * 45
        assert set(shown.values()) == {1}


def test_odd_participants_begin_with_synthetic_references(design):
    for session in design.sessions:
        first = next(b for b in session.blocks if b.phase == "main")
        assert first.condition == ("synthetic" if session.participant % 2 else "natural")


def test_no_batch_comes_twice_to_a_condition_or_a_participant(design):
    batches = {(s.participant, t.condition): t.batch for s in design.sessions for t in s.trials if t.kind == "main"}
    for condition in ("natural", "synthetic", "none"):
        assert len({batches[p, condition] for p in range(1, 11)}) == 10
    for participant in range(1, 11):
        assert len({batches[participant, c] for c in ("natural", "synthetic", "none")}) == 3


def test_batches_wrap_past_19_to_1():
    design = make("borowski2021-1", OF, STIMULI, participants=20, seed=7)
    batches = {(s.participant, t.condition): t.batch for s in design.sessions for t in s.trials if t.kind == "main"}
    assert [batches[18, c] for c in ("none", "natural", "synthetic")] == [18, 19, 1]
    assert [batches[19, c] for c in ("none", "natural", "synthetic")] == [19, 1, 2]
    assert any("20 participants, but batches for 19" in note for note in design.notes)


def test_queries_are_the_most_extreme_images_of_the_batch(design):
    for trial in design.trials:
        if trial.kind != "catch":
            assert trial.query_max.endswith(f"/b{trial.batch}/max_9.png")
            assert trial.query_min.endswith(f"/b{trial.batch}/min_0.png")


def test_references_are_nine_of_each_pole_on_their_side(design):
    for trial in design.trials:
        shown = [
            sorted(path.rsplit("/", 1)[1] for path in pole) for pole in (trial.references.max, trial.references.min)
        ]
        first = 1 if trial.condition == "natural" else 0
        expected = [[f"max_{k}.png" for k in range(9)], [f"min_{k}.png" for k in range(first, first + 9)]]
        assert shown == ([[], []] if trial.condition == "none" else expected)


def test_catch_queries_are_shown(design):
    for trial in design.trials:
        if trial.kind == "catch":
            assert trial.query_max in trial.references.max
            assert trial.query_min in trial.references.min
            assert trial.unit.role == "practice"


def test_catch_units_of_a_block_differ_and_go_round(design):
    for session in design.sessions:
        for condition in ("natural", "synthetic"):
            caught = [t.unit.unit for t in session.trials if t.kind == "catch" and t.condition == condition]
            assert len(set(caught)) == 9  # of 15: none comes twice


def test_sides_do_not_depend_on_the_order_of_trials(design):
    """Which query is on top is drawn apart from all else: sessions of one length have one list of sides."""
    without = make("borowski2021-1", OF, STIMULI[STIMULI["method"] == "natural"], seed=7)
    both = zip(design.sessions, without.sessions, strict=True)
    for session, other in both:
        sides = [t.max_side for t in session.trials]
        assert [t.max_side for t in other.trials] == sides[: len(other.trials)]
        assert set(sides) == {Side.TOP, Side.BOTTOM}


def test_the_longer_block_without_references_goes_round(design):
    sizes = [
        [len(b.trials) for b in s.blocks if b.condition == "none" and b.kind == "main"] for s in design.sessions[:4]
    ]
    assert sizes == [[12, 11, 11, 11], [11, 12, 11, 11], [11, 11, 12, 11], [11, 11, 11, 12]]


def test_a_seed_gives_one_design_and_another_seed_another(design):
    assert make("borowski2021-1", OF, STIMULI, seed=7) == design
    assert make("borowski2021-1", OF, STIMULI, seed=8).sessions != design.sessions


def test_more_participants_change_no_earlier_session(design):
    assert make("borowski2021-1", OF, STIMULI, participants=4, seed=7).sessions == design.sessions[:4]


def test_order_of_stimuli_rows_does_not_matter(design):
    mixed = STIMULI.sample(frac=1, random_state=3)
    assert make("borowski2021-1", OF, mixed, seed=7) == design
