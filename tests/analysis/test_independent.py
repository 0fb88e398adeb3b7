"""Tests of two groups against R and brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from exemplum.analysis.tests.two_samples import mann_whitney

FEW = st.lists(st.integers(0, 5), min_size=1, max_size=6)


def test_mann_whitney_matches_r():
    # R: wilcox.test(x, y), the example of its help page (placental tissue; Hollander & Wolfe)
    x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    y = [1.15, 0.88, 0.90, 0.74, 1.21]
    found = mann_whitney(x, y)
    assert (found.statistic, found.n) == (35, 15)
    assert found.p == pytest.approx(0.2544123, abs=1e-7)
    assert found.effect.value == pytest.approx(2 * 35 / 50 - 1)


def test_mann_whitney_with_ties_matches_all_choices_of_ranks():
    # R: r <- rank(c(x, y)); combn(11, 5, function(i) sum(r[i])), as far from the mean as observed
    found = mann_whitney([1, 2, 2, 3, 5], [2, 3, 4, 4, 6, 6])
    assert (found.statistic, found.p) == (6.5, pytest.approx(0.1298701299))


@given(FEW, FEW)
def test_mann_whitney_is_exact_by_brute_force(x, y):
    found = mann_whitney(x, y)
    pooled = np.array(x + y, float)
    if len(pooled) < 3 or np.ptp(pooled) == 0:
        assert np.isnan(found.p)
        return
    ranks = stats.rankdata(pooled)
    sums = np.array([ranks[list(chosen)].sum() for chosen in itertools.combinations(range(len(pooled)), len(x))])
    far = np.abs(sums - sums.mean()) >= abs(ranks[: len(x)].sum() - sums.mean()) - 1e-9
    assert found.p == pytest.approx(far.mean())


def test_mann_whitney_of_large_groups_matches_scipy():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=40), rng.normal(0.4, 1, 30)
    assert mann_whitney(x, y).p == pytest.approx(stats.mannwhitneyu(x, y, method="asymptotic").pvalue)


def test_an_empty_group_or_equal_values_decide_nothing():
    for a, b, n in (([], [0.5, 0.6, 0.7], 3), ([0.5, 0.5], [0.5, 0.5], 4), ([], [], 0)):
        found = mann_whitney(a, b)
        assert found.n == n
        assert np.isnan(found.p)
