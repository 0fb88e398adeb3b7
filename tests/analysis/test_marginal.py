"""Marginal means, log likelihoods and correlations of the models against R's lme4, glmmTMB and emmeans.

R 4.2.2, lme4 1.1-31, glmmTMB 1.1.5, emmeans 1.8.4. Population averages in R, with the nodes x and weights w of 60-point
Gauss-Hermite quadrature, sd the root of the summed variances and V = vcov(m, full = TRUE):
p <- sapply(beta, function(b) sum(w * plogis(b + sd * x))), se <- sqrt(diag(J %*% V %*% t(J))), J by differences.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from exemplum.analysis.models import fits, marginal

from .crossed_data import responses, three

INTERCEPTS = {  # R: glmmTMB(correct ~ 0 + condition + (1 | participant) + (1 | unit), d, binomial)
    "natural": (0.753780107, 0.0755824978),
    "synthetic": (0.630613355, 0.0883626861),
    "natural - synthetic": (0.123166752, 0.0518930831),
}
SLOPES = {  # R: glmmTMB(correct ~ 0 + condition + (1 | participant) + (0 + h | participant) + (1 | unit), d, binomial)
    "natural": (0.757931664, 0.0772944545),
    "synthetic": (0.628731941, 0.0909441005),
    "natural - synthetic": (0.129199723, 0.0650184331),
}
# R: glmmTMB(… (1 | participant) + (1 | unit) + (1 | participant:condition) + (1 | unit:condition)), whose deviations by
# condition are our orthonormal contrasts with one variance
THREE = {
    "natural": (0.75555766, 0.0728620661),
    "synthetic": (0.628598801, 0.0855025819),
    "third": (0.59548214, 0.0873714364),
    "natural - synthetic": (0.126958859, 0.0659990434),
    "natural - third": (0.16007552, 0.0673049704),
    "synthetic - third": (0.0331166613, 0.069007783),
}


def terms(models: pd.DataFrame, *kinds: str) -> pd.DataFrame:
    return models[models["kind"].isin(kinds)].set_index("term")


@pytest.mark.parametrize(
    ("data", "slopes", "wanted"),
    [(None, False, INTERCEPTS), (None, True, SLOPES), (three(), True, THREE)],
    ids=["intercepts", "slopes", "three conditions with slopes"],
)
def test_marginal_means_and_differences_as_glmmtmb_gives_them(data, slopes, wanted) -> None:
    found = terms(fits.compare_accuracy(responses(data), slopes=slopes)[0], "probability", "difference")
    assert set(found.index) == set(wanted)
    for term, (estimate, error) in wanted.items():
        assert found.loc[term, "estimate"] == pytest.approx(estimate, abs=3e-5)
        assert found.loc[term, "std_error"] == pytest.approx(error, abs=1e-5)


def test_intervals_of_probabilities_are_normal_in_log_odds_and_those_of_differences_normal() -> None:
    found = terms(fits.compare_accuracy(responses())[0], "probability", "difference")
    p, error = INTERCEPTS["natural"]
    ends = np.log(p / (1 - p)) + np.array([-1.959964, 1.959964]) * error / (p * (1 - p))
    np.testing.assert_allclose(found.loc["natural", ["low", "high"]].astype(float), expit(ends), atol=5e-5)
    gap, error = INTERCEPTS["natural - synthetic"]
    ends = gap + np.array([-1.959964, 1.959964]) * error
    np.testing.assert_allclose(found.loc["natural - synthetic", ["low", "high"]].astype(float), ends, atol=5e-5)


def test_log_likelihood_and_aic_are_those_of_lme4() -> None:
    # R: logLik(m), AIC(m) of glmer(correct ~ 0 + condition + (1 | participant) + (1 | unit), d, binomial),
    #    glmer(… (1 + h || participant) + (1 + h || unit)), lmer(ln_rt ~ 0 + condition + …) of the same two forms
    wanted = {
        ("accuracy", False): (-126.441402, 260.882804), ("accuracy", True): (-125.551414, 263.102828),
        ("rt_s", False): (-37.8812005, 85.7624009), ("rt_s", True): (-26.6750888, 67.3501776),
    }  # fmt: skip
    for (measure, slopes), values in wanted.items():
        compare = fits.compare_accuracy if measure == "accuracy" else fits.compare_reaction_time
        found = terms(compare(responses(), slopes=slopes)[0], "fit")["estimate"]
        np.testing.assert_allclose(found[["log_likelihood", "aic"]], values, rtol=0, atol=5e-6)


def test_odds_ratios_of_three_conditions_as_emmeans_gives_them() -> None:
    # R: pairs(emmeans(m, ~ condition), adjust = "none") of the model of THREE
    _, compared = fits.compare_accuracy(responses(three()), slopes=True)
    wanted = [(0.821924978, 0.425536908), (1.015830637, 0.425682221), (0.193905659, 0.404089586)]
    for row, (estimate, error) in zip(compared.itertuples(), wanted, strict=True):
        assert np.log(row.effect) == pytest.approx(estimate, abs=3e-5)
        assert np.log(row.effect) / row.statistic == pytest.approx(error, abs=2e-5)


def test_correlation_between_conditions_is_the_share_of_the_common_variance() -> None:
    # R: VarCorr of the model of THREE: participant 0.5187197, participant:condition 0.6291004, unit:condition 0
    found = terms(fits.compare_accuracy(responses(three()), slopes=True)[0], "correlation")
    common, own = 0.5187197**2, 0.6291004**2
    assert found.loc["participant", "estimate"] == pytest.approx(common / (common + own), abs=1e-4)
    assert found.loc["participant", "low"] < 0 < found.loc["participant", "high"] < 1
    assert found.loc["unit", "estimate"] == 1
    assert np.isnan(found.loc["unit", "low"])
    assert found.loc["unit", "note"] == "a standard deviation collapsed to 0"


def test_without_slopes_there_is_no_correlation_to_report() -> None:
    assert terms(fits.compare_accuracy(responses())[0], "correlation").empty


@pytest.mark.parametrize("sd", [0.0, 0.4, 1.5, 3.0])
def test_quadrature_is_the_integral_over_a_normal(sd) -> None:
    # oracle: adaptive integration
    at = np.array([-0.5, 2.0])
    wanted = [quad(lambda z, b=b: expit(b + sd * z) * norm.pdf(z), -12, 12, epsabs=1e-12)[0] for b in at]
    np.testing.assert_allclose(marginal.average(marginal.nodes(at, np.full(2, sd))), wanted, rtol=0, atol=5e-6)
