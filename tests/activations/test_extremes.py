"""Exact streaming extremes. Oracle: sorting everything."""

import numpy as np
import torch
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from exemplum.index import extremes, ties
from exemplum.index.extremes import Accumulator, Highest

# few distinct values, so that ties are common; signed zeros tie as well
VALUES = st.sampled_from([-3.5, -1.0, -0.0, 0.0, 1e-30, 2.0, 2.5, 1e20])


OFFSETS = np.array([0, 77, 2**32 - 1])


def sorted_by_brute_force(values: np.ndarray, keep: int, offset: int = 0) -> np.ndarray:
    """Rows of the highest values of a unit; of equal ones first the greatest (2654435761 · row + offset) % 2³²."""
    first = [-((2654435761 * row + offset) % 2**32) for row in range(len(values))]
    return np.lexsort((first, -(values + 0.0)))[:keep]


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(3)), elements=VALUES), st.integers(1, 12), st.data()
)
def test_extremes_are_those_of_a_sort_however_the_stream_is_cut(values, keep, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=4)))
    parts = np.split(np.arange(len(values)), cuts)
    total = Accumulator(OFFSETS, keep=keep)
    for rows in data.draw(st.permutations(parts)):  # extremes do not depend on the order of the parts either
        total.add(values[rows], rows)
    for unit in range(3):
        for pole, sign in (("max", 1), ("min", -1)):
            found, rows = total.top(pole)
            expected = sorted_by_brute_force(sign * values[:, unit], keep, int(OFFSETS[unit]))
            np.testing.assert_array_equal(rows[unit], expected)
            np.testing.assert_array_equal(found[unit], values[expected, unit])


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(2)), elements=VALUES), st.integers(1, 12), st.data()
)
def test_cells_stay_with_their_images(values, keep, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=4)))
    cells = np.stack([np.add.outer(np.arange(len(values)) * 10, [1, 2]) + 5 * pole for pole in range(2)], 2)
    total = Accumulator(OFFSETS[:2], keep=keep)
    for rows in np.split(np.arange(len(values)), cuts):
        total.add(values[rows], rows, cells[rows].astype(np.int16))
    for number, pole in enumerate(("max", "min")):
        rows = total.top(pole)[1]
        np.testing.assert_array_equal(total.cells(pole), 10 * rows + [[1], [2]] + 5 * number)


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 50), st.just(2)), elements=st.floats(-1e3, 1e3, width=32)))
def test_moments_are_numpys(values):
    total = Accumulator(OFFSETS[:2], keep=1)
    for rows in np.array_split(np.arange(len(values)), 3):
        total.add(values[rows], rows)
    assert total.count == len(values)
    np.testing.assert_allclose(total.mean, values.astype(float).mean(0), atol=1e-9)
    np.testing.assert_allclose(total.std, values.astype(float).std(0), atol=1e-6)


@given(hnp.arrays(np.float32, st.integers(1, 30), elements=st.floats(width=32, allow_nan=False)))
def test_packing_keeps_values_and_order(values):
    keys = extremes.pack(torch.from_numpy(values)[None], torch.arange(len(values)), torch.tensor([[0]]))
    back, rows = Highest(len(values), torch.tensor([[0]]), keys, torch.empty(0)).unpacked()
    np.testing.assert_array_equal(back[0], values + 0.0)
    np.testing.assert_array_equal(rows[0], np.arange(len(values)))
    order = keys[0].argsort(descending=True).numpy()
    np.testing.assert_array_equal(order, sorted_by_brute_force(values, len(values)))


def test_nan_is_no_extreme():
    total = Accumulator(OFFSETS[:1], keep=3)
    total.add(np.array([[1.0], [np.nan], [2.0]], np.float32), np.arange(3))
    assert total.top("max")[1].tolist() == [[2, 0, -1]]


def test_state_comes_back_from_disk(tmp_path):
    total = Accumulator(np.arange(4), keep=3)
    total.add(np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32), np.arange(9))
    total.save(tmp_path / "state.npz", done=np.array(9))
    back, more = Accumulator.load(tmp_path / "state.npz")
    assert int(more["done"]) == 9
    assert back.count == total.count
    np.testing.assert_array_equal(back.highest.keys, total.highest.keys)
    np.testing.assert_array_equal(back.squares, total.squares)


def test_of_a_sparse_feature_the_least_images_are_spread_over_the_corpus():
    values = np.zeros((4000, 2), np.float32)
    values[:5] = 1
    total = Accumulator(np.array([ties.offset(f"sae:{channel}") for channel in range(2)]), keep=40)
    for rows in np.split(np.arange(4000), 8):
        total.add(values[rows], rows)
    first, second = total.top("min")[1]
    assert stats.kstest(first / 4000, "uniform").pvalue > 0.5  # not the first pictures of the folder
    assert len(set(first) & set(second)) < 20
