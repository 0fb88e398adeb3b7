"""The linear mixed model against R's lme4 and statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from exemplum.analysis.models import reml
from exemplum.analysis.models.crossed import Crossed

from .crossed_data import columns


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return columns()


def fitted(data: pd.DataFrame, slopes: bool) -> reml.Fit:
    natural = (data["condition"] == "natural").to_numpy(dtype=float)
    one = np.ones(len(data))
    z = np.column_stack([one, (2 * natural - 1) / np.sqrt(2)][: 1 + slopes])
    crossed = Crossed(data["participant"].to_numpy(), data["unit"].to_numpy(), z)
    return reml.fit(data["ln_rt"].to_numpy(), np.column_stack([one, natural]), crossed)


def test_crossed_intercepts_as_lme4_fits_them(data) -> None:
    # R: lmer(ln_rt ~ condition + (1 | participant) + (1 | unit), d)
    found = fitted(data, slopes=False)
    np.testing.assert_allclose(found.beta, [1.26801417, -0.13554500], atol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), [0.133909, 0.0308265], atol=2e-6)
    np.testing.assert_allclose(found.sd[:, 0], [0.316090, 0.302166], atol=1e-5)
    assert found.residual[0] == pytest.approx(0.238780686, abs=1e-6)
    assert found.loglik == pytest.approx(-37.8812005, abs=1e-6)


def test_random_slopes_as_lme4_fits_them(data) -> None:
    # R: lmer(ln_rt ~ condition + (1 + h || participant) + (1 + h || unit), d), h = ±1/sqrt(2); singular there too
    found = fitted(data, slopes=True)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), [0.136833, 0.0629025], atol=5e-6)
    np.testing.assert_allclose(found.sd, [[0.316843, 0.137831], [0.302831, 0]], atol=2e-5)
    assert found.loglik == pytest.approx(-26.6750888, abs=1e-6)
    assert found.singular == ((1, 1),)


def test_crossed_intercepts_as_statsmodels_fits_them(data) -> None:
    parts = {"participant": "0 + C(participant)", "unit": "0 + C(unit)"}
    model = smf.mixedlm("ln_rt ~ condition", data.assign(all=1), groups="all", vc_formula=parts)
    oracle = model.fit(reml=True)
    found = fitted(data, slopes=False)
    np.testing.assert_allclose(found.sd[:, 0] ** 2, oracle.vcomp, rtol=2e-3)
    assert found.residual[0] ** 2 == pytest.approx(oracle.scale, rel=1e-4)
    assert -found.beta[1] == pytest.approx(oracle.params["condition[T.synthetic]"], abs=1e-6)


def test_interval_of_the_residual_is_near_the_exact_one() -> None:
    """With one participant and one unit it is a plain mean, whose variance has a χ² interval."""
    from scipy.stats import chi2

    values = np.random.default_rng(1).normal(size=60)
    one = np.zeros(60, dtype=int)
    found = reml.fit(values, np.ones((60, 1)), Crossed(one, one, np.ones((60, 1))))
    squares = ((values - values.mean()) ** 2).sum()
    assert found.residual[0] == pytest.approx(np.sqrt(squares / 59))
    exact = np.sqrt(squares / chi2.ppf([0.975, 0.025], 59))
    np.testing.assert_allclose(found.residual[1:], exact, rtol=0.03)
