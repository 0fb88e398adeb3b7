"""Calibration: how the evidence of a machine becomes the probability that people are right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, log_expit

from exemplum.analysis.estimates import cells, intervals
from exemplum.analysis.machines.units import trials
from exemplum.analysis.tests import difference
from exemplum.responses import Calibration
from exemplum.tables import MODELS

Array = np.ndarray
MODEL = "calibration"
STEPS, STILL = 100, 1e-10  # Newton's
SEPARATED = "the sign of the evidence tells right from wrong answers without exception: α is infinite"
CONSTANT = "the evidence is 0 in every trial"
FEW = "a standard error needs two participants and two units"


@dataclass(frozen=True)
class Fit:
    """α with its standard error and degrees of freedom; NaN, with a note, where it is undefined."""

    alpha: float
    std_error: float = np.nan
    df: float = np.nan
    loglik: float = np.nan
    note: str = ""

    def interval(self) -> tuple[float, float]:
        """95 %, by t."""
        reach = intervals.quantile(self.df) * self.std_error if np.isfinite(self.df) else np.nan
        return self.alpha - reach, self.alpha + reach


def fit(evidence: Array, correct: Array, participant: Array, unit: Array) -> Fit:
    """Logistic regression of right answers on the evidence for them: P(right) = σ(α Δ), all (n,).

    There is no constant term: which query is called the right one must not matter, and a trial whose evidence is 0 is a
    toss of a coin. The standard error is for new participants and new units, by the sums of each one's scores (two-way
    clustering: Cameron, Gelbach & Miller 2011, J. Bus. Econ. Stat. 29), as in the primary test.

    >>> rng = np.random.default_rng(0)
    >>> who, what = (index.ravel() for index in np.indices((20, 30)))
    >>> evidence = rng.normal(0.5, 0.5, 600)
    >>> found = fit(evidence, rng.random(600) < expit(2 * evidence), who, what)
    >>> round(found.alpha, 2), [round(end, 2) for end in found.interval()]
    (2.2, [1.74, 2.66])
    """
    scale = float(np.sqrt(np.mean(evidence**2))) if len(evidence) else 0.0
    if scale == 0:
        return Fit(np.nan, note=CONSTANT)
    x, y = evidence / scale, np.asarray(correct, dtype=float)
    favour = x * (2 * y - 1)
    if favour.max() <= 0 or favour.min() >= 0:
        return Fit(np.nan, note=SEPARATED)
    alpha = 0.0
    for _ in range(STEPS):
        p = expit(alpha * x)
        step = _step(x, y, p)
        alpha += step
        if abs(step) < STILL:
            break
    p = expit(alpha * x)
    loglik = float(log_expit(alpha * favour).sum())
    people, units = (np.unique(codes, return_inverse=True)[1] for codes in (participant, unit))
    if min(people.max(), units.max()) < 1:
        return Fit(alpha / scale, loglik=loglik, note=FEW)
    share = x * (y - p) / float(x * x @ (p * (1 - p)))
    found = difference.of_shares(alpha, share, people, units)
    return Fit(alpha / scale, found.std_error / scale, found.df, loglik)


def _step(x: Array, y: Array, p: Array) -> float:
    """Newton's, at most 1: the likelihood is concave, but flat far from its maximum."""
    return float(np.clip(x @ (y - p) / (x * x @ (p * (1 - p))), -1, 1))


def calibrate(
    responses: pd.DataFrame, evidence: pd.DataFrame | None, encoders: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[pd.DataFrame, list[Calibration]]:
    """α of every machine with EVIDENCE of trials that people answered: rows of MODELS, and what other studies can use.

    By = observer, and the group is the machine. The term `evidence` is of all conditions with references, and
    `evidence|CONDITION` of one, where there are several. `encoders`: fingerprint and metric of a machine's encoder.
    """
    rows: list[dict[str, Any]] = []
    made: list[Calibration] = []
    for where, both in trials(responses, evidence):
        known = both[both["evidence"].notna()]
        for condition, chosen in _by_condition(known):
            codes = (pd.factorize(chosen[column], sort=True)[0] for column in ("participant", "unit"))
            found = fit(chosen["evidence"].to_numpy(dtype=float), chosen["correct"].to_numpy(dtype=float), *codes)
            rows += _terms(where, condition, chosen, found)
            if not condition and np.isfinite(found.std_error):
                made.append(_kept(where, chosen, found, (encoders or {}).get(where["machine"], {})))
    return MODELS.frame(rows), made


def _by_condition(known: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    if known.empty:
        return
    yield "", known
    names = cells.order(known["condition"].unique())
    for name in names if len(names) > 1 else ():
        yield name, known[known["condition"] == name]


def _terms(where: Mapping[str, Any], condition: str, chosen: pd.DataFrame, found: Fit) -> Iterator[dict[str, Any]]:
    low, high = found.interval()
    row = {
        "experiment": where["experiment"], "observer": where["observer"], "measure": "accuracy", "model": MODEL,
        "subset": "all", "by": "observer", "group": where["machine"], "kind": "fixed",
        "term": f"evidence|{condition}" if condition else "evidence", "estimate": found.alpha,
        "std_error": found.std_error, "low": low, "high": high, "n_trials": len(chosen),
        "n_participants": chosen["participant"].nunique(), "n_units": chosen["unit"].nunique(), "note": found.note,
    }  # fmt: skip
    yield row
    if not condition and np.isfinite(found.loglik):
        fitted = {"kind": "fit", "std_error": np.nan, "low": np.nan, "high": np.nan}
        yield row | fitted | {"term": "log_likelihood", "estimate": found.loglik}
        yield row | fitted | {"term": "aic", "estimate": 2 - 2 * found.loglik}


def _kept(where: Mapping[str, Any], chosen: pd.DataFrame, found: Fit, encoder: Mapping[str, str]) -> Calibration:
    low, high = found.interval()
    return Calibration(
        where["machine"], found.alpha, low, high, found.std_error, encoder.get("fingerprint", ""),
        encoder.get("metric", ""), where["experiment"], len(chosen), int(chosen["participant"].nunique()),
        int(chosen["unit"].nunique()),
    )  # fmt: skip
