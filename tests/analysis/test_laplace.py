"""The logistic mixed model against R's lme4, quadrature and its own derivatives."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from exemplum.analysis.models import laplace
from exemplum.analysis.models.crossed import Crossed

from .crossed_data import columns

# lme4's data set cbpp: herds of cattle over four periods, cases of contagious bovine pleuropneumonia and herd size
HERD = np.repeat(np.arange(15), [4, 3, 4, 4, 4, 4, 4, 1, 4, 4, 4, 4, 4, 4, 4])
PERIOD = np.concatenate([np.arange(k) for k in (4, 3, 4, 4, 4, 4, 4, 1, 4, 4, 4, 4, 4, 4, 4)])
CASES = np.array([2, 3, 4, 0, 3, 1, 1, 8, 2, 0, 2, 2, 0, 2, 0, 5, 0, 0, 1, 3, 0, 0, 1, 8, 1, 3, 0, 12, 2, 0, 0, 0, 1, 1,
                  0, 2, 0, 5, 3, 1, 2, 1, 0, 0, 1, 2, 0, 0, 11, 0, 0, 0, 1, 1, 1, 0.0])  # fmt: skip
SIZE = np.array([14, 12, 9, 5, 22, 18, 21, 22, 16, 16, 20, 10, 10, 9, 6, 18, 25, 24, 4, 17, 17, 18, 20, 16, 10, 9, 5,
                 34, 9, 6, 8, 6, 22, 22, 18, 22, 25, 27, 22, 22, 10, 8, 6, 5, 21, 24, 19, 23, 19, 2, 3, 2, 19, 15, 15,
                 15.0])  # fmt: skip


@pytest.fixture(scope="module")
def cattle() -> tuple[np.ndarray, np.ndarray, np.ndarray, Crossed]:
    fixed = np.eye(4)[PERIOD]
    fixed[:, 0] = 1
    return CASES, SIZE, fixed, Crossed(HERD, np.zeros(56, dtype=int), np.ones((56, 1)))


def test_cattle_as_lme4_fits_them(cattle) -> None:
    # R: glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, binomial,
    #          control = glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12))
    found = laplace.fit(*cattle)
    np.testing.assert_allclose(found.beta, [-1.398532, -0.992333, -1.128672, -1.580314], atol=3e-5)
    np.testing.assert_allclose(
        np.sqrt(np.diag(found.covariance)), [0.2324719, 0.3066423, 0.3266377, 0.4274364], atol=2e-5
    )
    assert found.sd[0, 0] == pytest.approx(0.6422615, abs=3e-5)
    assert found.loglik == pytest.approx(-92.02628187, abs=1e-6)
    assert found.converged
    assert not found.singular


def test_profile_interval_as_lme4_gives_it(cattle) -> None:
    # R: confint(glmer(… period + (1 | herd) …), "period2", method = "profile"): -1.616783, -0.407763
    low, high = laplace.profile(*cattle, np.array([0, 1, 0, 0]), laplace.fit(*cattle))
    assert (low, high) == (pytest.approx(-1.616783, abs=2e-3), pytest.approx(-0.407763, abs=2e-3))


def test_laplace_is_near_to_quadrature(cattle) -> None:
    """One grouping can be integrated exactly: adaptive Gauss-Hermite with 25 nodes, written out here."""
    cases, size, fixed, _ = cattle
    nodes, weights = np.polynomial.hermite.hermgauss(25)

    def minus_loglik(parameters: np.ndarray) -> float:
        base, sd = fixed @ parameters[:4], parameters[4]
        total = 0.0
        for herd in range(15):
            y, n, eta = cases[herd == HERD], size[herd == HERD], base[herd == HERD]
            u = 0.0
            for _ in range(50):
                p = expit(eta + sd * u)
                u -= (u - sd * (y - n * p).sum()) / (1 + sd**2 * (n * p * (1 - p)).sum())
            p = expit(eta + sd * u)
            width = np.sqrt(2 / (1 + sd**2 * (n * p * (1 - p)).sum()))
            at = u + width * nodes
            line = eta[:, None] + sd * at
            inner = (y[:, None] * line - n[:, None] * np.logaddexp(0, line)).sum(axis=0) - at**2 / 2
            total += np.log((weights * np.exp(inner - inner.max() + nodes**2)).sum() * width) + inner.max()
        return -total

    found = laplace.fit(*cattle)
    exact = minimize(minus_loglik, np.append(found.beta, found.sd[0, 0]), method="BFGS").x
    # R: glmer(…, nAGQ = 25): -1.399230, -0.991404, -1.127819, -1.579471, sd 0.647518
    np.testing.assert_allclose(exact, [-1.399230, -0.991404, -1.127819, -1.579471, 0.647518], atol=2e-4)
    np.testing.assert_allclose(np.append(found.beta, found.sd[0, 0]), exact, atol=0.006)


@pytest.fixture(scope="module")
def trials() -> dict[str, np.ndarray]:
    d = columns()
    natural = (d["condition"] == "natural").to_numpy(dtype=float)
    one = np.ones(len(d))
    return {
        "correct": d["correct"].to_numpy(dtype=float), "one": one, "fixed": np.column_stack([one, natural]),
        "participant": d["participant"].to_numpy(), "unit": d["unit"].to_numpy(),
        "half": (2 * natural - 1) / np.sqrt(2),
    }  # fmt: skip


def test_crossed_intercepts_as_lme4_fits_them(trials) -> None:
    # R: glmer(correct ~ condition + (1 | participant) + (1 | unit), d, binomial)
    crossed = Crossed(trials["participant"], trials["unit"], trials["one"][:, None])
    found = laplace.fit(trials["correct"], trials["one"], trials["fixed"], crossed)
    np.testing.assert_allclose(found.beta, [0.774649, 0.826224], atol=1e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), [0.547393, 0.340780], atol=1e-4)
    np.testing.assert_allclose(found.sd[:, 0], [0.841547, 1.345627], atol=1e-4)
    assert found.loglik == pytest.approx(-126.441402, abs=1e-5)


def test_random_slopes_as_lme4_fits_them(trials) -> None:
    # R: glmer(correct ~ condition + (1 + h || participant) + (1 + h || unit), d, binomial), h = ±1/sqrt(2)
    columns_ = np.column_stack([trials["one"], trials["half"]])
    crossed = Crossed(trials["participant"], trials["unit"], columns_)
    found = laplace.fit(trials["correct"], trials["one"], trials["fixed"], crossed)
    np.testing.assert_allclose(found.beta, [0.799916, 0.909899], atol=2e-4)
    np.testing.assert_allclose(found.sd, [[0.901905, 0.686042], [1.405295, 0]], atol=2e-4)
    assert found.loglik == pytest.approx(-125.551414, abs=1e-5)
    assert found.singular == ((1, 1),)
    # boundary (singular) fit in R too; what the data allow is still said
    assert found.sd_low[1, 1] == 0
    assert 0 < found.sd_high[1, 1] < 1.5


def test_order_of_rows_and_names_of_levels_do_not_matter(trials) -> None:
    rng = np.random.default_rng(0)
    order, people, units = rng.permutation(240), rng.permutation(12), rng.permutation(10)
    one = trials["one"]
    crossed = Crossed(trials["participant"], trials["unit"], one[:, None])
    other = Crossed(people[trials["participant"]][order], units[trials["unit"]][order], one[:, None])
    first = laplace.fit(trials["correct"], one, trials["fixed"], crossed)
    second = laplace.fit(trials["correct"][order], one, trials["fixed"][order], other)
    np.testing.assert_allclose(first.beta, second.beta, atol=1e-4)
    assert first.loglik == pytest.approx(second.loglik, abs=1e-7)


@pytest.mark.parametrize(("people", "units", "q"), [(12, 7, 1), (6, 13, 2), (9, 5, 3)])
def test_gradient_is_the_slope_of_the_likelihood(people: int, units: int, q: int) -> None:
    rng = np.random.default_rng(people)
    n = 200
    z = np.column_stack([np.ones(n), rng.normal(size=(n, q - 1))])
    crossed = Crossed(rng.integers(0, people, n), rng.integers(0, units, n), z)
    fixed = np.column_stack([np.ones(n), rng.normal(size=n)])
    problem = laplace._Problem(rng.integers(0, 2, n).astype(float), np.ones(n), fixed, crossed, np.zeros(n))
    at = rng.random(2 + 2 * min(q, 2))
    slope = problem.value(at)[1]
    for index in range(len(at)):
        step = np.zeros(len(at))
        step[index] = 1e-5
        difference = (problem.value(at + step)[0] - problem.value(at - step)[0]) / 2e-5
        assert slope[index] == pytest.approx(difference, abs=5e-5)
