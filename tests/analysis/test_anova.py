"""Analyses of variance against R and pingouin."""

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings, strategies as st

from exemplum.analysis.tests.anova import anova_terms, mixed_anova, rm_anova

THREE = np.array([45, 50, 55, 42, 42, 45, 36, 41, 43, 39, 35, 40, 51, 55, 59, 44, 49, 56], float).reshape(6, 3)
# R: set.seed(1); round(matrix(rnorm(42), 7, 6), 2); three of one group and four of the other
SIX = np.array([
    [-0.63, 0.74, 1.12, 0.78, -0.48, -0.41], [0.18, 0.58, -0.04, 0.07, 0.42, -0.39],
    [-0.84, -0.31, -0.02, -1.99, 1.36, -0.06], [1.60, 1.51, 0.94, 0.62, -0.10, 1.10],
    [0.33, 0.39, 0.82, -0.06, 0.39, 0.76], [-0.82, -0.62, 0.59, -0.16, -0.05, -0.16],
    [0.49, -2.21, 0.92, -1.47, -1.38, -0.25],
]).reshape(7, 2, 3)  # fmt: skip
GROUPS = np.array(["expert"] * 3 + ["lay"] * 4)


def test_one_way_repeated_measures_matches_r():
    # R: summary(aov(y ~ c + Error(s/c))); anova(lm(m ~ 1), X = ~1, test = "Spherical") for Greenhouse-Geisser
    omnibus = rm_anova(THREE, ["a", "b", "c"])[0]
    assert (omnibus.statistic, omnibus.df) == (pytest.approx(12.53398, abs=1e-5), "2,10")
    assert omnibus.p == pytest.approx(0.0018855906, abs=1e-9)
    assert omnibus.p_adjusted == pytest.approx(0.0089852153, abs=1e-9)


def test_post_hoc_tests_pool_the_error_with_bonferroni():
    # R: t <- (mean(m[,1]) - mean(m[,2])) / sqrt(2 * MSE / 6); 2 * pt(-abs(t), 10); min(1, 3 * p)
    expected = {
        ("a", "b"): (-1.8101654701, 0.1003752007, 0.3011256020),
        ("a", "c"): (-4.9477856183, 0.0005804341, 0.0017413024),
        ("b", "c"): (-3.1376201482, 0.0105528018, 0.0316584053),
    }
    for found in rm_anova(THREE, ["a", "b", "c"])[1:]:
        assert (found.statistic, found.p, found.p_adjusted) == pytest.approx(expected[found.a, found.b], abs=1e-9)
        assert (found.test, found.df, found.n) == ("rm_anova_posthoc", "10", 6)


def test_type_iii_with_groups_of_unlike_size_matches_r():
    # R: contrasts(g) <- contr.sum(2); fit <- lm(w ~ g); within terms anova(fit, lm(w ~ 0 + sum-coded g),
    #    M = ~ scheme, X = ~ 1, idata, test = "Spherical"); their interactions with g anova(fit, lm(w ~ 1), …)
    expected = {
        "expertise": (0.08632, 0.78071562, 0.78071562),
        "reference": (3.06428, 0.14043024, 0.14043024),
        "scheme": (1.43064, 0.28417027, 0.28566325),
        "scheme:expertise": (2.77237, 0.11017503, 0.11774438),
        "reference:scheme": (0.38515, 0.69002065, 0.64820536),
        "reference:scheme:expertise": (0.24503, 0.78724613, 0.74130759),
    }
    found = {row.a: row for row in mixed_anova(SIX, ["reference", "scheme"], GROUPS)}
    assert set(expected) < set(found)
    for name, (f, p, p_gg) in expected.items():
        assert found[name].statistic == pytest.approx(f, abs=1e-5), name
        assert (found[name].p, found[name].p_adjusted) == pytest.approx((p, p_gg), abs=1e-7), name


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 9))
def test_two_within_factors_match_pingouin(seed, n):
    values = np.random.default_rng(seed).normal(size=(n, 2, 3))
    index = pd.MultiIndex.from_product([range(n), range(2), range(3)], names=["who", "one", "two"])
    frame = pd.DataFrame({"y": values.ravel()}, index=index).reset_index()
    table = pingouin.rm_anova(frame, dv="y", within=["one", "two"], subject="who").set_index("Source")
    for term, source in zip(anova_terms(values, ["one", "two"], None), ("one", "two", "one * two"), strict=True):
        assert term.f == pytest.approx(table.loc[source, "F"], rel=1e-6)
        assert (term.df, term.df_error) == tuple(table.loc[source, ["ddof1", "ddof2"]])


def test_the_order_of_participants_does_not_matter():
    turned = [5, 2, 0, 6, 4, 1, 3]
    one = mixed_anova(SIX, ["reference", "scheme"], GROUPS)
    other = mixed_anova(SIX[turned], ["reference", "scheme"], GROUPS[turned])
    assert [row.statistic for row in one] == pytest.approx([row.statistic for row in other])


@pytest.mark.parametrize("values", [THREE[:1], THREE[:0], np.full((4, 3), 0.5), np.tile([0.1, 0.2, 0.3], (5, 1))])
def test_one_participant_or_no_error_gives_nan_with_n(values):
    for found in rm_anova(values, ["a", "b", "c"]):
        assert found.n == len(values)
        assert np.isnan([found.statistic, found.p, found.p_adjusted]).all()


def test_a_group_of_everybody_is_no_factor():
    found = mixed_anova(SIX, ["reference", "scheme"], np.array(["lay"] * 7))
    assert all(np.isnan(row.p) for row in found)
