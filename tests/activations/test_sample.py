"""The sample of the index, kept sparsely where most values are zero. Oracle: the dense matrix."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from exemplum import store
from exemplum.index.sample import ARRAYS, Sample
from exemplum.index.sampling import SampleCollector

VALUES = st.sampled_from([0.0, 0.0, 0.0, -1.5, 2.0, 2.5, 7.0])
MATRICES = hnp.arrays(np.float32, st.tuples(st.integers(1, 25), st.just(5)), elements=VALUES)


def collected(values: np.ndarray, rows: np.ndarray, parts: int, **options) -> SampleCollector:
    collector = SampleCollector(rows, values.shape[1], **options)
    for part in np.array_split(np.arange(len(values)), parts):
        collector.add(values[part], part)
    return collector


@given(MATRICES, st.integers(1, 4), st.data())
def test_values_ranks_and_quantiles_are_those_of_the_matrix(values, parts, data):
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, len(values) - 1), min_size=1))))
    sample = collected(values, rows, parts).sample()
    np.testing.assert_array_equal(sample.rows, rows)
    for unit in range(5):
        np.testing.assert_array_equal(sample.values(unit), values[rows, unit])
        ranked, activations = sample.ranked(unit)
        expected = np.lexsort((-(rows * 2654435761 % 2**32), -values[rows, unit]))
        np.testing.assert_array_equal(ranked, rows[expected])
        np.testing.assert_array_equal(activations, values[rows[expected], unit])
    # numpy's definition of the nearest rank
    expected = np.quantile(values[rows], [0.05, 0.5, 0.95], axis=0, method="nearest").T

    np.testing.assert_array_equal(sample.quantiles([5, 50, 95]), expected)


@given(MATRICES, st.data())
def test_exact_values_replace_others(values, data):
    rows = np.arange(len(values))
    again = np.array(sorted(data.draw(st.sets(st.integers(0, len(values) - 1)))), int)
    first = collected(values, rows, 2)
    exact = SampleCollector(rows, 5, first.is_sparse)
    exact.add(values[again] + 1, again)
    sample = first.sample(exact)
    expected = values.copy()
    expected[again] += 1
    np.testing.assert_array_equal(np.stack([sample.values(unit) for unit in range(5)], 1), expected)


def test_mostly_zero_units_take_no_memory_for_zeros():
    rng = np.random.default_rng(0)
    values = np.where(rng.random((400, 1000)) < 0.01, rng.random((400, 1000)), 0).astype(np.float32)
    values[:, 3] = 1 + rng.random(400)
    sample = collected(values, np.arange(400), 4).sample()
    assert sample.dense.shape == (1, 400)
    assert sum(getattr(sample, name).nbytes for name in ARRAYS) < 0.1 * values.nbytes


def test_a_state_continues(tmp_path):
    values = np.random.default_rng(0).choice([0, 0, 1, 2], (20, 5)).astype(np.float32)
    rows = np.arange(0, 20, 2)
    whole = collected(values, rows, 1).sample()
    for stop in (0, 7, 20):
        half = SampleCollector(rows, 5)
        half.add(values[:stop], np.arange(stop))
        resumed = SampleCollector(rows, 5)
        resumed.resume(half.state())
        resumed.add(values[stop:], np.arange(stop, 20))
        for unit in range(5):
            np.testing.assert_array_equal(resumed.sample().values(unit), whole.values(unit))


def test_an_image_with_a_nan_is_not_ranked():
    values = np.array([[1, 2], [np.nan, 3], [0, 5]], np.float32)
    assert collected(values, np.arange(3), 1).sample().rows.tolist() == [0, 2]


def test_a_sample_comes_back_from_disk(tmp_path):
    values = np.random.default_rng(0).choice([0, 0, 1, 2], (20, 5)).astype(np.float32)
    sample = collected(values, np.arange(20), 2).sample()
    sample.save(tmp_path / "index")
    again = Sample.load(tmp_path / "index")
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(sample, name))
    (tmp_path / "index" / "sample" / "data.npy").unlink()
    with pytest.raises(store.StoreError, match=r"data\.npy is missing; run: exemplum index"):
        Sample.load(tmp_path / "index")
