"""Models of condition × difficulty against R, and what they say where they cannot be fitted.

R 4.2.2, lme4 1.1-31, emmeans 1.8.4, glmmTMB 1.1.5, on the columns of `crossed_data.two_difficulties`.
"""

import numpy as np
import pandas as pd
import pytest

from exemplum.analysis.models import fits
from exemplum.analysis.models.effects import effects
from exemplum.analysis.models.fixed import FixedEffects

from .crossed_data import responses, two_difficulties


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    return responses(two_difficulties())


@pytest.fixture(scope="module")
def fitted(trials) -> tuple[pd.DataFrame, pd.DataFrame]:
    return fits.compare_accuracy(trials)


def test_levels_of_conditions_and_of_each_difficulty_as_lme4_gives_them(fitted) -> None:
    # R: m <- glmer(correct ~ 0 + cell + (1 | participant) + (1 | unit), d, binomial, glmerControl("bobyqa", tolPwrss =
    #    1e-13, optCtrl = list(rhobeg = 1e-3, rhoend = 1e-10))), cell = difficulty × condition; b <- fixef(m),
    #    V <- vcov(m, use.hessian = TRUE); A %*% b and sqrt(diag(A %*% V %*% t(A))), A the means over difficulties
    fixed = fitted[0][fitted[0]["kind"] == "fixed"].set_index("term")
    wanted = {
        "natural": (0.813499978, 0.40195601), "synthetic": (0.089386924, 0.39256181),
        "natural|extreme": (1.457934485, 0.47858224), "natural|0.95": (0.169065472, 0.44111008),
        "synthetic|extreme": (0.684211453, 0.44890964), "synthetic|0.95": (-0.505437606, 0.44456829),
    }  # fmt: skip
    assert list(fixed.index) == list(wanted)
    for name, (estimate, error) in wanted.items():
        assert fixed.loc[name, "estimate"] == pytest.approx(estimate, abs=1e-4)
        assert fixed.loc[name, "std_error"] == pytest.approx(error, abs=1e-5)


def test_odds_ratio_is_that_of_the_means_over_difficulties(fitted) -> None:
    # R: k <- c(.5, .5, -.5, -.5); exp(sum(k * b)) with exp(… ± 1.959964 sqrt(k %*% V %*% k)), as emmeans(m2, pairwise ~
    #    condition) of glmer(correct ~ condition * difficulty + …) gives it
    row = fitted[1][fitted[1]["test"] == "glmm"].iloc[0]
    assert (row["a"], row["b"]) == ("natural", "synthetic")
    found = row[["effect", "effect_low", "effect_high"]].astype(float)
    np.testing.assert_allclose(found, [2.062901, 1.129219, 3.768586], rtol=1e-4)


def test_difficulty_and_interaction_have_wald_tests(fitted) -> None:
    # R: (sum(L * b))^2 / (L %*% V %*% L), L = c(1, -1, 1, -1) and c(1, -1, -1, 1), as emmeans::joint_tests(m2)
    tests = fitted[1][fitted[1]["test"] == "glmm_wald"].set_index("a")
    assert tests.loc["difficulty", "statistic"] == pytest.approx(15.525498, rel=1e-4)
    assert tests.loc["difficulty", "p"] == pytest.approx(8.13998e-05, rel=1e-3)
    assert tests.loc["condition:difficulty", "statistic"] == pytest.approx(0.0266029, abs=1e-5)
    assert tests.loc["condition:difficulty", "p"] == pytest.approx(0.8704366, abs=1e-4)
    assert set(tests["df"]) == {"1"}


def test_likelihood_counts_a_coefficient_per_cell(fitted) -> None:
    # R: logLik(m) -141.9758222 (df = 6), AIC(m) 295.951644
    fit = fitted[0][fitted[0]["kind"] == "fit"].set_index("term")["estimate"]
    assert fit["log_likelihood"] == pytest.approx(-141.9758222, abs=1e-6)
    assert fit["aic"] == pytest.approx(295.951644, abs=2e-6)


def test_probabilities_are_means_over_difficulties_as_glmmtmb_gives_them(fitted) -> None:
    # R: glmmTMB(…); sum(w * plogis(b + sd * x)) of each cell, their means, J %*% vcov(m, full = TRUE) %*% t(J)
    found = fitted[0][fitted[0]["kind"].isin(["probability", "difference"])].set_index("term")
    wanted = {
        "natural|extreme": (0.7679929, 0.07160211), "natural|0.95": (0.5341899, 0.08894209),
        "synthetic|extreme": (0.6355101, 0.08487648), "synthetic|0.95": (0.398888, 0.08674198),
        "natural": (0.6510914, 0.07027206), "synthetic": (0.5171991, 0.07547497),
        "natural - synthetic": (0.1338923, 0.05628442),
    }  # fmt: skip
    assert set(found.index) == set(wanted)
    for name, (estimate, error) in wanted.items():
        assert found.loc[name, "estimate"] == pytest.approx(estimate, abs=3e-5)
        assert found.loc[name, "std_error"] == pytest.approx(error, abs=1e-5)


