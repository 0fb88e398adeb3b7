"""Difficulty of units and skill of participants against lme4 and glmmTMB, and models that a weak prior keeps finite."""

import numpy as np
import pandas as pd
import pytest

from exemplum.analysis.models import fits, laplace
from exemplum.analysis.models.effects import effects, relations
from exemplum.tables import EFFECTS, STIMULI

from .crossed_data import responses


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    return responses()


def one(table: pd.DataFrame, name: str, condition: str) -> pd.Series:
    rows = table[(table["name"] == name) & (table["condition"] == condition)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_effects_by_condition_as_glmmtmb_gives_them(trials) -> None:
    # R: m <- glmmTMB(correct ~ 0 + condition + (1 | participant) + (0 + h | participant) + (1 | unit), d, binomial)
    #    b <- m$fit$parfull, C <- solve(m$obj$env$spHess(b, random = TRUE)); w'b and sqrt(w'Cw), w = (1, ± 1/sqrt(2))
    found = effects(trials)
    assert set(found["model"]) == {"glmm_slopes"}
    for name, condition, estimate, error in (
        ("p00", "natural", 1.01992983, 0.72071343), ("p00", "synthetic", 0.475117478, 0.628159431),
        ("p01", "natural", 0.901548401, 0.709271484), ("p01", "synthetic", 0.122058868, 0.615757149),
        ("mixed4a:0", "natural", -0.16853852, 0.500464923), ("mixed4a:1", "synthetic", 0.532989678, 0.558524126),
    ):  # fmt: skip
        row = one(found, name, condition)
        assert row["estimate"] == pytest.approx(estimate, abs=2e-4)
        assert row["std_error"] == pytest.approx(error, abs=3e-5)
        assert row["high"] - row["low"] == pytest.approx(2 * 1.959964 * error, abs=1e-4)


def test_effects_of_intercepts_as_lme4_gives_them(trials, monkeypatch) -> None:
    # R: as.data.frame(ranef(glmer(correct ~ 0 + condition + (1 | participant) + (1 | unit), d, binomial)))
    monkeypatch.setattr(fits, "MANY", 0)  # as in a study with too many trials for slopes
    found = effects(trials)
    assert set(found["model"]) == {"glmm"}
    for name, estimate, error in (
        ("p00", 0.67977861847, 0.521387736), ("p02", 0.00050597013, 0.490428743),
        ("mixed4a:0", -0.147906328, 0.488926497), ("mixed4a:2", -1.060345180, 0.458251699),
    ):  # fmt: skip
        row = one(found, name, "natural")
        assert row["estimate"] == pytest.approx(estimate, abs=1e-4)
        assert row["std_error"] == pytest.approx(error, abs=2e-5)


def test_accuracy_is_shrunken_and_averages_to_the_marginal_mean(trials) -> None:
    found = effects(trials)
    units = found[(found["grouping"] == "unit") & (found["condition"] == "natural")]
    assert np.ptp(units["accuracy"]) < np.ptp(units["observed"])
    assert ((units["accuracy_low"] < units["accuracy"]) & (units["accuracy"] < units["accuracy_high"])).all()
    assert units["accuracy"].mean() == pytest.approx(0.757932, abs=0.02)  # the probability of test_marginal
    assert (units["n_trials"] == 12).all()
    assert set(units["layer"]) == {"mixed4a"}


def test_units_know_the_margin_of_the_pictures_of_their_condition(trials) -> None:
    row = {"layer": "mixed4a", "channel": 0, "branch": "", "path": "", "pole": "max", "references": 9, "batch": 1,
           "position": 0, "image": "", "group": "", "activation": 1.0, "percentile": 50.0, "failed": False}  # fmt: skip
    stimuli = STIMULI.frame(
        [row | {"unit": "mixed4a:0", "method": "natural", "margin": margin} for margin in (-2.0, -1.0)]
    )
    found = effects(trials, stimuli)
    assert one(found, "mixed4a:0", "natural")["margin"] == -1.5
    assert found["margin"].notna().sum() == 1


def test_what_does_not_differ_has_no_interval(trials) -> None:
    places = np.arange(len(trials))  # participants differ less than they would by chance
    alike = trials.assign(correct=(places // 20 + places // 2 + 2 * places) % 4 != 0)
    found = effects(alike)
    people = found[found["grouping"] == "participant"]
    assert (people["estimate"] == 0).all()
    assert people[["std_error", "low", "accuracy_high"]].isna().all(axis=None)
    assert set(people["note"]) == {"the participants' standard deviation collapsed to 0"}


def test_a_perfect_condition_has_the_estimate_of_the_weak_prior(trials) -> None:
    # R: dev <- glmer(correct ~ 0 + condition + (1 | participant) + (1 | unit), d, binomial, devFunOnly = TRUE)
    #    optim(…, function(x) dev(x) / 2 + sum(x[1:2]^2) / 2 + sum(x[3:4]^2) / 12.5); errors by optimHess
    perfect = trials.assign(correct=trials["correct"] | (trials["condition"] == "natural"))
    models, compared = fits.compare_accuracy(perfect)
    fixed = models[models["kind"] == "fixed"].set_index("term")
    np.testing.assert_allclose(fixed["estimate"][["natural", "synthetic"]], [5.49606556, 0.553399115], atol=1e-4)
    np.testing.assert_allclose(fixed["std_error"][["natural", "synthetic"]], [1.064989723, 0.443259549], atol=1e-4)
    sds = models[models["kind"] == "sd"].set_index("term")["estimate"]
    np.testing.assert_allclose(sds[["participant", "unit"]], [0.412840365, 1.18117618], atol=1e-4)
    assert set(models["note"]) == {f"every answer to natural is right; {fits.WEAK_PRIOR}"}
    assert "fit" not in set(models["kind"])  # a penalized likelihood has no AIC
    assert compared["effect_name"].tolist() == ["odds_ratio_penalized"]
    assert compared["effect"].iloc[0] == pytest.approx(np.exp(5.49606556 - 0.553399115), rel=1e-3)
    assert set(effects(perfect)["note"]) == {f"every answer to natural is right; {fits.WEAK_PRIOR}"}


def test_participants_who_separate_have_the_estimate_of_the_weak_prior(trials) -> None:
    # R: as above: sds 3.66221025 and 0, levels 0 with standard error 1.135990856
    models, compared = fits.compare_accuracy(trials.assign(correct=trials["participant"] < "p06"))
    sds = models[models["kind"] == "sd"].set_index("term")["estimate"]
    assert sds["participant"] == pytest.approx(3.66221025, abs=1e-4)
    assert sds["unit"] == 0
    fixed = models[models["kind"] == "fixed"]
    np.testing.assert_allclose(fixed["estimate"], 0, atol=1e-5)
    np.testing.assert_allclose(fixed["std_error"], 1.135990856, atol=1e-4)
    assert compared["effect"].iloc[0] == pytest.approx(1)
    assert models["note"].str.contains(fits.SEPARATED).all()


def test_everything_right_is_no_error_and_no_difference(trials) -> None:
    models, compared = fits.compare_accuracy(trials.assign(correct=True), slopes=True)
    assert compared["effect"].iloc[0] == pytest.approx(1)
    assert compared["p"].iloc[0] == pytest.approx(1)
    shares = models[models["kind"] == "probability"]
    assert ((shares["low"] > 0.9) & (shares["estimate"] > 0.97) & (shares["high"] < 1)).all()


def test_gradient_with_a_prior_is_the_slope_of_the_density(trials) -> None:
    sample = next(iter(fits.samples(trials, "accuracy")))
    zeros, ones = np.zeros(len(sample.values)), np.ones(len(sample.values))
    problem = laplace._Problem(
        sample.values, ones, sample.fixed.columns, sample.crossed(slopes=True), zeros, laplace.Prior(2.0, 0.7)
    )
    at = np.array([1.2, -0.4, 0.5, 0.3, 0.8, 0.2])
    gradient = problem.value(at)[1]
    for index, slope in enumerate(gradient):
        step = np.eye(len(at))[index] * 1e-5
        assert slope == pytest.approx((problem.value(at + step)[0] - problem.value(at - step)[0]) / 2e-5, abs=1e-4)


def test_one_participant_or_condition_has_no_effects(trials) -> None:
    assert effects(trials[trials["participant"] == "p01"]).empty
    assert effects(trials[trials["condition"] == "natural"]).empty
    assert effects(trials[:0]).empty


def test_difficulty_by_layer_branch_and_margin_as_r_relates_them(trials) -> None:
    units = pd.DataFrame({
        "estimate": [2.0, -2.6, 0.4, -0.6, -0.5, -0.2, -2.0, -0.2, -0.9, 3.3, 0.2, -0.4, -0.3, -0.7],
        "layer": list("abcabcabcabcab"), "branch": np.repeat(["1x1", "pool", "1x1", "pool", "1x1"], [3, 3, 3, 3, 2]),
        "margin": [-1.06, -0.39, 0.48, -0.24, 0.96, -0.2, 0.02, 1.55, 0.55, -0.51, -0.18, 0.54, 1.94, -0.27],
    })  # fmt: skip
    row = effects(trials).query("grouping == 'unit'").iloc[0].to_dict()
    table = EFFECTS.frame([row | unit | {"name": f"u{k}"} for k, unit in enumerate(units.to_dict("records"))])
    found = relations(table).set_index("a")
    assert set(found["n"]) == {14}
    # R: kruskal.test(estimate ~ layer, u); kruskal.test(estimate ~ branch, u); statistic / 13
    assert found.loc["layer", ["statistic", "p"]].tolist() == pytest.approx([0.6764868, 0.713022], abs=1e-6)
    assert found.loc["branch", ["statistic", "p"]].tolist() == pytest.approx([0.939565, 0.33239], abs=1e-6)
    assert found.loc["layer", "effect"] == pytest.approx(0.0520374449)
    # R: cor.test(u$estimate, u$margin, method = "spearman", exact = FALSE)
    #    tanh(atanh(r) + c(-1, 1) * qnorm(.975) * sqrt((1 + r^2 / 2) / 11))
    wanted = [-0.149615052, -0.632154076, 0.416543517, 0.609698049]
    assert found.loc["margin", ["effect", "effect_low", "effect_high", "p"]].tolist() == pytest.approx(wanted, abs=1e-6)
    assert found["p_adjusted"].tolist() == pytest.approx([0.713022, 2 * 0.33239, 0.609698], abs=1e-5)  # by test
    assert relations(table.head(9)).empty
    assert relations(table.assign(std_error=np.nan)).empty
