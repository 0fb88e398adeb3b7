"""Models of accuracy (logistic mixed models, GEE), reaction time (linear mixed models) and learning."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.genmod.cov_struct import Exchangeable
from statsmodels.genmod.families import Binomial, Family
from statsmodels.genmod.generalized_estimating_equations import GEE

from exemplum.analysis.estimates import cells
from exemplum.analysis.models import laplace, marginal, reml
from exemplum.analysis.models.crossed import Array
from exemplum.analysis.models.mixed import (
    Sample,
    adjusted,
    contrasts,
    difficulty_tests,
    fit_terms,
    fixed_terms,
    frames,
    samples,
    sd_terms,
    term,
    unfitted,
)

MANY = 20_000  # main trials above which random slopes and subsets would take minutes, and are left out

Tables = tuple[pd.DataFrame, pd.DataFrame]
Row = dict[str, Any]


def fits(responses: pd.DataFrame, baseline: str = cells.BASELINE) -> list[Tables]:
    """(MODELS, COMPARISONS) of every model of RESPONSES, by experiment and observer; the baseline is `a` of its pairs.

    `glmm`, `gee` and `lmm` over all main trials and, in experiments with several schemes or difficulties, in each. Up
    to 20,000 main trials also `glmm_slopes` and `lmm_slopes` in all of them, and `lmm` of right and of wrong answers
    separately. Where there are several difficulties, those over all and in each scheme are of condition × difficulty.
    """
    found = [model for by, answers in parts(responses) for model in _of(answers, by, baseline)]
    if few(responses):
        found += [compare_reaction_time(responses, subset=subset, baseline=baseline) for subset in ("correct", "wrong")]
        for by, answers in parts(responses):
            found.append(compare_accuracy(answers, by, slopes=True, baseline=baseline))
            found.append(compare_reaction_time(answers, by, slopes=True, baseline=baseline))
    return found


def few(responses: pd.DataFrame) -> bool:
    """Whether random slopes can be fitted in seconds: up to 20,000 main trials."""
    return bool((responses["trial_kind"] == "main").sum() <= MANY)


def parts(responses: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The groupings of models and verdicts: all, and scheme and difficulty for experiments with several of them."""
    found = [("all", responses)]
    for by in ("scheme", "difficulty"):
        main = responses[(responses["trial_kind"] == "main") & (responses[by] != "")]
        levels = main.groupby("experiment")[by].nunique()
        found.append((by, responses[responses["experiment"].isin(levels.index[levels > 1])]))
    return found


def _of(responses: pd.DataFrame, by: str, baseline: str) -> list[Tables]:
    return [
        compare(responses, by, baseline=baseline)
        for compare in (compare_accuracy, compare_population, compare_reaction_time)
    ]


ODDS_RATIO = "odds_ratio"
ABSURD = (
    15.0  # log odds; beyond this the likelihood keeps growing, because participants or units separate right from wrong
)
SEPARATED = "some participants or units have only right or only wrong answers"
WEAK_PRIOR = f"weak prior: N(0, {laplace.WEAK.fixed:g}²) on log odds, half-normal({laplace.WEAK.sd:g}) on sds"


