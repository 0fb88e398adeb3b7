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


def test_t_matches_r():
    # R: t.test(SCORES)$conf.int
    names, low, high = intervals.of_mean(SCORES)
    oracle = stats.t.interval(0.95, 9, SCORES.mean(), stats.sem(SCORES))
    assert (names[0], low[0], high[0]) == ("t", pytest.approx(oracle[0]), pytest.approx(oracle[1]))


def test_wilson_t_is_wilson_with_as_many_trials_as_have_that_variance():
    """By solving (mean − p)² = t² · p(1 − p) / n for p, where n = mean(1 − mean) / (s²/10)."""
    names, low, high = intervals.of_mean(SCORES, intervals.SHARE)
    n = SCORES.mean() * (1 - SCORES.mean()) / stats.sem(SCORES) ** 2
    q = stats.t.ppf(0.975, 9)
    ends = sorted(np.roots([1 + q**2 / n, -(2 * SCORES.mean() + q**2 / n), SCORES.mean() ** 2]))
    assert (names[0], low[0], high[0]) == ("wilson_t", pytest.approx(ends[0]), pytest.approx(ends[1]))


def test_many_people_who_answer_once_have_wilsons_interval():
    """With one trial each the trials are independent, and t is nearly normal."""
    right = np.arange(20_000) < 15_000
    _, low, high = intervals.of_mean(right, intervals.SHARE)
    wilson = intervals.wilson(np.array([15_000]), np.array([20_000]))
    assert (low[0], high[0]) == pytest.approx((wilson[0][0], wilson[1][0]), abs=1e-5)


def test_clopper_pearson_matches_r():
    # R: binom.test(18, 24)$conf.int; binom.test(0, 10); binom.test(45, 45)
    low, high = intervals.clopper_pearson(np.array([18, 0, 45]), np.array([24, 10, 45]))
    assert low == pytest.approx([0.5328872, 0, 0.9212949], abs=1e-6)
    assert high == pytest.approx([0.9022696, 0.3084971, 1], abs=1e-6)
    assert np.isnan(intervals.clopper_pearson(np.array([0]), np.array([0]))).all()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_people_who_do_not_differ_have_the_exact_interval_of_their_trials(share):
    oracle = stats.binomtest(round(60 * share), 60).proportion_ci(0.95, "exact")
    names, low, high = intervals.of_mean(np.full(3, share), intervals.SHARE, np.array([60]))
    assert (names[0], low[0], high[0]) == ("exact", pytest.approx(oracle.low), pytest.approx(oracle.high))
    assert low[0] < high[0]


@given(st.lists(st.integers(0, 9), min_size=2, max_size=12))
def test_an_interval_of_a_share_holds_it_has_width_and_ends_within_0_and_1(right):
    values = np.array(right) / 9
    names, low, high = intervals.of_mean(values, intervals.SHARE, np.array([9 * len(values)]))
    assert names[0] == ("exact" if len(set(right)) == 1 else "wilson_t")
    assert 0 <= low[0] <= values.mean() + 1e-12
    assert values.mean() - 1e-12 <= high[0] <= 1
    assert high[0] - low[0] > 0.01


def test_identical_draws_bound_the_share_of_all_others():
    """A value that a share p of all have is drawn n times in a row with chance pⁿ: .025 at the end of the interval."""
    low, high = intervals.identical(np.array([2.0]), 8, (1.0, 3.0))
    others = 2.0 - low[0]  # if they all gave the rating 1
    assert (1 - others) ** 8 == pytest.approx(0.025)
    assert high[0] == pytest.approx(2.0 + others)


def test_equal_values_without_limits_have_no_interval():
    names, low, high = intervals.of_mean(np.full(5, 3.5))
    assert names[0] == "t"
    assert np.isnan([low[0], high[0]]).all()


def test_cells_have_the_same_interval_alone_and_together():
    many = np.random.default_rng(1).integers(0, 5, (9, 4)) / 4
    together = intervals.of_mean(many, intervals.SHARE, np.full(9, 16))
    for i, row in enumerate(many):
        assert [part[0] for part in intervals.of_mean(row, intervals.SHARE, np.array([16]))] == [p[i] for p in together]


def test_jackknife_of_a_mean_is_t():
    without = (SCORES.sum() - SCORES) / 9
    oracle = stats.t.interval(0.95, 9, SCORES.mean(), stats.sem(SCORES))
    name, low, high = intervals.jackknife(SCORES.mean(), without)
    assert (name, low, high) == ("jackknife", pytest.approx(oracle[0]), pytest.approx(oracle[1]))


def test_two_way_jackknife_of_a_mean_is_the_variance_by_moments():
    """(MSp + MSu − MSe) / (P U) of a two-way table (Satterthwaite 1946), for its grand mean."""
    table = np.random.default_rng(3).normal(size=(6, 8)) + np.arange(6)[:, None] / 3 + np.arange(8) / 2
    mean, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    without = [(6 * mean - rows) / 5, (8 * mean - columns) / 7]
    residual = table - rows[:, None] - columns + mean
    # answers: as far as the residual moves the mean
    changes = [(mean - part) * (n - 1) / n for part, n in zip(without, (6, 8), strict=True)]
    mse = (residual**2).sum() / 35
    scaled = residual.ravel() / 48 * np.sqrt(mse * 48 / (residual**2).sum() * 47 / 48)
    _, low, high = intervals.two_way(mean, changes[0], changes[1], scaled, (-99.0, 99.0), changes=True)
    msp, msu = 8 * rows.var(ddof=1), 6 * columns.var(ddof=1)
    total = msp + msu - mse
    df = total**2 / (msp**2 / 5 + msu**2 / 7 + mse**2 / 35)
    reach = stats.t.ppf(0.975, df) * np.sqrt(total / 48)
    assert (low, high) == pytest.approx((mean - reach, mean + reach), rel=1e-9)


def test_sem2_is_drawn_with_the_population_standard_deviation():
    low, high = intervals.sem2(SCORES)
    error = np.std(SCORES) / np.sqrt(len(SCORES))  # numpy's default, ddof = 0
    assert (low[0], high[0]) == pytest.approx((SCORES.mean() - 2 * error, SCORES.mean() + 2 * error))


def test_one_participant_has_no_interval():
    over = intervals.of_mean([[0.5]], intervals.SHARE, np.array([20]))[1:]
    for ends in (intervals.sem2([[0.5]]), intervals.bootstrap([[0.5]], None, 1), over):
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
