"""Linear regression with crossed random effects, by restricted maximum likelihood."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import minimize

from exemplum.analysis.models.crossed import FLAT, Array, Crossed, ends_of_sd
from exemplum.analysis.models.laplace import DIFFERENCE, GRADIENT_TOLERANCE, MANY, PROFILE_TOLERANCE, SINGULAR, START_SD


@dataclass(frozen=True)
class Fit:
    """A fitted model: estimates with standard errors and intervals."""

    beta: Array  # (k,) fixed effects
    covariance: Array  # (k, k) of beta, at the estimated standard deviations
    sd: Array  # (2, m): participants' and units' standard deviations, intercept first; 0 where collapsed
    sd_low: Array  # (2, m) 95 % interval: normal on the log scale, by profile likelihood where that is too wide
    sd_high: Array  # (2, m); NaN where a flat likelihood of many trials was not profiled
    residual: tuple[float, float, float]  # residual standard deviation, and its interval
    loglik: float  # restricted
    converged: bool
    singular: tuple[tuple[int, int], ...]  # which of sd collapsed: below SINGULAR of the residual's


def fit(values: Array, fixed: Array, crossed: Crossed) -> Fit:
    """Fit values = fixed·β + random part + noise by REML: `values` (n,), `fixed` (n, k), in the order of `crossed`.

    Optimizes over relative standard deviations θ = sd / residual sd with β and the residual profiled out, with the
    exact gradient. Columns of `crossed` after the first share one standard deviation in each grouping; a grouping with
    one level gets 0. The values must vary, and n must exceed k.

    Source: Bates, Mächler, Bolker & Walker (2015), J. Stat. Software 67(1), section 3.
    """
    problem = _Problem(values, fixed, crossed)
    theta, converged = _optimize(problem, problem.start())
    for index in np.flatnonzero(
        problem.free & (theta < SINGULAR)
    ):  # a zero may be a saddle: try again from a distant start
        retry = theta.copy()
        retry[index] = START_SD
        again, settled = _optimize(problem, retry)
        if problem.value(again)[0] < problem.value(theta)[0] - 1e-6:
            theta, converged = again, settled
    return _describe(problem, theta, converged)


class _Problem:
    def __init__(self, values: Array, fixed: Array, crossed: Crossed) -> None:
        self.values, self.fixed, self.crossed = values, fixed, crossed
        self.ones = np.ones(len(values))
        self.m = min(crossed.q, 2)
        self.column_of = np.minimum(np.arange(crossed.q), 1)
        self.free = np.repeat(np.array(crossed.sizes) > 1, self.m)
        self.df = len(values) - fixed.shape[1]

    def start(self) -> Array:
        return np.where(self.free, START_SD, 0.0)

    def value(self, theta: Array, log_sigma: float | None = None) -> tuple[float, Array, float]:
        """−ln of the restricted likelihood, its gradient over θ and over ln σ; σ at its optimum if not given."""
        scales = theta.reshape(2, self.m)[:, self.column_of]
        factor = self.crossed.factor(self.ones, scales)

        def whiten(rows: Array) -> Array:  # V⁻¹ r, where V = I + ZΛΛZ'
            return rows - self.crossed.times(factor.solve(self.crossed.transposed(rows, scales)), scales)

        whitened = np.stack([whiten(column) for column in self.fixed.T], axis=1)
        self.information = self.fixed.T @ whitened
        self.beta = np.linalg.solve(self.information, whitened.T @ self.values)
        residual = self.values - self.fixed @ self.beta
        white = whiten(residual)
        squares = float(residual @ white)
        self.log_sigma = np.log(squares / self.df) / 2 if log_sigma is None else log_sigma
        variance = np.exp(2 * self.log_sigma)
        cost = (
            factor.logdet / 2
            + np.linalg.slogdet(self.information)[1] / 2
            + self.df * (np.log(2 * np.pi) / 2 + self.log_sigma)
            + squares / (2 * variance)
        )
        inner = np.linalg.inv(self.information)
        unscaled = np.ones_like(scales)
        sums = []
        groups = list(zip(self.crossed.codes, factor.spreads, strict=True))
        parts = [self.crossed.transposed(column, unscaled) for column in whitened.T]  # Z'V⁻¹X
        noise = self.crossed.transposed(white, unscaled)
        for g, (scale, (_, spread)) in enumerate(zip(factor.scales, groups, strict=True)):
            by_column = (self.crossed.columns * spread).sum(axis=0)  # of ln|H| / 2
            stacked = np.stack([part[g] for part in parts])  # (k, levels, q)
            by_column = by_column - scale * np.einsum("klq,km,mlq->q", stacked, inner, stacked, optimize=True)
            by_column = by_column - scale * (noise[g] ** 2).sum(axis=0) / variance
            sums.append(np.bincount(self.column_of, weights=by_column, minlength=self.m))
        gradient = np.concatenate(sums[::-1] if self.crossed.units_first else sums)
        return float(cost), np.where(self.free, gradient, 0.0), float(self.df - squares / variance)


def _optimize(problem: _Problem, start: Array, tolerance: float = GRADIENT_TOLERANCE) -> tuple[Array, bool]:
    steps = np.sqrt(0.5 / np.repeat(np.array(problem.crossed.sizes), problem.m))

    def value(x: Array) -> tuple[float, Array]:
        cost, gradient, _ = problem.value(start + steps * x)
        return cost, steps * gradient

    found = minimize(value, np.zeros(len(start)), jac=True, method="BFGS", options={"gtol": tolerance})
    return np.abs(start + steps * found.x), bool(np.abs(found.jac).max() < 100 * tolerance)


def _describe(problem: _Problem, theta: Array, converged: bool) -> Fit:
    collapsed = problem.free & (theta < SINGULAR)
    theta = np.where(collapsed, 0.0, theta)
    active = np.flatnonzero(problem.free & ~collapsed)
    cost = problem.value(theta)[0]
    log_sigma, beta, information = problem.log_sigma, problem.beta, problem.information
    spread = _log_sd_covariance(problem, theta, log_sigma, active)
    sigma = float(np.exp(log_sigma))
    low, high = np.zeros(len(theta)), np.full(len(theta), np.nan)
    for row, index in enumerate(active):
        # ln sd = ln θ + ln σ
        error = _root(spread[row, row] + spread[-1, -1] + 2 * spread[row, -1])
        if error < FLAT:
            reach = np.exp(1.959964 * error)
            low[index], high[index] = theta[index] * sigma / reach, theta[index] * sigma * reach
    for index in np.flatnonzero(problem.free & np.isnan(high)):
        if len(problem.values) > MANY:
            continue
        ends = ends_of_sd(partial(_loss_of_sd, problem, theta, cost, int(index)), float(theta[index]))
        # relative to the residual, whose own uncertainty is small beside that of a flat sd
        low[index], high[index] = sigma * ends[0], sigma * ends[1]
    reach = float(np.exp(1.959964 * _root(spread[-1, -1])))
    where = tuple((int(i) // problem.m, int(i) % problem.m) for i in np.flatnonzero(collapsed))
    shape = (2, problem.m)
    return Fit(
        beta, sigma**2 * np.linalg.inv(information), (theta * sigma).reshape(shape), low.reshape(shape),
        high.reshape(shape), (sigma, sigma / reach, sigma * reach), -cost, converged, where,
    )  # fmt: skip


def _root(variance: float) -> float:
    """Standard error from a variance; NaN if it is negative, as the curvature of a very small table can make it."""
    return float(np.sqrt(variance)) if variance >= 0 else float("nan")


def _loss_of_sd(problem: _Problem, theta: Array, cost: float, index: int, value: float) -> float:
    start = theta.copy()
    start[index] = value
    held = copy(problem)
    held.free = problem.free.copy()
    held.free[index] = False
    return 2 * (held.value(_optimize(held, start, PROFILE_TOLERANCE)[0])[0] - cost)


def _log_sd_covariance(problem: _Problem, theta: Array, log_sigma: float, active: Array) -> Array:
    """Covariance of (ln θ of the estimated ones, ln σ) from the Hessian of the restricted likelihood."""
    levels = np.repeat(np.array(problem.crossed.sizes), problem.m)
    steps = np.append(DIFFERENCE / np.sqrt(2 * levels[active]), DIFFERENCE / np.sqrt(2 * problem.df))
    hessian = np.empty((len(steps), len(steps)))
    for row, step in enumerate(steps):
        sides = []
        for sign in (1, -1):
            moved, sigma = theta.copy(), log_sigma
            if row < len(active):
                moved[active[row]] *= np.exp(sign * step)
            else:
                sigma += sign * step
            _, gradient, by_sigma = problem.value(moved, sigma)
            sides.append(np.append(gradient[active] * moved[active], by_sigma))
        hessian[row] = (sides[0] - sides[1]) / (2 * step)
    return np.linalg.inv((hessian + hessian.T) / 2)
