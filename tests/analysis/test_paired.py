"""Paired tests against R and brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from exemplum.analysis.tests.two_samples import paired_t, permutation, wilcoxon

FIRST = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
SECOND = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
SMALL = st.lists(st.integers(-4, 4), min_size=2, max_size=10)


def test_paired_t_matches_r():
    # R: t.test(a, b, paired = TRUE)
    found = paired_t(FIRST, SECOND)
    assert (found.statistic, found.df, found.n) == (pytest.approx(3.0353754, abs=1e-7), "8", 9)
    assert found.p == pytest.approx(0.01617663, abs=1e-8)
    assert found.difference == pytest.approx(0.4318888889)


def test_wilcoxon_matches_r():
    # R: wilcox.test(a, b, paired = TRUE)
    found = wilcoxon(FIRST, SECOND)
    assert (found.statistic, found.p) == (40, pytest.approx(0.0390625))


def test_wilcoxon_with_zeros_and_ties_matches_all_signs():
    # R: d <- c(1,1,-2,3,3,0,4); d <- d[d != 0]; r <- rank(abs(d)); all 64 signs by expand.grid
    found = wilcoxon(np.array([1, 1, -2, 3, 3, 0, 4]), np.zeros(7))
    assert (found.statistic, found.p, found.n) == (18, pytest.approx(0.15625), 7)


@given(SMALL.filter(any))
def test_wilcoxon_is_exact_by_brute_force(values):
    kept = np.array([v for v in values if v], float)
    ranks = stats.rankdata(np.abs(kept))
    sums = np.array(list(itertools.product((0, 1), repeat=len(kept)))) @ ranks
    v = ranks[kept > 0].sum()
    exact = min(1.0, 2 * min((sums <= v + 1e-9).mean(), (sums >= v - 1e-9).mean()))
    assert wilcoxon(np.array(values, float), np.zeros(len(values))).p == pytest.approx(exact)


def test_equal_differences_tie_though_their_floats_differ():
    shares = np.array([41, 40, 43, 39, 44]) / 45
    found = wilcoxon(shares, shares - np.array([2, 2, 2, -2, 2]) / 45)
    # R: wilcox.exact(c(2,2,2,-2,2)): V = 12 of five mid-ranks of 3; 12 of the 32 signs lie as far out
    assert (found.statistic, found.p) == (12, pytest.approx(12 / 32))


def test_large_samples_use_the_normal_approximation():
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.1, 1, 500), rng.normal(0, 1, 500)
    ours = wilcoxon(first, second)
    scipys = stats.wilcoxon(first, second, method="asymptotic", correction=True)
    assert ours.p == pytest.approx(scipys.pvalue, rel=1e-6)


@given(SMALL)
def test_permutation_of_few_pairs_is_exact_by_brute_force(values):
    d = np.array(values, float)
    sums = np.array(list(itertools.product((-1, 1), repeat=len(d)))) @ d
    exact = (np.abs(sums) >= abs(d.sum()) - 1e-9).mean()
    assert permutation(d, np.zeros(len(d)), seed=1).p == pytest.approx(exact)


def test_permutation_of_many_pairs_is_near_scipys_and_never_zero():
    rng = np.random.default_rng(2)
    first, second = rng.normal(0.45, 1, 25), rng.normal(0, 1, 25)
    scipys = stats.permutation_test(
        (first, second), lambda x, y, axis: (x - y).mean(axis), permutation_type="samples", vectorized=True,
        n_resamples=50_000, rng=np.random.default_rng(3),
    )  # fmt: skip
    assert permutation(first, second, seed=4).p == pytest.approx(scipys.pvalue, abs=0.01)
    assert permutation(first + 50, second, seed=4).p == pytest.approx(1 / 10_001)


@pytest.mark.parametrize("test", [paired_t, wilcoxon, lambda a, b: permutation(a, b, 1)])
def test_swapping_conditions_turns_the_difference_and_keeps_p(test):
    one, other = test(FIRST, SECOND), test(SECOND, FIRST)
    assert one.p == pytest.approx(other.p)
    assert one.difference == pytest.approx(-other.difference)
    assert one.effect.value == pytest.approx(-other.effect.value)


@pytest.mark.parametrize("test", [paired_t, wilcoxon, lambda a, b: permutation(a, b, 1)])
def test_one_pair_or_none_decides_nothing(test):
    for n in (0, 1):
        found = test(np.ones(n), np.zeros(n))
        assert found.n == n
        assert np.isnan([found.p, found.statistic, found.effect.value]).all()


def test_pairs_that_are_all_alike_have_no_t():
    found = paired_t(np.full(6, 0.75), np.full(6, 0.5))
    assert np.isnan(found.p)
    assert found.difference == 0.25


@pytest.mark.slow
def test_tests_reject_a_true_null_at_their_level():
    rng = np.random.default_rng(10)
    p = {"paired_t": [], "wilcoxon": [], "permutation": []}
    for _ in range(4000):
        a, b = rng.normal(size=(2, 12))
        for found in (paired_t(a, b), wilcoxon(a, b), permutation(a, b, 1)):
            p[found.test].append(found.p)
    for name, values in p.items():
        assert 0.033 <= np.mean(np.array(values) <= 0.05) <= 0.06, name  # of rank sums of 12 the nearest level is .042
