"""The block algebra against plain dense matrices."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from exemplum.analysis.models.crossed import Crossed


def dense(crossed: Crossed, scales: np.ndarray) -> np.ndarray:
    """ZΛ with a column for each level and random column, the larger grouping first."""
    n, q = crossed.columns.shape
    blocks = []
    for code, size, scale in zip(crossed.codes, crossed.levels, crossed.ordered(scales), strict=True):
        block = np.zeros((n, size, q))
        block[np.arange(n), code] = crossed.columns * scale
        blocks.append(block.reshape(n, -1))
    return np.hstack(blocks)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_block_algebra_is_dense_algebra(people: int, units: int, q: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    person = np.concatenate([np.arange(people), rng.integers(0, people, n - people)])
    unit = np.concatenate([np.arange(units), rng.integers(0, units, n - units)])
    columns = np.column_stack([np.ones(n), rng.normal(size=(n, q - 1))])
    crossed, weights, scales = Crossed(person, unit, columns), rng.random(n), rng.random((2, q))
    z = dense(crossed, scales)
    h = np.eye(z.shape[1]) + z.T @ (weights[:, None] * z)
    factor, rows = crossed.factor(weights, scales), rng.normal(size=n)
    right = crossed.transposed(rows, scales)
    flat = np.concatenate([part.ravel() for part in factor.solve(right)])
    inverse = np.linalg.inv(h)
    assert factor.logdet == pytest.approx(np.linalg.slogdet(h)[1], abs=1e-9)
    np.testing.assert_allclose(np.concatenate([part.ravel() for part in right]), z.T @ rows, atol=1e-10)
    np.testing.assert_allclose(flat, inverse @ z.T @ rows, atol=1e-9)
    np.testing.assert_allclose(crossed.times(factor.solve(right), scales), z @ flat, atol=1e-9)
    more = crossed.levels[0] * q
    first, second, cross = factor.blocks
    for level, block in enumerate(first):
        np.testing.assert_allclose(block, inverse[level * q : (level + 1) * q, level * q : (level + 1) * q], atol=1e-9)
    for level, block in enumerate(second):
        at = slice(more + level * q, more + (level + 1) * q)
        np.testing.assert_allclose(block, inverse[at, at], atol=1e-9)
    for a, b, block in zip(*crossed.pairs[:2], cross, strict=True):
        part = inverse[a * q : (a + 1) * q, more + b * q : more + (b + 1) * q]
        np.testing.assert_allclose(block, part, atol=1e-9)
