"""Common parts of glmm, lmm and gee: samples of trials from the responses, and fitted models as table rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import helmert
from scipy.stats import norm

from exemplum import tables
from exemplum.analysis.estimates.cells import BASELINE, BYS, order
from exemplum.analysis.models.crossed import Array, Crossed
from exemplum.analysis.models.fixed import FixedEffects
from exemplum.analysis.tests.comparisons import holm
from exemplum.analysis.tests.two_samples import Outcome, number
from exemplum.errors import UserError, did_you_mean
from exemplum.records import easiest_first

Z95 = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Sample:
    """Main trials of one experiment, observer and group, coded for a model of `values ~ condition × difficulty`."""

    experiment: str
    observer: str
    by: str
    group: str
    measure: str  # accuracy or rt_s
    subset: str
    names: tuple[str, ...]  # every condition present
    condition: Array  # (n,) place in names
    participant: Array  # (n,) codes
    unit: Array  # (n,) codes
    values: Array  # (n,) 0/1 of right answers, or reaction times in s
    rows: Array  # (n,) places in the responses
    problems: dict[str, str] = field(default_factory=dict)  # why a condition cannot be in the model
    note: str = ""  # why there is no model at all
    difficulties: tuple[str, ...] = ("",)  # several: the difficulty of queries is in the model, too
    difficulty: Array | int = 0  # (n,) place in difficulties

    @property
    def modelled(self) -> tuple[str, ...]:
        return () if self.note else tuple(name for name in self.names if name not in self.problems)

    def usable(self) -> Sample:
        """The same sample, recoded, with only the conditions that can be in a model."""
        kept = [self.names.index(name) for name in self.modelled]
        rows = np.isin(self.condition, kept)
        return Sample(
            self.experiment, self.observer, self.by, self.group, self.measure, self.subset,
            tuple(self.names[k] for k in kept), np.searchsorted(kept, self.condition[rows]),
            _recode(self.participant[rows]), _recode(self.unit[rows]), self.values[rows], self.rows[rows],
            **_difficulties(self.difficulties, np.broadcast_to(self.difficulty, len(rows))[rows]),
        )  # fmt: skip

    def whole(self) -> Sample:
        """The same sample with all conditions, for a model that a prior keeps finite."""
        return replace(self, problems={}, note="")

    def sizes(self) -> dict[str, int]:
        return {
            "n_trials": len(self.values),
            "n_participants": len(np.unique(self.participant)),
            "n_units": len(np.unique(self.unit)),
        }

    @cached_property
    def fixed(self) -> FixedEffects:
        """One coefficient per condition, its own level, and with several difficulties one per condition and each."""
        place = np.broadcast_to(self.difficulty, len(self.values))
        return FixedEffects(self.names, self.difficulties, self.condition, place)

    def crossed(self, slopes: bool) -> Crossed:
        """Random intercepts, and with `slopes` also deviations by condition, the same variance for each condition."""
        return Crossed(self.participant, self.unit, self.loadings(slopes)[self.condition])

    def loadings(self, slopes: bool) -> Array:
        """Random-effect columns of each condition: (conditions, q)."""
        k = len(self.names)
        return np.hstack([np.ones((k, 1)), helmert(k).T]) if slopes and k > 1 else np.ones((k, 1))


def samples(
    responses: pd.DataFrame, measure: str, by: str = "all", subset: str = "all", baseline: str = BASELINE
) -> Iterator[Sample]:
    """Main trials of RESPONSES by experiment, observer and group of `by`; the first condition is the baseline.

    `measure`: accuracy, or rt_s (reaction times above 0; others are left out). `subset`: all, correct or wrong.
    Raises UserError for an unknown `by` or a missing column.
    """
    if by not in BYS:
        raise UserError(f"there is no grouping {by!r}{did_you_mean(by, BYS)}")
    if missing := set(tables.RESPONSES.columns) - set(responses):
        raise UserError(f"the responses lack the columns {', '.join(sorted(missing))}")
    main = responses.reset_index(drop=True)
    main = main[main["trial_kind"] == "main"]
    if subset != "all":
        main = main[main["correct"] == (subset == "correct")]
    if measure == "rt_s":
        main = main[main["rt_ms"] > 0]
    for (experiment, observer, name), trials in grouped(main, by):
        yield _sample(trials, experiment, observer, by, name, measure, subset, baseline)


def grouped(trials: pd.DataFrame, by: str) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Trials by experiment, observer and group of `by` ("" for all); those without a group are left out."""
    group = pd.Series("", index=trials.index)
    for place, column in enumerate(BYS[by]):
        value = trials[column].astype(str)
        trials = trials[value != ""]
        group = (group + "|" + value if place else value).loc[trials.index]
    keys = [trials["experiment"], trials["observer"], group.rename("group")]
    for (experiment, observer, name), rows in trials.groupby(keys, sort=True):
        yield (str(experiment), str(observer), str(name)), rows


