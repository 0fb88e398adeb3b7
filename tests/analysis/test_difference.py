"""The difference over new participants and new units, against the analysis of variance and what must not matter."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from exemplum.analysis.tests.difference import Difference, crossed, of_one_sample


def answers(people: int, units: int, seed: int = 0, seen: float = 1.0) -> tuple[np.ndarray, ...]:
    """Right answers of participants and units that differ by method, each answer seen with the given chance."""
    rng = np.random.default_rng(seed)
    who, what, which = (index.ravel() for index in np.indices((people, units, 2)))
    odds = 1.5 - 0.7 * which + rng.normal(0, 0.5, people)[who] + rng.normal(0, 0.7, (units, 2))[what, which]
    right = (rng.random(len(who)) < 1 / (1 + np.exp(-odds))).astype(float)
    kept = rng.random(len(who)) < seen
    return right[kept], who[kept], what[kept], which[kept] == 1


def same(one: Difference, other: Difference) -> None:
    for name in ("estimate", "std_error", "df", "p"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-6, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("people", "units", "seed"), [(10, 45, 0), (23, 20, 1), (6, 9, 2)])
def test_complete_designs_are_the_analysis_of_variance(people: int, units: int, seed: int) -> None:
    right, who, what, method = answers(people, units, seed)
    found = crossed(right, who, what, method)
    table = pd.DataFrame({"right": right, "who": who, "what": what, "method": method})
    wide = table.pivot(index=["who", "what"], columns="method", values="right")
    differences = (wide[True] - wide[False]).rename("d").reset_index()
    squares = anova_lm(ols("d ~ C(who) + C(what)", differences).fit())["mean_sq"]
    left = squares["Residual"]
    of_people, of_units = squares["C(who)"], squares["C(what)"]
    terms = of_people**2 / (people - 1), of_units**2 / (units - 1), left**2 / ((people - 1) * (units - 1))
    total, parts = of_people + of_units - left, terms
    if of_people < left:  # there is no part of participants: only units vary
        total, parts = of_units, terms[1:2]
    assert of_units > left
    assert found.estimate == pytest.approx(differences["d"].mean())
    assert found.std_error == pytest.approx(np.sqrt(total / (people * units)))
    assert found.df == pytest.approx(min(total**2 / sum(parts), people + units - 2))


def test_one_sample_is_that_of_r() -> None:
    a = np.array([0.80, 0.75, 0.90, 0.85, 0.70, 0.95, 0.88, 0.79])
    b = np.array([0.82, 0.80, 0.88, 0.86, 0.75, 0.93, 0.90, 0.84])
    found = of_one_sample(a - b, 8, 45)
    # R: t.test(a, b, paired = TRUE): p-value = 0.09461769, -0.044476186 to 0.004476186
    assert found.p == pytest.approx(0.09461769, abs=1e-7)
    assert found.interval() == pytest.approx((-0.044476186, 0.004476186), abs=1e-8)
    # R: max of t.test(a - b, mu = -.05, alternative = "greater")$p.value and (mu = .05, "less"): 0.01152127
    assert replace(found, skewness=0.0).p_equivalence(0.05) == pytest.approx(0.01152127, abs=1e-7)
    # SciPy's skewness without bias, over √n, is that of the mean
    assert found.skewness == pytest.approx(stats.skew(a - b, bias=False) / np.sqrt(8))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.integers(2, 12), st.floats(0.3, 1.0), st.integers(0, 10**6))
def test_what_must_not_matter_does_not(people: int, units: int, seen: float, seed: int) -> None:
    """The order of answers, the names of participants and units, and those who saw one condition alone."""
    right, who, what, method = answers(people, units, seed, seen)
    found = crossed(right, who, what, method)
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(len(right))
    same(found, crossed(right[mixed], who[mixed], what[mixed], method[mixed]))
    same(found, crossed(right, rng.permutation(people)[who] * 7, rng.permutation(units)[what] + 3, method))
    more = (np.r_[right, 1.0, 0.0], np.r_[who, 99, 99], np.r_[what, 0, 1], np.r_[method, True, True])
    same(found, crossed(*more))
    turned = crossed(right, who, what, ~method)
    assert turned.estimate == pytest.approx(-found.estimate, nan_ok=True)
    assert turned.std_error == pytest.approx(found.std_error, nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.integers(2, 12), st.floats(0.3, 1.0), st.integers(0, 10**6))
def test_the_variance_has_at_least_that_of_what_is_left(people: int, units: int, seen: float, seed: int) -> None:
    found = crossed(*answers(people, units, seed, seen))
    if np.isfinite(found.std_error):
        assert 1 <= found.df <= max(people + units - 2, 1)
        assert min(found.parts) >= 0 or np.isnan(found.parts).all()
        low, high = found.interval()
        assert -1 <= low <= found.estimate <= high <= 1


def test_equal_answers_do_not_prove_that_nothing_varies() -> None:
    right, who, what, method = answers(10, 45)
    found = crossed(np.ones_like(right), who, what, method)
    assert found.estimate == 0
    assert found.interval()[1] > 0.1  # of 10 participants 3 / 10 could still differ
    assert found.p_equivalence(0.05) > 0.05
    assert of_one_sample(np.zeros(500), 1, 500).p_equivalence(0.05) < 0.05


def test_fewer_than_two_of_either_decide_nothing() -> None:
    right, who, what, method = answers(5, 9)
    for kept in (who == 0, what == 0):
        found = crossed(right[kept], who[kept], what[kept], method[kept])
        assert np.isfinite(found.estimate)
        assert np.isnan([found.std_error, found.p, found.p_equivalence(0.05), *found.interval()]).all()
    nobody = crossed(right[:0], who[:0], what[:0], method[:0])
    assert np.isnan(nobody.estimate)
    assert nobody.n_participants == 0