def test_reaction_times_have_the_same_model_in_lmer(trials) -> None:
    # R: lmer(ln_rt ~ 0 + cell + (1 | participant) + (1 | unit)): ratio 0.8732399, Wald 0.2976737 and 0.08162333
    found = fits.compare_reaction_time(trials)[1].set_index("test")
    np.testing.assert_allclose(found.loc["lmm", "effect"], 0.8732399, rtol=1e-4)
    statistics = found.loc["lmm_wald"].set_index("a")["statistic"]
    np.testing.assert_allclose(statistics[["difficulty", "condition:difficulty"]], [0.2976737, 0.08162333], rtol=2e-2)


def test_each_difficulty_also_has_models_of_its_own(trials) -> None:
    models, compared = (pd.concat(rows) for rows in zip(*fits.fits(trials), strict=True))
    assert set(models["by"]) == {"all", "difficulty"}
    assert set(models.loc[models["by"] == "difficulty", "group"]) == {"extreme", "0.95"}
    own = compared[(compared["by"] == "difficulty") & (compared["test"] == "glmm")]
    alone = fits.compare_accuracy(trials[trials["difficulty"] == "0.95"].assign(difficulty=""))[1]
    assert own.set_index("group").loc["0.95", "effect"] == pytest.approx(alone["effect"].iloc[0], rel=1e-6)


def test_a_cell_that_is_all_right_gets_the_weak_prior_and_says_where(trials) -> None:
    cell = (trials["condition"] == "natural") & (trials["difficulty"] == "extreme")
    models, compared = fits.compare_accuracy(trials.assign(correct=trials["correct"] | cell))
    row = compared[compared["test"] == "glmm"].iloc[0]
    assert row["effect_name"] == "odds_ratio_penalized"
    assert np.isfinite(row["effect"])
    notes = " ".join(models["note"])
    assert "every answer to natural at difficulty extreme is right" in notes
    assert "glmm_wald" not in set(compared["test"])  # a Wald test says nothing where answers separate


def test_without_a_cell_the_model_has_no_interaction(trials) -> None:
    """As if natural images were never shown at the window: the missing cell is predicted by condition + difficulty."""
    kept = trials[~((trials["condition"] == "natural") & (trials["difficulty"] == "0.95"))]
    models, compared = fits.compare_accuracy(kept)
    assert set(compared.loc[compared["test"] == "glmm_wald", "a"]) == {"difficulty"}
    fixed = models[models["kind"] == "fixed"].set_index("term")["estimate"]
    gap = fixed["natural|extreme"] - fixed["natural|0.95"]
    assert gap == pytest.approx(fixed["synthetic|extreme"] - fixed["synthetic|0.95"])


def test_conditions_at_different_difficulties_cannot_be_told_apart(trials) -> None:
    apart = trials[(trials["condition"] == "natural") == (trials["difficulty"] == "extreme")]
    models, compared = fits.compare_accuracy(apart)
    assert set(compared["test"]) == {"glmm"}
    plain = fits.compare_accuracy(apart.assign(difficulty=""))[0]
    np.testing.assert_allclose(models["estimate"], plain["estimate"])


def test_one_difficulty_is_as_none(trials) -> None:
    one, none = (fits.compare_accuracy(trials.assign(difficulty=name)) for name in ("extreme", ""))
    pd.testing.assert_frame_equal(one[0], none[0])
    pd.testing.assert_frame_equal(one[1], none[1])


def test_effects_of_units_are_over_the_difficulties(trials) -> None:
    found = effects(trials)
    units = found[(found["grouping"] == "unit") & (found["condition"] == "natural")]
    assert units["accuracy"].mean() == pytest.approx(0.651, abs=0.02)  # the probability above


@pytest.mark.parametrize("conditions", [1, 2, 4])
@pytest.mark.parametrize("difficulties", [1, 2, 3])
def test_levels_are_the_means_of_the_cells(conditions, difficulties) -> None:
    rng = np.random.default_rng(1)
    condition, difficulty = (index.ravel() for index in np.indices((conditions, difficulties)))
    fixed = FixedEffects(tuple("abcd"[:conditions]), tuple("xyz"[:difficulties]), condition, difficulty)
    levels = rng.normal(size=(conditions, difficulties))
    beta = np.linalg.solve(fixed.columns, levels.ravel())
    np.testing.assert_allclose(fixed.of_conditions(beta, np.eye(len(beta)))[0], levels.mean(axis=1))
    np.testing.assert_allclose(fixed.of_cells(beta, np.eye(len(beta)))[0], levels.ravel())


def test_no_interaction_gives_a_statistic_of_0() -> None:
    condition, difficulty = (index.ravel() for index in np.indices((3, 2)))
    fixed = FixedEffects(("a", "b", "c"), ("x", "y"), condition, difficulty)
    beta = np.add.outer([1.0, 2.0, 4.0], [0.0, -1.0]).ravel()
    tests = fixed.tests(beta, np.eye(6))
    assert tests["condition:difficulty"] == (pytest.approx(0, abs=1e-20), 2, pytest.approx(1))
    # the mean difference between difficulties is 1, its variance 2/3: Wald = 1 / (2/3)
    assert tests["difficulty"][:2] == (pytest.approx(1.5), 1)
