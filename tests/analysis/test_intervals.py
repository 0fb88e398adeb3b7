"""Intervals against R and scipy."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from exemplum.analysis.estimates import intervals

# not round, so that no two resamples tie: boot and scipy count ties with the estimate differently
SCORES = np.array([0.73117, 0.81431, 0.66293, 0.90713, 0.85019, 0.77541, 0.92687, 0.58237, 0.81779, 0.70133])


def test_wilson_matches_r():
    # R: prop.test(18, 24, correct = FALSE)$conf.int; prop.test(0, 10, …); prop.test(415, 450, …)
    low, high = intervals.wilson(np.array([18, 0, 415]), np.array([24, 10, 450]))
    assert low == pytest.approx([0.5510055599, 0, 0.8937505229], abs=1e-9)
    assert high == pytest.approx([0.8800063377, 0.2775327999, 0.9435462746], abs=1e-9)


def test_wilson_of_no_trials_is_undefined():
    low, high = intervals.wilson(np.array([0]), np.array([0]))
    assert np.isnan(low).all()
    assert np.isnan(high).all()


@given(st.integers(0, 400), st.integers(1, 400))
def test_wilson_lies_in_the_unit_interval_around_the_share(successes, more):
    trials = successes + more
    low, high = intervals.wilson(np.array([successes]), np.array([trials]))
    assert -1e-12 <= low[0] <= successes / trials + 1e-12 <= high[0] + 2e-12 <= 1 + 3e-12


def test_sem2_is_drawn_with_the_population_standard_deviation():
    low, high = intervals.sem2(SCORES)
    error = np.std(SCORES) / np.sqrt(len(SCORES))  # numpy's default, ddof = 0
    assert (low[0], high[0]) == pytest.approx((SCORES.mean() - 2 * error, SCORES.mean() + 2 * error))


def test_one_participant_has_no_interval():
    for ends in (intervals.sem2([[0.5]]), intervals.bootstrap([[0.5]], None, 1)):
        assert np.isnan(np.concatenate(ends, axis=None)).all()


def test_bootstrap_matches_r():
    # R: b <- boot(z, function(d, i) mean(d[i]), 400000); boot.ci(b, type = c("perc", "bca"))
    percentile, bca = intervals.bootstrap(SCORES, None, seed=1, resamples=100_000)
    assert percentile[0] == pytest.approx([0.7115302, 0.8391860], abs=0.001)
    assert bca[0] == pytest.approx([0.7086580, 0.8365942], abs=0.001)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_bootstrap_of_a_ratio_matches_scipy(method):
    rng = np.random.default_rng(5)
    trials = rng.integers(5, 40, 30).astype(float)
    right = rng.binomial(trials.astype(int), 0.7).astype(float)
    scipys = stats.bootstrap(
        (right, trials), lambda r, n, axis: r.sum(axis) / n.sum(axis), paired=True, n_resamples=40_000, method=method,
        rng=np.random.default_rng(1), vectorized=True,
    ).confidence_interval  # fmt: skip
    ours = intervals.bootstrap(right, trials, seed=2, resamples=40_000)[method == "BCa"][0]
    assert ours == pytest.approx([scipys.low, scipys.high], abs=0.003)


def test_cells_are_bootstrapped_alike_whether_alone_or_together():
    rng = np.random.default_rng(1)
    many = rng.random((7, 12))
    together = intervals.bootstrap(many, None, seed=3, resamples=500)
    alone = [intervals.bootstrap(row, None, seed=3, resamples=500) for row in many]
    for i, (percentile, bca) in enumerate(alone):
        assert percentile[0] == pytest.approx(together[0][i])
        assert bca[0] == pytest.approx(together[1][i])


def test_an_empty_participant_hardly_moves_the_interval():
    rng = np.random.default_rng(2)
    values = rng.random(80)
    plain = intervals.bootstrap(values, None, seed=1, resamples=20_000)
    padded = [np.concatenate([part, np.zeros(20)]) for part in (values, np.ones(80))]
    for one, other in zip(plain, intervals.bootstrap(*padded, seed=1, resamples=20_000), strict=True):
        assert one[0] == pytest.approx(other[0], abs=0.004)


def test_people_who_do_not_differ_have_no_bca_interval():
    percentile, bca = intervals.bootstrap(np.full(8, 0.3), None, seed=1, resamples=200)
    assert percentile[0] == pytest.approx([0.3, 0.3])
    assert np.isnan(bca).all()


@given(st.lists(st.floats(0, 1), min_size=3, max_size=12), st.floats(-5, 5), st.floats(0.1, 9))
def test_bootstrap_moves_and_stretches_with_the_values(values, shift, scale):
    values = np.array(values)
    plain = intervals.bootstrap(values, None, seed=4, resamples=200)[0][0]
    moved = intervals.bootstrap(values * scale + shift, None, seed=4, resamples=200)[0][0]
    assert moved == pytest.approx(plain * scale + shift, abs=1e-9)


@pytest.mark.slow
def test_bca_covers_a_skewed_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(8)
    samples = rng.beta(8, 2, size=(2000, 23))
    covered = []
    for name, ends in zip(
        ("percentile", "bca"), intervals.bootstrap(samples, None, seed=1, resamples=4000), strict=True
    ):
        covered.append(((ends[:, 0] <= 0.8) & (ends[:, 1] >= 0.8)).mean())
        assert 0.915 <= covered[-1] <= 0.97, name