def _sample(
    trials: pd.DataFrame, experiment: str, observer: str, by: str, group: str, measure: str, subset: str, baseline: str
) -> Sample:
    names = tuple(order(trials["condition"].unique(), baseline))
    condition = pd.Categorical(trials["condition"], categories=list(names)).codes.astype(int)
    levels = easiest_first(trials["difficulty"].unique())
    difficulty = pd.Categorical(trials["difficulty"], categories=levels).codes.astype(int)
    values = trials["correct"].to_numpy(dtype=float) if measure == "accuracy" else trials["rt_ms"].to_numpy() / 1000
    participant, unit = (pd.factorize(trials[column])[0] for column in ("participant", "unit"))
    problems = {}
    for place, name in enumerate(names):
        inside = values[condition == place]
        if measure == "rt_s" and len(inside) < 3:
            problems[name] = f"{name} has {len(inside)} reaction times"
        elif measure == "accuracy" and (where := _constant(inside, difficulty[condition == place], levels)) is not None:
            problems[name] = f"every answer to {name}{where[0]} is {'right' if where[1] else 'wrong'}"
    left = [name for name in names if name not in problems]
    note = ""
    if len(np.unique(participant)) < 2:
        note = "one participant"
    elif len(left) < 2:
        note = "; ".join(problems.values()) or f"{names[0]} is the only condition"
    elif measure == "rt_s" and values.min() == values.max():
        note = "reaction times do not vary"
    return Sample(
        experiment, observer, by, group, measure, subset, names, condition, participant, unit, values,
        trials.index.to_numpy(), problems, note, tuple(levels), difficulty,
    )  # fmt: skip


def _constant(values: Array, difficulty: Array, levels: list[str]) -> tuple[str, float] | None:
    """Where answers to a condition are all alike, in words, and these answers; None if they vary everywhere."""
    if values.min() == values.max():
        return "", float(values[0])
    for place, name in enumerate(levels):
        inside = values[difficulty == place]
        if len(inside) and inside.min() == inside.max():
            return f" at difficulty {name}", float(inside[0])
    return None


def _difficulties(levels: tuple[str, ...], places: Array) -> dict[str, Any]:
    """The difficulties that occur, and which is which."""
    kept = np.unique(places)
    return {"difficulties": tuple(levels[place] for place in kept), "difficulty": np.searchsorted(kept, places)}


def contrasts(
    sample: Sample, test: str, beta: Array, covariance: Array, effect_name: str, exponentiate: bool = True
) -> list[dict[str, Any]]:
    """Rows of COMPARISONS for each pair of conditions, Wald z, Holm-adjusted over the pairs of the model.

    `beta` and `covariance` belong to `sample.modelled` in order; pairs with another condition are NaN with their n.
    """
    place = {name: i for i, name in enumerate(sample.modelled)}
    rows = []
    for a, b in combinations(sample.names, 2):
        row = _bare(sample, test, a, b, effect_name)
        if a in place and b in place:
            contrast = np.zeros(len(beta))
            contrast[place[a]], contrast[place[b]] = 1, -1
            value, error = float(contrast @ beta), float(standard_errors(contrast @ covariance @ contrast))
            ends = np.array([value, value - Z95 * error, value + Z95 * error])
            row["effect"], row["effect_low"], row["effect_high"] = np.exp(ends) if exponentiate else ends
            row["statistic"] = value / error
            row["p"] = float(2 * norm.sf(abs(value / error)))
        rows.append(row)
    return adjusted(rows)


def adjusted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Set p_adjusted of rows of COMPARISONS to Holm's over those with a p."""
    tested = [row for row in rows if np.isfinite(row["p"])]
    for row, p in zip(tested, holm(np.array([row["p"] for row in tested])), strict=True):
        row["p_adjusted"] = float(p)
    return rows


def _participants_means(sample: Sample, chosen: Array) -> Array:
    """Each participant's mean over the chosen trials; NaN for those without any."""
    codes, size = sample.participant[chosen], int(sample.participant.max()) + 1
    with np.errstate(invalid="ignore"):
        means: Array = np.bincount(codes, sample.values[chosen], size) / np.bincount(codes, minlength=size)
    return means


def _bare(sample: Sample, test: str, a: str, b: str, effect_name: str) -> dict[str, Any]:
    """A comparison without a model: the observed difference as of a paired test, and n."""
    inside = [sample.condition == sample.names.index(name) for name in (a, b)]
    apart = np.subtract(*(_participants_means(sample, chosen) for chosen in inside))
    return {
        "experiment": sample.experiment, "observer": sample.observer, "measure": sample.measure,
        "subset": sample.subset, "by": sample.by, "group": sample.group, "a": a, "b": b, "test": test,
        "difference": float(np.nanmean(apart)) if np.isfinite(apart).any() else np.nan,
        "effect": np.nan, "effect_name": effect_name, "effect_low": np.nan, "effect_high": np.nan,
        "statistic": np.nan, "df": "", "p": np.nan, "p_adjusted": np.nan,
        "n": len(np.unique(sample.participant[inside[0] | inside[1]])),
    }  # fmt: skip


