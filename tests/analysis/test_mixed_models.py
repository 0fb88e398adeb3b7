"""Mixed models and GEE as tables: what is compared, what is undefined, and why."""

import numpy as np
import pandas as pd
import pytest

from exemplum.analysis.models import fits
from exemplum.analysis.tests.comparisons import holm
from exemplum.errors import UserError

from .crossed_data import responses


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    return responses()


def only(frame: pd.DataFrame) -> pd.Series:
    assert len(frame) == 1
    return frame.iloc[0]


def test_odds_ratio_is_the_exponent_of_the_coefficient(trials) -> None:
    # R: glmer(correct ~ condition + (1 | participant) + (1 | unit)): natural 0.826224, se 0.340780
    models, compared = fits.compare_accuracy(trials)
    row = only(compared)
    assert (row["a"], row["b"], row["test"], row["effect_name"]) == ("natural", "synthetic", "glmm", "odds_ratio")
    assert row["effect"] == pytest.approx(np.exp(0.826224), abs=1e-3)
    wald = np.exp(0.826224 + np.array([-1.959964, 1.959964]) * 0.340780)
    np.testing.assert_allclose([row["effect_low"], row["effect_high"]], wald, rtol=1e-3)
    assert row["statistic"] == pytest.approx(0.826224 / 0.340780, abs=1e-3)
    assert row["p"] == pytest.approx(0.01533, abs=1e-4)
    assert row["n"] == 12
    assert row["difference"] == pytest.approx(0.125)
    kinds = models.groupby("kind")["term"].agg(set).to_dict()
    assert kinds == {
        "fixed": {"natural", "synthetic"}, "sd": {"participant", "unit"}, "probability": {"natural", "synthetic"},
        "difference": {"natural - synthetic"}, "fit": {"log_likelihood", "aic"},
    }  # fmt: skip
    assert set(models["n_units"]) == {10}


def test_profile_interval_is_that_of_lme4(trials) -> None:
    # R: confint(m, "conditionnatural", method = "profile"): 0.169552, 1.510806
    row = only(fits.compare_accuracy(trials, interval="profile")[1])
    np.testing.assert_allclose(np.log([row["effect_low"], row["effect_high"]]), [0.169552, 1.510806], atol=2e-3)


def test_collapsed_variance_is_told_with_what_is_possible(trials) -> None:
    models, _ = fits.compare_accuracy(trials, slopes=True)
    row = only(models[models["term"] == "unit:condition"])
    assert row["estimate"] == 0
    assert row["note"] == "collapsed to 0"
    assert row["low"] == 0 < row["high"]


def test_rt_ratio_is_the_exponent_of_the_coefficient(trials) -> None:
    # R: lmer(ln_rt ~ condition + …): natural -0.13554500, se 0.0308265
    row = only(fits.compare_reaction_time(trials)[1])
    assert row["effect"] == pytest.approx(np.exp(-0.135545), rel=1e-6)
    assert row["statistic"] == pytest.approx(-0.135545 / 0.0308265, rel=1e-4)


def test_gee_as_geepack_fits_it(trials, monkeypatch) -> None:
    # R: geepack::geeglm(correct ~ condition, id = participant, family = binomial, corstr = "exchangeable")
    monkeypatch.setattr(fits, "FEW", 0)  # geepack has the plain sandwich
    row = only(fits.compare_population(trials)[1])
    assert row["effect"] == pytest.approx(np.exp(0.5877867), rel=1e-4)
    assert np.log(row["effect"]) / row["statistic"] == pytest.approx(0.3228270, rel=1e-3)


def test_few_participants_widen_the_sandwich(trials, monkeypatch) -> None:
    corrected = only(fits.compare_population(trials)[1])
    monkeypatch.setattr(fits, "FEW", 0)
    plain = only(fits.compare_population(trials)[1])
    assert corrected["effect"] == pytest.approx(plain["effect"])
    assert corrected["effect_high"] > plain["effect_high"]


