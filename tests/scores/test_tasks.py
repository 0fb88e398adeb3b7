"""Tasks drawn from a unit's ranking. Oracle: an index whose activations are the numbers of the images."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from exemplum import tables
from exemplum.index import ActivationIndex
from exemplum.index.sample import Sample
from exemplum.records import Unit
from exemplum.scores.tasks import Ranking, shuffled, with_random_references

UNIT = Unit("mixed4a", 3)


def index_of(activations: np.ndarray, keep: int = 300) -> ActivationIndex:
    """An index of one unit with these activations of all images."""
    order = np.argsort(-activations, kind="stable")
    facts = {"unit": str(UNIT), "layer": "mixed4a", "channel": 3, "branch": "1x1"}
    tops = {"max": order[:keep], "min": order[::-1][:keep]}
    extremes = [
        facts | {"pole": pole, "rank": rank, "row": row, "image": f"i{row}", "group": "",
                 "activation": activations[row]}
        for pole, rows in tops.items() for rank, row in enumerate(rows)
    ]  # fmt: skip
    unit = facts | dict.fromkeys(tables.INDEX_UNITS.columns, 0.0) | facts
    unit |= {"count": len(order), "active": len(order), "dead": False, "rare": False}
    frame = pd.DataFrame(extremes)
    missing = {name: -1 for name in tables.EXTREMES.columns if name not in frame}
    return ActivationIndex(
        tables.INDEX_UNITS.frame([unit]), tables.EXTREMES.frame(frame.assign(**missing)),
        pd.DataFrame({"image": [], "reason": []}), Sample.of(activations[None]),
    )  # fmt: skip


def tasks_of(images: int, difficulty: str, count: int = 20, references: int = 9, classes=None, seed: int = 0):
    return Ranking.of(index_of(np.arange(images, dtype=float)), UNIT, classes).tasks(
        difficulty, count, references, seed
    )


def test_extreme_tasks_are_those_of_the_score():
    """Zimmermann et al. (2024): the 20 most extreme are queries, and ranks 20 + 20 j + t references of a task."""
    tasks = tasks_of(1000, "extreme")
    assert sorted(tasks.queries[:, 0]) == list(range(980, 1000))
    assert sorted(tasks.queries[:, 1]) == list(range(20))
    for rank_bin in range(9):
        assert sorted(tasks.references[:, 1, rank_bin]) == list(range(20 + 20 * rank_bin, 40 + 20 * rank_bin))
        assert sorted(tasks.references[:, 0, rank_bin]) == list(range(960 - 20 * rank_bin, 980 - 20 * rank_bin))


@pytest.mark.parametrize(("percentile", "first"), [("0.95", 190), ("0.85", 590), ("0.75", 990)])
def test_a_window_lies_at_its_percentile(percentile, first):
    """Of 4,000 images the 20 nearest to the 95th percentile are 190 to 209 from the top."""
    tasks = tasks_of(4000, percentile)
    assert sorted(3999 - tasks.queries[:, 0]) == list(range(first, first + 20))
    assert sorted(tasks.queries[:, 1]) == list(range(first, first + 20))


@settings(max_examples=60, deadline=None)
@given(
    images=st.integers(4, 700), difficulty=st.sampled_from(["extreme", "0.99", "0.95", "0.85", "0.6"]),
    count=st.integers(1, 25), references=st.sampled_from([1, 4, 9]), twins=st.booleans(), seed=st.integers(0, 5),
)  # fmt: skip
def test_no_query_is_a_reference_and_references_of_a_window_are_more_extreme(
    images, difficulty, count, references, twins, seed
):
    classes = np.arange(images) // 2 if twins else None
    tasks = tasks_of(images, difficulty, count, references, classes, seed)
    assert len(tasks) <= count
    for queries, (high, low) in zip(tasks.queries, tasks.references, strict=True):
        shown = [*queries, *high, *low]
        named = shown if classes is None else classes[shown]
        assert len(set(named)) == len(shown)  # all different, of near-duplicates one
        assert queries[0] > queries[1]
        if difficulty != "extreme":
            assert high.min() > queries[0]
            assert low.max() < queries[1]
    assert not set(tasks.queries.ravel()) & set(tasks.references.ravel())


def test_small_corpora_have_fewer_tasks_and_none_where_nothing_fits():
    assert len(tasks_of(400, "extreme")) == 20  # 10 images per task and pole
    assert len(tasks_of(200, "extreme")) == 10
    assert len(tasks_of(19, "extreme")) == 0
    # a window at 0.99 of 1,000 lies at the tenth image, and the references at ranks 2 to 10
    assert len(tasks_of(1000, "0.99")) == 1
    assert len(tasks_of(900, "0.99")) == 0
    assert len(tasks_of(1000, "0.95")) == 20


def test_references_of_a_small_corpus_are_used_equally_often():
    tasks = tasks_of(1000, "0.95")  # 20 images between the queries of `extreme` and the window: 9 bins of 2
    _, counts = np.unique(tasks.references[:, 0], return_counts=True)
    assert set(counts) == {10}


def test_a_sparse_unit_has_maximal_images_that_activate_it_and_a_dead_one_no_tasks():
    values = np.zeros(500)
    values[:60] = np.arange(1, 61)
    tasks = Ranking.of(index_of(values), UNIT).tasks("extreme", 20, 9, 0)
    assert len(tasks) == 6
    assert (values[tasks.queries[:, 0]] > 54).all()
    assert (values[tasks.references[:, 0]] > 0).all()
    assert (values[tasks.references[:, 1]] == 0).all()
    assert len(Ranking.of(index_of(np.ones(500)), UNIT).tasks("extreme", 20, 9, 0)) == 0


def test_the_seed_alone_decides():
    first, again, other = (tasks_of(1000, "extreme", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.references, again.references)
    assert not np.array_equal(first.references, other.references)


def test_shuffled_tasks_keep_which_images_are_the_same():
    tasks, rng = tasks_of(1000, "0.95"), np.random.default_rng(0)
    found = shuffled(tasks, np.arange(1000), rng)
    before, after = (np.concatenate([of.queries.ravel(), of.references.ravel()]) for of in (tasks, found))
    assert len(np.unique(before)) == len(np.unique(after)) == len(set(zip(before, after, strict=True)))
    assert abs(np.corrcoef(before, after)[0, 1]) < 0.3


def test_random_references_differ_from_each_other_and_from_all_queries():
    tasks = tasks_of(1000, "extreme")
    for pool in (np.arange(1000), np.arange(500, 530)):  # of the few of the second each task draws again
        found = with_random_references(tasks, pool, np.random.default_rng(0))
        assert np.array_equal(found.queries, tasks.queries)
        for references in found.references:
            assert len(np.unique(references)) == 18
            assert not set(references.ravel()) & set(tasks.queries.ravel())
    assert not len(with_random_references(tasks, np.arange(985, 1000), np.random.default_rng(0)))