def compare_accuracy(
    responses: pd.DataFrame,
    by: str = "all",
    slopes: bool = False,
    interval: str = "wald",
    baseline: str = cells.BASELINE,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit correct ~ condition + (1 | participant) + (1 | unit) to main trials: (MODELS, COMPARISONS).

    One model for each experiment, observer and group of `by`. Fixed effects are the conditions' log odds of a right
    answer for a typical participant and unit; with queries of several difficulties they are condition × difficulty, the
    levels and odds ratios of conditions are of the mean log odds over difficulties, and rows of test `glmm_wald` test
    the difficulty and the interaction. Each pair of conditions becomes a row of test `glmm` with its odds ratio
    and 95 % interval, Wald or with `interval="profile"` by profile likelihood (slower). With `slopes` (test
    `glmm_slopes`) participants and units also differ in how much each condition helps them, which is what a claim
    about new participants and new units needs (Barr et al. 2013, J. Mem. Lang. 68); the model is written
    (1 + h || participant) + (1 + h || unit) with orthonormal contrasts h of the conditions.

    MODELS also has the log likelihood, AIC, the probability of a right answer in each condition over all participants
    and units, and its differences (see `marginal`); with slopes the correlations of effects between conditions.

    Where a condition has only right or only wrong answers, or participants or units separate right from wrong, the
    likelihood has no maximum: the terms and pairs concerned are of a fit with a weak prior, which `note` in MODELS and
    effect_name odds_ratio_penalized say. One participant or one condition gives NaN with n, and MODELS says why. A
    standard deviation that collapsed to 0 is reported as such in MODELS.
    """
    name = "glmm_slopes" if slopes else "glmm"
    models, comparisons = [], []
    for sample in samples(responses, "accuracy", by, baseline=baseline):
        rows, compared = _accuracy(sample, name, slopes, interval)
        models += rows
        comparisons += compared
    return frames(models, comparisons)


def _accuracy(sample: Sample, name: str, slopes: bool, interval: str) -> tuple[list[Row], list[Row]]:
    """Rows of one sample: the model of the conditions with right and wrong answers, then the penalized one's."""
    used = sample.usable() if sample.modelled else None
    found = fit_logistic(used, slopes) if used else None
    kept: tuple[str, ...] = ()
    models: list[Row] = []
    bare = replace(sample, note=sample.note or SEPARATED)
    compared = contrasts(bare, name, np.empty(0), np.empty((0, 0)), ODDS_RATIO)
    if used and found:
        kept, note = used.names, "" if found.converged else "did not converge"
        models = _terms(used, name, found, slopes, note)
        compared = contrasts(sample, name, *used.fixed.of_conditions(found.beta, found.covariance), ODDS_RATIO)
        if interval == "profile":
            _profile(compared, used, found, slopes)
        if kept == sample.names:
            compared += difficulty_tests(used, name, found.beta, found.covariance)
    if kept == sample.names or not separable(sample):
        return [*models, *unfitted(sample, name)], compared
    whole = sample.whole()
    penalized = fit_penalized(whole, slopes)
    note = "; ".join([*(sample.problems.values() or [SEPARATED]), WEAK_PRIOR])
    rows = _terms(whole, name, penalized, slopes, note)
    models += [row for row in rows if not kept or set(_conditions(row["term"])) & sample.problems.keys()]
    levels = whole.fixed.of_conditions(penalized.beta, penalized.covariance)
    others = contrasts(whole, name, *levels, f"{ODDS_RATIO}_penalized")
    merged = [row if {row["a"], row["b"]} <= set(kept) else other for row, other in zip(compared, others, strict=True)]
    return models, adjusted(merged)


def _conditions(term: str) -> list[str]:
    """The conditions that a term is about: of `natural - synthetic`, or of `natural|0.95`."""
    return [name.split("|")[0] for name in term.split(" - ")]


def _terms(sample: Sample, name: str, found: laplace.Fit, slopes: bool, note: str) -> list[Row]:
    rows = fixed_terms(sample, name, found.beta, found.covariance, note)
    rows += sd_terms(sample, name, found.sd, found.sd_low, found.sd_high, note)
    if slopes and len(sample.names) > 1:
        rows += marginal.correlation_terms(sample, name, found, note)
    rows += marginal.marginal_terms(sample, name, found, slopes, note)
    return rows if WEAK_PRIOR in note else [*rows, *_likelihood(sample, name, found.loglik, found.sd, note)]


def _likelihood(sample: Sample, name: str, loglik: float, sd: Array, note: str) -> list[Row]:
    """Log likelihood and AIC; a standard deviation counts as a parameter also where it collapsed to 0, as in lme4."""
    several = sum(sample.sizes()[f"n_{grouping}s"] > 1 for grouping in ("participant", "unit"))
    residual = sample.measure == "rt_s"
    levels = sample.fixed.basis.shape[1]
    return fit_terms(sample, name, loglik, levels + several * sd.shape[1] + residual, note)


def separable(sample: Sample) -> bool:
    """Whether a prior makes a model possible: several participants and conditions."""
    return len(np.unique(sample.participant)) > 1 and len(sample.names) > 1


def fit_penalized(sample: Sample, slopes: bool = False) -> laplace.Fit:
    """The model of a sample with a weak prior, for answers that separate: laplace.WEAK."""
    ones = np.ones(len(sample.values))
    return laplace.fit(sample.values, ones, sample.fixed.columns, sample.crossed(slopes), False, laplace.WEAK)


def fit_logistic(sample: Sample, slopes: bool = False, sd_intervals: bool = True) -> laplace.Fit | None:
    """The model of a sample whose conditions all have right and wrong answers; None if it has no finite maximum."""
    try:
        ones = np.ones(len(sample.values))
        found = laplace.fit(sample.values, ones, sample.fixed.columns, sample.crossed(slopes), sd_intervals)
    except np.linalg.LinAlgError:
        return None
    return None if max(np.abs(found.beta).max(), found.sd.max()) > ABSURD else found


def _profile(rows: list[dict[str, Any]], sample: Sample, found: laplace.Fit, slopes: bool) -> None:
    """Replace the Wald intervals of the rows by profile intervals."""
    crossed, ones = sample.crossed(slopes), np.ones(len(sample.values))
    for row in rows:
        if np.isfinite(row["p"]):
            contrast = np.array([(name == row["a"]) - (name == row["b"]) for name in sample.names], dtype=float)
            contrast = contrast @ sample.fixed.mean
            ends = laplace.profile(sample.values, ones, sample.fixed.columns, crossed, contrast, found)
            row["effect_low"], row["effect_high"] = np.exp(ends)


RT_RATIO = "rt_ratio"
SINGULAR = "too few reaction times for this model"


def compare_reaction_time(
    responses: pd.DataFrame,
    by: str = "all",
    subset: str = "all",
    slopes: bool = False,
    baseline: str = cells.BASELINE,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit ln RT ~ condition + (1 | participant) + (1 | unit) to main trials by REML: (MODELS, COMPARISONS).

    Reaction times of 0 or below are left out. Each pair of conditions becomes a row of test `lmm` (`lmm_slopes` with
    `slopes`, as in glmm) on the measure rt_s: `difference` is of the means in seconds, `effect` the ratio of geometric
    means with its 95 % interval (Wald, normal), `statistic` z. One participant, too few reaction times, or reaction
    times that do not vary give NaN with n, and MODELS says why.
    """
    name = "lmm_slopes" if slopes else "lmm"
    models, comparisons = [], []
    for sample in samples(responses, "rt_s", by, subset, baseline):
        models += unfitted(sample, name)
        if not sample.modelled:
            comparisons += contrasts(sample, name, np.empty(0), np.empty((0, 0)), RT_RATIO)
            continue
        used = sample.usable()
        try:
            found = reml.fit(np.log(used.values), used.fixed.columns, used.crossed(slopes))
        except np.linalg.LinAlgError:
            models.append(term(used, name, "none", "", note=SINGULAR))
            comparisons += contrasts(replace(sample, note=SINGULAR), name, np.empty(0), np.empty((0, 0)), RT_RATIO)
            continue
        note = "" if found.converged else "did not converge"
        models += fixed_terms(used, name, found.beta, found.covariance, note)
        models += sd_terms(used, name, found.sd, found.sd_low, found.sd_high)
        sigma, low, high = found.residual
        models.append(term(used, name, "sd", "residual", sigma, np.nan, low, high))
        models += _likelihood(used, name, found.loglik, found.sd, note)
        comparisons += contrasts(sample, name, *used.fixed.of_conditions(found.beta, found.covariance), RT_RATIO)
        comparisons += difficulty_tests(used, name, found.beta, found.covariance)
    return frames(models, comparisons)


FEW = 50  # participants; with fewer the sandwich is too narrow, and Mancl and DeRouen's correction is used


def compare_population(
    responses: pd.DataFrame, by: str = "all", baseline: str = cells.BASELINE
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit correct ~ condition by GEE, answers of one participant exchangeably correlated: (MODELS, COMPARISONS).

    The odds ratios (test `gee`) are between population shares, so nearer to 1 than those of `glmm`, which hold for a
    typical participant and unit. Standard errors are robust (the sandwich); with fewer than 50 participants with the
    bias correction of Mancl & DeRouen (2001), Biometrics 57. Units are taken as fixed: the claim is about these units.
    Undefined cases as in `glmm`.
    """
    models, comparisons = [], []
    for sample in samples(responses, "accuracy", by, baseline=baseline):
        models += unfitted(sample, "gee")
        if not sample.modelled:
            comparisons += contrasts(sample, "gee", np.empty(0), np.empty((0, 0)), ODDS_RATIO)
            continue
        used = sample.usable()
        found = fit_gee(used.values, used.fixed.columns, used.participant, Binomial())
        models += fixed_terms(used, "gee", found.beta, found.covariance, found.note)
        models.append(term(used, "gee", "correlation", "participant", found.correlation))
        levels = used.fixed.of_conditions(found.beta, found.covariance)
        comparisons += contrasts(sample, "gee", *levels, ODDS_RATIO)
        comparisons += difficulty_tests(used, "gee", found.beta, found.covariance)
    return frames(models, comparisons)


@dataclass(frozen=True)
class Fit:
    """The coefficients of a GEE with exchangeable correlation."""

    beta: Array
    covariance: Array  # robust
    correlation: float  # between two answers of a participant
    note: str  # why there is no estimate; else empty


def fit_gee(values: Array, fixed: Array, participant: Array, family: Family) -> Fit:
    """Estimate values (n,) from columns `fixed` (n, k), answers of one participant exchangeably correlated."""
    order = np.argsort(participant, kind="stable")
    model = GEE(values[order], fixed[order], groups=participant[order], family=family, cov_struct=Exchangeable())
    few = len(np.unique(participant)) < FEW
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            found = model.fit(cov_type="bias_reduced" if few else "robust")
        except np.linalg.LinAlgError:
            k = fixed.shape[1]
            return Fit(np.full(k, np.nan), np.full((k, k), np.nan), np.nan, "too few answers for this model")
    note = "did not converge" if any("terminating at iteration" in str(w.message) for w in caught) else ""
    correlation = float(np.asarray(model.cov_struct.dep_params))
    return Fit(np.asarray(found.params), np.asarray(found.cov_params()), correlation, note)