def term(
    sample: Sample, model: str, kind: str, name: str, estimate: float = np.nan, std_error: float = np.nan,
    low: float = np.nan, high: float = np.nan, note: str = "",
) -> dict[str, Any]:  # fmt: skip
    """One row of MODELS."""
    return {
        "experiment": sample.experiment, "observer": sample.observer, "measure": sample.measure, "model": model,
        "subset": sample.subset, "by": sample.by, "group": sample.group, "kind": kind, "term": name,
        "estimate": estimate, "std_error": std_error, "low": low, "high": high, **sample.sizes(), "note": note,
    }  # fmt: skip


def unfitted(sample: Sample, model: str) -> list[dict[str, Any]]:
    """Rows of MODELS that say why a model or a condition is missing."""
    if sample.note:
        return [term(sample, model, "none", "", note=sample.note)]
    return [term(sample, model, "none", name, note=reason) for name, reason in sample.problems.items()]


def fixed_terms(sample: Sample, model: str, beta: Array, covariance: Array, note: str = "") -> list[dict[str, Any]]:
    """Rows of MODELS for the level of each condition, and of each at each difficulty, with Wald intervals.

    `beta`, `covariance` of the coefficients of `sample.fixed`.
    """
    fixed = sample.fixed
    found = [(sample.names, *fixed.of_conditions(beta, covariance))]
    found += [(tuple(fixed.names), *fixed.of_cells(beta, covariance))] * fixed.several
    return [
        term(sample, model, "fixed", name, float(b), float(e), float(b - Z95 * e), float(b + Z95 * e), note)
        for names, levels, spread in found
        for name, b, e in zip(names, levels, standard_errors(spread), strict=True)
    ]


def difficulty_tests(sample: Sample, test: str, beta: Array, covariance: Array) -> list[dict[str, Any]]:
    """Rows of COMPARISONS: Wald tests of the difficulty, and of its interaction with the condition, if in the model."""
    counted = len(np.unique(sample.participant))
    rows = []
    for name, (statistic, df, p) in sample.fixed.tests(beta, covariance).items():
        found = Outcome(f"{test}_wald", name, "", counted, statistic=statistic, df=number(df), p=p, p_adjusted=p)
        where = {"experiment": sample.experiment, "observer": sample.observer, "measure": sample.measure,
                 "subset": sample.subset, "by": sample.by, "group": sample.group}  # fmt: skip
        rows.append(where | found.row())
    return rows


def standard_errors(covariance: Array) -> Array:
    """Roots of the diagonal (or of one variance); NaN for a negative variance, which is impossible."""
    variances = np.diag(covariance) if np.ndim(covariance) else np.asarray(covariance)
    return np.sqrt(np.where(variances > 0, variances, np.nan))


def sd_terms(sample: Sample, model: str, sd: Array, low: Array, high: Array, note: str = "") -> list[dict[str, Any]]:
    """Rows of MODELS for standard deviations (2, m) of participants and units; says which collapsed to 0."""
    rows = []
    for g, grouping in enumerate(("participant", "unit")):
        for j, suffix in enumerate(("", ":condition")[: sd.shape[1]]):
            one = sample.sizes()[f"n_{grouping}s"] < 2
            if one:
                said = f"one {grouping}: no variance between them"
                rows.append(term(sample, model, "sd", grouping + suffix, note=said))
            else:
                ends = float(sd[g, j]), np.nan, float(low[g, j]), float(high[g, j])
                said = "; ".join(part for part in ("collapsed to 0" if sd[g, j] == 0 else "", note) if part)
                rows.append(term(sample, model, "sd", grouping + suffix, *ends, said))
    return rows


def fit_terms(sample: Sample, model: str, loglik: float, parameters: int, note: str = "") -> list[dict[str, Any]]:
    """Rows of MODELS for the log likelihood and Akaike's criterion, 2 · parameters − 2 · log likelihood."""
    aic = 2 * parameters - 2 * loglik
    return [
        term(sample, model, "fit", name, value, note=note) for name, value in (("log_likelihood", loglik), ("aic", aic))
    ]


def frames(models: list[dict[str, Any]], comparisons: list[dict[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    return tables.MODELS.frame(models), tables.COMPARISONS.frame(comparisons)


def _recode(codes: Array) -> Array:
    return np.unique(codes, return_inverse=True)[1]
