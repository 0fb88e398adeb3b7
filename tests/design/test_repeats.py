"""Repeated trials are chosen from the answers given."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from design.made import stimuli, units
from exemplum.design import DesignError, make, repeated_trials
from exemplum.records import Response, Session, Side, Trial

OF = units(12, 6)
DESIGN = make("borowski2021-1", OF, stimuli(OF, batches=8), 2, seed=3)
SESSION = DESIGN.sessions[0]


def answered(session: Session, confidence: dict[str, int]) -> list[Response]:
    return [Response(t.trial_id, "x", Side.TOP, confidence.get(t.trial_id, 2)) for t in session.trials]


def mains(condition: str) -> list[Trial]:
    return [t for t in SESSION.trials if t.kind == "main" and t.condition == condition]


def test_the_least_and_most_confident_trials_come_again():
    chosen = {c: [t.trial_id for t in mains(c)][2:8] for c in ("natural", "synthetic", "none")}
    confidence = {trial_id: 1 + 2 * (place % 2) for ids in chosen.values() for place, trial_id in enumerate(ids)}
    again = repeated_trials(SESSION, answered(SESSION, confidence), seed=3)
    for condition, ids in chosen.items():
        assert sorted(t.repeats for t in again if t.condition == condition) == sorted(ids)


def test_ids_and_places_go_on_where_the_session_ended():
    again = repeated_trials(SESSION, answered(SESSION, {}), seed=3)
    blocks = [b for b in SESSION.blocks if b.kind == "repeated"]
    assert [t.trial_id for t in again] == [f"p01-b{b.block:02d}-t{place:02d}" for b in blocks for place in range(6)]
    assert [t.index for t in again] == list(range(len(SESSION.trials), len(SESSION.trials) + 18))
    assert [t.condition for t in again] == [b.condition for b in blocks for _ in range(6)]
    assert {t.phase for t in again} == {"repeated"}


def test_everything_but_side_and_place_is_as_at_first():
    first = {t.trial_id: t for t in SESSION.trials}
    again = repeated_trials(SESSION, answered(SESSION, {}), seed=3)
    assert len(again) == 18
    for trial in again:
        before = first[trial.repeats]
        assert trial.kind == "repeated"
        assert (trial.query_max, trial.query_min, trial.references, trial.unit, trial.batch, trial.scheme) == (
            before.query_max, before.query_min, before.references, before.unit, before.batch, before.scheme,
        )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(ratings=st.lists(st.integers(1, 3), min_size=400, max_size=400), seed=st.integers(0, 1000))
def test_no_trial_comes_twice_and_no_rating_is_passed_over(ratings, seed):
    confidence = {t.trial_id: rating for t, rating in zip(SESSION.trials, ratings, strict=False)}
    again = repeated_trials(SESSION, answered(SESSION, confidence), seed)
    for condition in ("natural", "synthetic", "none"):
        chosen = [t for t in again if t.condition == condition]
        assert len({t.repeats for t in chosen}) == 6
        everything = sorted(confidence[t.trial_id] for t in mains(condition))
        assert sorted(confidence[t.repeats] for t in chosen) == everything[:3] + everything[-3:]


def test_ties_are_drawn_by_the_seed():
    answers = answered(SESSION, {})
    draws = [frozenset(t.repeats for t in repeated_trials(SESSION, answers, seed)) for seed in range(8)]
    assert len(set(draws)) > 1
    assert repeated_trials(SESSION, answers, 5) == repeated_trials(SESSION, answers, 5)


def test_every_tied_trial_is_as_likely():
    answers = answered(SESSION, {})
    counts = Counter(t.repeats for seed in range(400) for t in repeated_trials(SESSION, answers, seed))
    drawn = np.array([counts[t.trial_id] for t in mains("natural")])
    assert drawn.min() > 150  # of 400 × 6 / 12 = 200 ± 10 expected
    assert drawn.max() < 250


def test_the_order_of_answers_does_not_matter():
    answers = answered(SESSION, {})
    assert repeated_trials(SESSION, answers[::-1], 5) == repeated_trials(SESSION, answers, 5)


def test_a_missing_answer_is_named():
    lost = mains("natural")[0].trial_id
    answers = [a for a in answered(SESSION, {}) if a.trial_id != lost]
    with pytest.raises(DesignError, match=f"1 have none, for example {lost}"):
        repeated_trials(SESSION, answers, 3)


def test_a_session_without_repeated_blocks_has_none():
    design = make("borowski2021-1", OF, stimuli(OF, batches=8), 1, seed=3, repeated=0)
    assert repeated_trials(design.sessions[0], [], 3) == []
