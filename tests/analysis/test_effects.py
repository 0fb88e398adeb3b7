"""Standardized effects against R."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from exemplum.analysis.tests import two_samples

# Hollander & Wolfe's depression scale factors, the example of R's help page on wilcox.test
FIRST = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
SECOND = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def test_dz_matches_r():
    # R: mean(a - b) / sd(a - b); ends uniroot(function(x) pt(t, 8, x) - .975, …)$root / 3, and with .025
    effect = two_samples.dz(FIRST, SECOND)
    assert (effect.value, effect.low, effect.high) == pytest.approx((1.011791805, 0.1771476091, 1.807169062), abs=1e-6)


def test_d_av_matches_r():
    # R: s <- (sd(a) + sd(b)) / 2; g <- mean(a - b) / s
    #    df <- 8 * 4 * s^2 / (var(a) + var(b) + 2 * cor(a, b)^2 * sd(a) * sd(b))
    #    g + c(-1, 1) * qnorm(.975) * sqrt(g^2 / (2 * df) + var(a - b) / (s^2 * 8))
    effect = two_samples.d_av(FIRST, SECOND)
    assert (effect.value, effect.low, effect.high) == pytest.approx((0.569050711, 0.101350905, 1.03675052))


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 23])
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
@pytest.mark.parametrize("shift", [0.0, 1.5, 3.0])
def test_interval_of_d_av_covers_whatever_the_correlation(size, correlation, shift):
    # dz's interval rescaled covers .98 to .99 at a shift of 3 without correlation, and is a fifth wider
    rng = np.random.default_rng([size, int(10 * correlation), int(10 * shift)])
    root = np.linalg.cholesky([[1, correlation], [correlation, 1]])
    found = [two_samples.d_av(a + shift, b) for a, b in (root @ rng.normal(size=(2, size)) for _ in range(4000))]
    assert 0.93 <= np.mean([effect.low <= shift <= effect.high for effect in found]) <= 0.97


def test_partial_eta_sq_matches_r():
    # R: l <- uniroot(function(x) pf(12.53398, 2, 10, x) - .975, c(0, 200))$root; l / (l + 2 + 10 + 1)
    effect = two_samples.partial_eta_sq(12.53398, 2, 10)
    assert effect.value == pytest.approx(143.44444 / (143.44444 + 57.22222), abs=1e-6)
    assert (effect.low, effect.high) == pytest.approx((0.2043446216, 0.8239779007), abs=5e-5)


def test_no_effect_may_have_none_as_its_lower_end():
    assert two_samples.partial_eta_sq(0.2, 2, 10).low == 0


def test_effects_of_differences_all_alike_are_undefined():
    same = np.arange(5.0)
    for effect in (
        two_samples.dz(same + 1, same),
        two_samples.d_av(same + 1, same),
        two_samples.rank_biserial(same * 0),
    ):
        assert np.isnan([effect.value, effect.low, effect.high]).all()


def test_rank_biserial_of_one_still_has_an_interval():
    effect = two_samples.rank_biserial(np.arange(1.0, 11))
    assert effect.value == 1
    assert 0.2 < effect.low < 0.6
    assert effect.high == pytest.approx(1)


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=20).filter(any))
def test_rank_biserial_turns_its_sign_with_the_differences(values):
    plain, turned = (two_samples.rank_biserial(sign * np.array(values, float)) for sign in (1, -1))
    assert plain.value == pytest.approx(-turned.value)
    assert (plain.low, plain.high) == pytest.approx((-turned.high, -turned.low))
    assert -1 - 1e-9 <= plain.low <= plain.value + 1e-9
    assert plain.value <= plain.high + 1e-9 <= 1 + 2e-9


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 23])
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
def test_intervals_of_effects_cover_as_often_as_they_say(size, shift):
    rng = np.random.default_rng(int(10 * shift) + size)
    pairs = rng.normal(shift, 1, (400_000, 2))
    single, sums = 2 * (pairs[:, 0] > 0).mean() - 1, 2 * (pairs.sum(1) > 0).mean() - 1
    rank_truth = (size * single + size * (size - 1) / 2 * sums) / (size * (size + 1) / 2)
    hits = {"dz": [], "rank_biserial": []}
    for _ in range(2000):
        sample = rng.normal(shift, 1, size)
        for effect, truth in (
            (two_samples.dz(sample, 0 * sample), shift),
            (two_samples.rank_biserial(sample), rank_truth),
        ):
            hits[effect.name].append(effect.low <= truth <= effect.high)
    assert 0.935 <= np.mean(hits["dz"]) <= 0.965
    assert 0.935 <= np.mean(hits["rank_biserial"]) <= 0.99
