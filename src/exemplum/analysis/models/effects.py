"""How difficult each unit is and how good each participant: shrunken effects of the logistic mixed model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from exemplum import tables
from exemplum.analysis.estimates.cells import BASELINE
from exemplum.analysis.models import fits, laplace, marginal
from exemplum.analysis.models.crossed import Array
from exemplum.analysis.models.mixed import Z95, Sample, samples
from exemplum.analysis.tests.comparisons import adjusted
from exemplum.analysis.tests.two_samples import Effect, Outcome

GROUPINGS = ("participant", "unit")
FEWEST = 10  # units that can be related to anything


def effects(responses: pd.DataFrame, stimuli: pd.DataFrame | None = None, baseline: str = BASELINE) -> pd.DataFrame:
    """Conditional modes of participants and units by condition, from the model of all main trials: a table EFFECTS.

    `estimate` is the deviation from the condition's mean in log odds, shrunken towards 0 (`glmm_slopes`, or `glmm`
    above 20,000 main trials), `accuracy` the probability of a right answer that it means: of a unit over all
    participants, of a participant over all units. Intervals are normal in log odds, given the model's fixed effects and
    standard deviations; R: ranef(glmer(…), condVar = TRUE). Where a standard deviation collapsed to 0, levels do not
    differ and have no interval. Where answers separate, the model has a weak prior. `note` says both. With queries of
    several difficulties, `accuracy` is the mean over them. With STIMULI, units have the mean `margin` of their pictures
    of the condition's method.

    One participant or one condition, for which there is no model, give no rows.
    """
    slopes = fits.few(responses)
    found = [_of_sample(sample, responses, slopes) for sample in samples(responses, "accuracy", baseline=baseline)]
    table = pd.concat([rows for rows in found if rows is not None] or [tables.EFFECTS.frame()], ignore_index=True)
    return tables.EFFECTS.frame(table.assign(margin=_margins(table, stimuli)))


def _of_sample(sample: Sample, responses: pd.DataFrame, slopes: bool) -> pd.DataFrame | None:
    if not fits.separable(sample):
        return None
    whole = sample.whole()
    fitted = None if sample.problems else fits.fit_logistic(whole, slopes, sd_intervals=False)
    reasons = list(sample.problems.values()) or [fits.SEPARATED]
    note = "" if fitted else "; ".join([*reasons, fits.WEAK_PRIOR])
    model = fitted or fits.fit_penalized(whole, slopes)
    ones = np.ones(len(whole.values))
    modes = laplace.modes(whole.values, ones, whole.fixed.columns, whole.crossed(slopes), model)
    trials = responses.reset_index(drop=True).loc[sample.rows]
    rows = pd.concat([_of_grouping(whole, model, modes, g, trials) for g in range(2)], ignore_index=True)
    return rows.assign(
        experiment=sample.experiment,
        observer=sample.observer,
        model="glmm_slopes" if slopes else "glmm",
        note=["; ".join(filter(None, (said, note))) for said in rows["note"]],
    )


def _of_grouping(sample: Sample, model: laplace.Fit, modes: laplace.Modes, g: int, trials: pd.DataFrame) -> Any:
    """Rows of one grouping (0: participants, 1: units): one per level and condition that was answered."""
    loadings = sample.loadings(modes.effects[g].shape[1] > 1)
    estimate = modes.effects[g] @ loadings.T  # (levels, conditions)
    variance = np.einsum("cq,lqr,cr->lc", loadings, modes.covariance[g], loadings)
    error = np.sqrt(np.where(variance > 0, variance, np.nan))
    code = (sample.participant, sample.unit)[g]
    cell = code * len(sample.names) + sample.condition
    n = np.bincount(cell, minlength=estimate.size)
    right = np.bincount(cell, weights=sample.values, minlength=estimate.size)
    level, condition = np.divmod(np.flatnonzero(n), len(sample.names))
    first = trials.iloc[np.unique(code, return_index=True)[1]].iloc[level]
    value, reach = estimate[level, condition], Z95 * error[level, condition]
    other = marginal.deviations(model.sd[1 - g : 2 - g], loadings)[condition]
    levels = (sample.fixed.basis @ model.beta).reshape(len(sample.names), -1)[condition]  # (rows, difficulties)
    ends = [_accuracy(levels + (value + sign * reach)[:, None], other) for sign in (0, -1, 1)]
    unit = {name: first[name].to_numpy() if g else "" for name in ("layer", "branch", "selection")}
    return pd.DataFrame({
        "grouping": GROUPINGS[g], "name": first[GROUPINGS[g]].to_numpy(),
        "condition": np.array(sample.names)[condition],
        "estimate": value, "std_error": error[level, condition], "low": value - reach, "high": value + reach,
        "accuracy": ends[0], "accuracy_low": ends[1], "accuracy_high": ends[2],
        "observed": right[n > 0] / n[n > 0], "n_trials": n[n > 0], **unit,
        "note": "" if model.sd[g].any() else f"the {GROUPINGS[g]}s' standard deviation collapsed to 0",
    })  # fmt: skip


def relations(table: pd.DataFrame) -> pd.DataFrame:
    """How the difficulty of units in EFFECTS goes with their layer, branch and margin: exploratory rows of COMPARISONS.

    by = unit, group = the condition, n = units; a is what units are related to. For layer and branch `kruskal_wallis`
    of the units' estimates, with ε² = H / (n − 1), the share of the variance of ranks (R: kruskal.test); for margin
    `spearman` with the interval of Bonett & Wright (2000, Psychometrika 65). p_adjusted is Holm's over the conditions,
    and over layer and branch. Nothing where fewer than 10 units, or only one layer, branch or margin are known, or
    units do not differ.
    """
    rows = []
    units = table[(table["grouping"] == "unit") & table["std_error"].notna()]
    units = units.assign(estimate=units["estimate"].round(6))  # so that units with the same answers tie
    for (experiment, observer, condition), own in units.groupby(["experiment", "observer", "condition"], sort=True):
        where = {"experiment": experiment, "observer": observer, "measure": "unit_log_odds", "subset": "all",
                 "by": "unit", "group": condition}  # fmt: skip
        related = [_groups(own, name) for name in ("layer", "branch")] + [_spearman(own)]
        rows += [where | found.row() for found in related if found]
    return adjusted(tables.COMPARISONS.frame(rows))


def _groups(units: pd.DataFrame, name: str) -> Outcome | None:
    known = units[units[name] != ""]
    groups = [rows.to_numpy() for _, rows in known.groupby(name)["estimate"]]
    if len(known) < FEWEST or len(groups) < 2:
        return None
    found = stats.kruskal(*groups)
    effect = Effect("epsilon_sq", float(found.statistic / (len(known) - 1)), np.nan, np.nan)
    df, p = str(len(groups) - 1), float(found.pvalue)
    return Outcome("kruskal_wallis", name, "", len(known), np.nan, effect, float(found.statistic), df, p, p)


def _spearman(units: pd.DataFrame) -> Outcome | None:
    known = units[units["margin"].notna()]
    if len(known) < FEWEST or known["margin"].nunique() < 2:
        return None
    found = stats.spearmanr(known["estimate"], known["margin"])
    rho, p = float(found.statistic), float(found.pvalue)
    with np.errstate(divide="ignore"):
        reach = Z95 * np.sqrt((1 + rho**2 / 2) / (len(known) - 3))
        low, high = np.tanh(np.arctanh(rho) + np.array([-reach, reach]))
    effect = Effect("spearman_rho", rho, float(low), float(high))
    return Outcome("spearman", "margin", "", len(known), np.nan, effect, rho, "", p, p)


def _accuracy(eta: Array, sigma: Array) -> Array:
    """The mean over difficulties of the probabilities of log odds (rows, difficulties) → (rows,)."""
    mean: Array = marginal.average(marginal.nodes(eta, sigma[:, None])).mean(axis=1)
    return mean


def _margins(table: pd.DataFrame, stimuli: pd.DataFrame | None) -> Array:
    """Mean margin of each unit's pictures of the condition's method; NaN for participants and unknown margins."""
    if stimuli is None or stimuli.empty:
        return np.full(len(table), np.nan)
    means = stimuli.groupby(["unit", "method"])["margin"].mean()
    return means.reindex(pd.MultiIndex.from_frame(table[["name", "condition"]])).to_numpy(dtype=float)