def test_a_condition_all_right_gives_a_reason_for_no_odds(trials) -> None:
    perfect = trials.assign(correct=trials["correct"] | (trials["condition"] == "natural"))
    models, compared = fits.compare_population(perfect)
    row = only(compared)
    assert np.isnan(row["effect"])
    assert np.isnan(row["p"])
    assert row["n"] == 12
    assert row["difference"] == pytest.approx(1 - trials.loc[trials["condition"] == "synthetic", "correct"].mean())
    assert set(models["note"]) == {"every answer to natural is right"}


def test_a_perfect_condition_does_not_spoil_the_others(trials) -> None:
    third = trials[trials["condition"] == "natural"].assign(condition="mine", correct=True)
    models, compared = fits.compare_accuracy(pd.concat([trials, third], ignore_index=True))
    alone = only(fits.compare_accuracy(trials)[1])
    by_pair = compared.set_index(["a", "b"])
    assert by_pair.loc[("natural", "synthetic"), "effect"] == pytest.approx(alone["effect"], rel=1e-3)
    assert by_pair.loc[("natural", "synthetic"), "effect_name"] == "odds_ratio"
    assert set(by_pair.loc[[("natural", "mine"), ("synthetic", "mine")], "effect_name"]) == {"odds_ratio_penalized"}
    np.testing.assert_allclose(by_pair["p_adjusted"], holm(by_pair["p"].to_numpy()))
    noted = models[models["note"] != ""]
    assert set(noted["term"]) == {"mine", "natural - mine", "synthetic - mine"}
    assert models.groupby(["kind", "term"]).size().max() == 1


@pytest.mark.parametrize("compare", [fits.compare_accuracy, fits.compare_population, fits.compare_reaction_time])
def test_one_participant_is_no_sample(trials, compare) -> None:
    models, compared = compare(trials[trials["participant"] == "p01"])
    assert np.isnan(only(compared)["p"])
    assert only(compared)["n"] == 1
    assert only(models)["note"] == "one participant"


@pytest.mark.parametrize("compare", [fits.compare_accuracy, fits.compare_population, fits.compare_reaction_time])
def test_one_condition_or_none_at_all_compares_nothing(trials, compare) -> None:
    models, compared = compare(trials[trials["condition"] == "natural"])
    assert compared.empty
    assert only(models)["note"] == "natural is the only condition"
    assert all(frame.empty for frame in compare(trials[:0]))


def test_one_unit_leaves_the_participants(trials) -> None:
    models, compared = fits.compare_accuracy(trials[trials["unit"] == "mixed4a:1"])
    assert only(models[models["term"] == "unit"])["note"] == "one unit: no variance between them"
    assert np.isfinite(only(compared)["p"])


def test_without_reaction_times_there_is_no_model_of_them(trials) -> None:
    models, compared = fits.compare_reaction_time(trials.assign(rt_ms=np.nan))
    assert models.empty
    assert compared.empty
    models, compared = fits.compare_reaction_time(trials.assign(rt_ms=1500.0))
    assert only(models)["note"] == "reaction times do not vary"
    assert np.isnan(only(compared)["p"])


def test_reaction_times_of_zero_or_below_are_left_out(trials) -> None:
    spoiled = trials.copy()
    spoiled.loc[[3, 7], "rt_ms"] = [0.0, -20.0]
    models, _ = fits.compare_reaction_time(spoiled)
    assert set(models["n_trials"]) == {len(trials) - 2}


def test_every_scheme_has_its_model(trials) -> None:
    schemes = pd.concat([trials.assign(scheme=name) for name in ("Max-1", "Min-Max-9")], ignore_index=True)
    _, compared = fits.compare_population(schemes, by="scheme")
    assert compared["group"].tolist() == ["Max-1", "Min-Max-9"]
    assert compared["effect"].iloc[0] == pytest.approx(compared["effect"].iloc[1])


def test_unknown_groupings_and_missing_columns_are_named(trials) -> None:
    with pytest.raises(UserError, match="did you mean scheme"):
        fits.compare_accuracy(trials, by="schema")
    with pytest.raises(UserError, match="lack the columns rt_ms"):
        fits.compare_reaction_time(trials.drop(columns="rt_ms"))


def test_holm_is_that_of_r() -> None:
    # R: p.adjust(c(.01, .04, .03), "holm")
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
