"""Marginal means: a logistic mixed model's probabilities of a right answer over all participants and units."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import expit

from exemplum.analysis.models import laplace
from exemplum.analysis.models.crossed import Array
from exemplum.analysis.models.mixed import Z95, Sample, standard_errors, term

NODES = 40  # of the quadrature; within 5e-6 for standard deviations of the linear predictor up to 3
Row = dict[str, Any]


@dataclass(frozen=True)
class Marginal:
    """Probabilities of a right answer by condition, for a new participant and a new unit, with their covariance."""

    means: Array  # (k,)
    covariance: Array  # (k, k), by the delta method


def marginal_means(found: laplace.Fit, loadings: Array, basis: Array | None = None) -> Marginal:
    """Average the model's probabilities over normal participants and units: P_c = E expit(β_c + σ_c Z), Z ~ N(0, 1).

    `loadings` (k, q) holds the random-effect columns of each condition; σ_c² is the sum over both groupings of
    s₀² + s₁² |h_c|². With a `basis` (k, coefficients) log odds are basis · β, and c a condition at a difficulty. The
    covariance includes the uncertainty of the fixed effects and of the standard deviations, but for those that
    collapsed to 0, which are fixed there.
    """
    basis = np.eye(len(loadings)) if basis is None else basis
    m = found.sd.shape[1]
    p = nodes(basis @ found.beta, deviations(found.sd, loadings))
    slope = p * (1 - p)
    curve = average(slope * (1 - 2 * p))  # E expit'': ∂P/∂s = s · share of s² in σ² · E expit''
    by_sd = np.concatenate([sds[:, None] * shares(loadings, m) * curve for sds in found.sd])  # (2m, k)
    jacobian = np.hstack([average(slope)[:, None] * basis, by_sd.T])
    return Marginal(average(p), jacobian @ np.nan_to_num(found.joint) @ jacobian.T)


def deviations(sd: Array, loadings: Array) -> Array:
    """Standard deviation of each condition's random part, σ (k,), from those of some groupings, (groupings, m)."""
    sigma: Array = np.sqrt((sd**2).sum(axis=0) @ shares(loadings, sd.shape[1]))
    return sigma


def shares(loadings: Array, m: int) -> Array:
    """How often each variance enters σ² of each condition: (m, k)."""
    return np.stack([np.ones(len(loadings)), (loadings[:, 1:] ** 2).sum(axis=1)][:m])


def nodes(eta: Array, sigma: Array) -> Array:
    """Probabilities at the nodes of the quadrature: log odds (…) and standard deviations (…) → (…, NODES)."""
    places = np.polynomial.hermite_e.hermegauss(NODES)[0]
    probabilities: Array = expit(eta[..., None] + sigma[..., None] * places)
    return probabilities


def average(values: Array) -> Array:
    """The mean over the nodes: (…, NODES) → (…)."""
    weights = np.polynomial.hermite_e.hermegauss(NODES)[1]
    mean: Array = values @ weights / weights.sum()
    return mean


def marginal_terms(sample: Sample, model: str, found: laplace.Fit, slopes: bool, note: str = "") -> list[Row]:
    """Rows of MODELS: probabilities of each condition, and differences of all pairs in probability.

    Intervals of probabilities are normal on their log odds, so they stay within 0 and 1; those of differences are
    normal. With several difficulties a condition's probability is the mean over them, and each has its own row, too.
    """
    fixed = sample.fixed
    each = marginal_means(found, np.repeat(sample.loadings(slopes), len(fixed.difficulties), axis=0), fixed.basis)
    whole = np.kron(np.eye(len(sample.names)), np.full((1, len(fixed.difficulties)), 1 / len(fixed.difficulties)))
    marginal = Marginal(whole @ each.means, whole @ each.covariance @ whole.T)
    errors = standard_errors(marginal.covariance)
    shown = [*zip(sample.names, marginal.means, errors, strict=True)]
    if fixed.several:
        shown += zip(fixed.names, each.means, standard_errors(each.covariance), strict=True)
    rows = []
    for name, mean, error in shown:
        center, reach = np.log(mean / (1 - mean)), Z95 * error / (mean * (1 - mean))
        low, high = expit([center - reach, center + reach])
        rows.append(term(sample, model, "probability", name, float(mean), float(error), float(low), float(high), note))
    for i, j in combinations(range(len(sample.names)), 2):
        contrast = np.eye(len(errors))[i] - np.eye(len(errors))[j]
        value = float(contrast @ marginal.means)
        error = float(standard_errors(contrast @ marginal.covariance @ contrast))
        name = f"{sample.names[i]} - {sample.names[j]}"
        rows.append(
            term(sample, model, "difference", name, value, error, value - Z95 * error, value + Z95 * error, note)
        )
    return rows


def correlation_terms(sample: Sample, model: str, found: laplace.Fit, note: str = "") -> list[Row]:
    """Rows of MODELS: the correlation of a participant's (unit's) effects in two conditions, which slopes imply.

    With k conditions two effects share the variance s₀² − s₁²/k of each one's s₀² + s₁² (k − 1)/k. The interval is
    normal on Fisher's z by the delta method; none where a standard deviation collapsed to 0.
    """
    k, rows = len(sample.names), []
    for g, grouping in enumerate(("participant", "unit")):
        s0, s1 = (float(s) for s in found.sd[g])
        whole = s0**2 + s1**2 * (k - 1) / k
        if whole == 0:
            continue
        value = (s0**2 - s1**2 / k) / whole
        place = len(found.beta) + 2 * g
        covariance = found.joint[place : place + 2, place : place + 2]
        # ρ = 1 − s₁²/whole, so ∂ρ/∂s₀ = 2 s₀ s₁² / whole², ∂ρ/∂s₁ = −2 s₁ s₀² / whole²
        gradient = np.array([2 * s0 * s1**2, -2 * s1 * s0**2]) / whole**2
        error = float(standard_errors(gradient @ covariance @ gradient))
        said = note or ("a standard deviation collapsed to 0" if 0 in (s0, s1) else "")
        low = high = np.nan
        if np.isfinite(error) and abs(value) < 1:
            reach = Z95 * error / (1 - value**2)
            low, high = np.tanh([np.arctanh(value) - reach, np.arctanh(value) + reach])
        rows.append(term(sample, model, "correlation", grouping, value, error, float(low), float(high), said))
    return rows
