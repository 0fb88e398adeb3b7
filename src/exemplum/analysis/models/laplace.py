"""Logistic regression with crossed random effects, by the Laplace approximation to the marginal likelihood."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, gammaln

from exemplum.analysis.models.crossed import FLAT, Array, Crossed, Factor, ends, ends_of_sd

SINGULAR = 1e-2  # a standard deviation below this, in log odds, has collapsed: it moves p = .5 by .25 %
START_SD = 0.5
NEWTON_DECREMENT = 1e-12
NEWTON_STEPS = 50
HALVINGS = 30
MANY = 20_000  # rows above which profiling takes too long
DIFFERENCE = 0.02  # step of the numeric Hessian, in standard errors
GRADIENT_TOLERANCE = 1e-4  # of −ln L per standard error of each parameter
PROFILE_TOLERANCE = 1e-2  # the same in a search for the ends of an interval: ln L to 1e-4


@dataclass(frozen=True)
class Prior:
    """A penalty that keeps estimates finite: β ~ N(0, fixed²), and each standard deviation half-normal, N⁺(0, sd²).

    In log odds. Weak beside data: a level of 2.5 is 92 %, a standard deviation of 1 moves a participant from 73 % to
    50 or 88 %. R: blme::bglmer(fixef.prior = normal(2.5), cov.prior = custom(function(s) -s^2 / 2, chol = TRUE)).
    """

    fixed: float = np.inf
    sd: float = np.inf


NO_PRIOR = Prior()
WEAK = Prior(2.5, 1.0)


@dataclass(frozen=True)
class Fit:
    """A fitted model: estimates with standard errors and intervals."""

    beta: Array  # (k,) fixed effects, log odds
    covariance: Array  # (k, k) of beta, from the Hessian over fixed effects and standard deviations
    joint: Array  # (k + 2m, k + 2m) of beta and sd, rows of sd in order participants, units; NaN for a collapsed sd
    sd: Array  # (2, m): participants' and units' standard deviations, intercept first; 0 where collapsed
    sd_low: Array  # (2, m) 95 % interval: normal on the log scale, by profile likelihood where that is too wide
    sd_high: Array  # (2, m); NaN where a flat likelihood of many trials was not profiled
    loglik: float  # with a prior, its log density but for a constant is added
    converged: bool
    singular: tuple[tuple[int, int], ...]  # which of sd collapsed


def fit(
    successes: Array, trials: Array, fixed: Array, crossed: Crossed, sd_intervals: bool = True, prior: Prior = NO_PRIOR
) -> Fit:
    """Fit successes ~ Binomial(trials, expit(fixed·β + random part)) by maximum Laplace likelihood.

    `successes`, `trials` (n,), `fixed` (n, k), all in the row order of `crossed`. Fixed effects and standard
    deviations are optimized together (lme4's glmer with nAGQ = 1) with the exact gradient. Columns of `crossed` after
    the first share one standard deviation in each grouping. A grouping with one level gets standard deviation 0.
    If the likelihood of a standard deviation is flat, its interval is found by search, which takes most of the time;
    `sd_intervals=False` leaves it NaN. Without a prior the caller must ensure that β is finite (no condition all right
    or all wrong); with one the mode of the posterior density is found instead.

    Source: Bates, Mächler, Bolker & Walker (2015), J. Stat. Software 67(1); Laplace: Tierney & Kadane (1986).
    """
    problem = _Problem(successes, trials, fixed, crossed, np.zeros(len(successes)), prior)
    return _describe(problem, _maximum(problem), sd_intervals)


@dataclass(frozen=True)
class Modes:
    """Random effects in log odds, participants' and units': the most probable values, and their uncertainty."""

    effects: tuple[Array, Array]  # (levels, q) for the columns of `crossed`
    covariance: tuple[Array, Array]  # (levels, q, q), given the fixed effects and standard deviations


def modes(successes: Array, trials: Array, fixed: Array, crossed: Crossed, found: Fit) -> Modes:
    """Conditional modes of the random effects of `found`, the fit of the same data.

    R: ranef(glmer(…), condVar = TRUE). They are shrunken towards 0, the more the fewer trials a level has.
    """
    problem = _Problem(successes, trials, fixed, crossed, np.zeros(len(successes)))
    scales = problem.scales(found.sd.ravel())
    factor, _ = problem.mode(fixed @ found.beta, scales)
    (u_a, u_b), (block_a, block_b, _), (scale_a, scale_b) = problem.effects, factor.blocks, factor.scales
    effects = u_a * scale_a, u_b * scale_b
    covariance = block_a * np.outer(scale_a, scale_a), block_b * np.outer(scale_b, scale_b)
    return Modes(effects[::-1], covariance[::-1]) if crossed.units_first else Modes(effects, covariance)


def _maximum(problem: _Problem) -> _Solution:
    solution = _optimize(problem, problem.start())
    theta = solution.theta.copy()
    for index in np.flatnonzero(
        problem.free & (theta < SINGULAR)
    ):  # a zero may be a saddle: try again from a distant start
        theta[index] = START_SD
        again = _optimize(problem, np.concatenate([solution.beta, theta]))
        if again.loglik > solution.loglik + 1e-6:
            solution = again
        theta = solution.theta.copy()
    return solution


def profile(
    successes: Array, trials: Array, fixed: Array, crossed: Crossed, contrast: Array, found: Fit
) -> tuple[float, float]:
    """Profile-likelihood 95 % interval of contrast·β around `found`, the fit of the same data.

    An end more than 20 standard errors away is NaN.
    """
    contrast = np.asarray(contrast, dtype=float)
    others = np.linalg.svd(contrast[None, :])[2][1:].T  # directions that leave the contrast unchanged

    def loss(value: float) -> float:
        offset = fixed @ contrast * (value / (contrast @ contrast))
        held = _maximum(_Problem(successes, trials, fixed @ others, crossed, offset))
        return 2 * (found.loglik - held.loglik)

    return ends(loss, float(contrast @ found.beta), float(np.sqrt(contrast @ found.covariance @ contrast)))


@dataclass(frozen=True)
class _Solution:
    beta: Array
    theta: Array
    loglik: float
    converged: bool


@dataclass
class _Problem:
    """The data, and the random effects of the last evaluation as the start of the next."""

    successes: Array
    trials: Array
    fixed: Array
    crossed: Crossed
    offset: Array
    prior: Prior = NO_PRIOR
    effects: tuple[Array, Array] = field(init=False)

    def __post_init__(self) -> None:
        q = self.crossed.q
        self.k, self.m = self.fixed.shape[1], min(q, 2)
        self.column_of = np.minimum(np.arange(q), 1)  # columns after the intercept share one standard deviation
        self.free = np.repeat(np.array(self.crossed.sizes) > 1, self.m)
        self.constant = float(
            (gammaln(self.trials + 1) - gammaln(self.successes + 1) - gammaln(self.trials - self.successes + 1)).sum()
        )
        self.forget()

    def forget(self) -> None:
        more, less = self.crossed.levels
        self.effects = (np.zeros((more, self.crossed.q)), np.zeros((less, self.crossed.q)))

    def start(self) -> Array:
        """Start values: fixed effects of the model without random effects, and standard deviations of one half."""
        beta = np.zeros(self.k)
        for _ in range(25):
            p = expit(self.offset + self.fixed @ beta)
            weight = self.trials * p * (1 - p)
            step = np.linalg.solve(
                self.fixed.T @ (weight[:, None] * self.fixed) + (1e-10 + self.prior.fixed**-2) * np.eye(self.k),
                self.fixed.T @ (self.successes - self.trials * p) - beta * self.prior.fixed**-2,
            )
            beta = beta + np.clip(step, -2, 2)
            if np.abs(step).max(initial=0) < 1e-8:
                break
        return np.concatenate([beta, np.where(self.free, START_SD, 0.0)])

    def scales(self, theta: Array) -> Array:
        return theta.reshape(2, self.m)[:, self.column_of]

    def value(self, parameters: Array) -> tuple[float, Array]:
        """−ln L and its gradient over (β, θ)."""
        scales = self.scales(parameters[self.k :])
        base = self.offset + self.fixed @ parameters[: self.k]
        factor, eta = self.mode(base, scales)
        penalty = sum(float((u**2).sum()) for u in self.effects)
        loglik = self._loglik(eta) - penalty / 2 - factor.logdet / 2 + self.constant
        pull = parameters * np.repeat([self.prior.fixed**-2, self.prior.sd**-2], [self.k, 2 * self.m])
        return float(pull @ parameters / 2 - loglik), pull - self._gradient(factor, eta, scales)

    def _loglik(self, eta: Array) -> float:
        return float(self.successes @ eta - self.trials @ np.logaddexp(0, eta))

    def mode(self, base: Array, scales: Array) -> tuple[Factor, Array]:
        """Find the mode of the random effects by Newton steps (penalized iteratively reweighted least squares)."""
        crossed, (a, b) = self.crossed, self.effects
        eta = base + crossed.times((a, b), scales)
        objective = self._loglik(eta) - ((a**2).sum() + (b**2).sum()) / 2
        for _ in range(NEWTON_STEPS):
            p = expit(eta)
            factor = crossed.factor(self.trials * p * (1 - p), scales)
            right_a, right_b = crossed.transposed(self.successes - self.trials * p, scales)
            slope = (right_a - a, right_b - b)
            step = factor.solve(slope)
            if (slope[0] * step[0]).sum() + (slope[1] * step[1]).sum() < NEWTON_DECREMENT:
                break
            size = 1.0
            for _ in range(HALVINGS):
                new = (a + size * step[0], b + size * step[1])
                eta = base + crossed.times(new, scales)
                reached = self._loglik(eta) - ((new[0] ** 2).sum() + (new[1] ** 2).sum()) / 2
                if reached >= objective - 1e-9 * abs(objective):
                    break
                size /= 2
            (a, b), objective = new, reached
        self.effects = (a, b)
        return factor, eta

    def _gradient(self, factor: Factor, eta: Array, scales: Array) -> Array:
        """Gradient of ln L: of the penalized likelihood directly (its mode is flat in u), of ln|H| through W and u."""
        crossed, z = self.crossed, self.crossed.columns
        p = expit(eta)
        weight, residual = self.trials * p * (1 - p), self.successes - self.trials * p
        spread_a, spread_b = factor.spreads
        scale_a, scale_b = factor.scales
        leverage = np.einsum("ij,ij->i", z * scale_a, spread_a) + np.einsum("ij,ij->i", z * scale_b, spread_b)
        through_weight = leverage * weight * (1 - 2 * p)
        adjoint = factor.solve(crossed.transposed(through_weight, scales))
        along = residual - (through_weight - weight * crossed.times(adjoint, scales)) / 2
        sums = []
        for code, u, v, spread in zip(crossed.codes, self.effects, adjoint, (spread_a, spread_b), strict=True):
            by_column = along @ (z * u[code]) - residual @ (z * v[code]) / 2 - weight @ (z * spread)
            sums.append(np.bincount(self.column_of, weights=by_column, minlength=self.m))
        by_theta = np.concatenate(sums[::-1] if crossed.units_first else sums)
        return np.concatenate([self.fixed.T @ along, np.where(self.free, by_theta, 0.0)])

    def curvature(self, parameters: Array) -> Array:
        """An initial guess of the covariance of (β, θ): Laplace's for β at fixed θ, 1/(2·levels) for θ."""
        scales = self.scales(parameters[self.k :])
        factor, eta = self.mode(self.offset + self.fixed @ parameters[: self.k], scales)
        p = expit(eta)
        weight = self.trials * p * (1 - p)
        columns = []
        for j in range(self.k):
            rows = weight * self.fixed[:, j]
            columns.append(
                rows - weight * self.crossed.times(factor.solve(self.crossed.transposed(rows, scales)), scales)
            )
        guess = np.zeros((len(parameters), len(parameters)))
        if self.k:
            information = self.fixed.T @ np.stack(columns, axis=1) + self.prior.fixed**-2 * np.eye(self.k)
            guess[: self.k, : self.k] = np.linalg.inv(information)
        variances = np.repeat(0.5 / np.array(self.crossed.sizes), self.m)
        guess[range(self.k, len(parameters)), range(self.k, len(parameters))] = variances
        return guess


def _optimize(problem: _Problem, start: Array, tolerance: float = GRADIENT_TOLERANCE) -> _Solution:
    """BFGS in coordinates where one unit is about one standard error of each parameter."""
    active = np.concatenate([np.ones(problem.k, dtype=bool), problem.free])
    problem.forget()
    root = np.linalg.cholesky(problem.curvature(start)[np.ix_(active, active)])

    def unfold(x: Array) -> Array:
        parameters = start.copy()
        parameters[active] += root @ x
        return parameters

    def value(x: Array) -> tuple[float, Array]:
        cost, gradient = problem.value(unfold(x))
        return cost, root.T @ gradient[active]

    result = minimize(
        value, np.zeros(active.sum()), jac=True, method="BFGS", options={"gtol": tolerance, "maxiter": 200}
    )
    parameters = unfold(result.x)
    # the likelihood is even in θ, so its sign is free
    return _Solution(
        parameters[: problem.k],
        np.abs(parameters[problem.k :]),
        -float(result.fun),
        bool(np.abs(result.jac).max(initial=0) < 100 * tolerance),
    )


def _describe(problem: _Problem, solution: _Solution, sd_intervals: bool) -> Fit:
    """Standard errors from the Hessian over all estimated parameters; collapsed deviations are fixed at 0."""
    collapsed = problem.free & (solution.theta < SINGULAR)
    theta = np.where(collapsed, 0.0, solution.theta)
    covariance = _covariance(problem, replace(solution, theta=theta), problem.free & ~collapsed)
    k = problem.k
    error = np.sqrt(np.maximum(np.diag(covariance)[k:], 0))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        reach = np.exp(1.959964 * error / theta)
        low, high = theta / reach, theta * reach
    estimated = problem.free & ~collapsed
    low, high = np.where(estimated, low, 0.0), np.where(estimated, high, np.nan)
    for index in np.flatnonzero(problem.free):
        if collapsed[index] or not error[index] / theta[index] < FLAT:
            if sd_intervals and len(problem.successes) <= MANY:
                loss = partial(_loss_of_sd, problem, solution, int(index))
                low[index], high[index] = ends_of_sd(loss, float(theta[index]))
            else:
                low[index], high[index] = 0.0, np.nan
    where = tuple((int(i) // problem.m, int(i) % problem.m) for i in np.flatnonzero(collapsed))
    shape = (2, problem.m)
    return Fit(
        solution.beta, covariance[:k, :k], covariance, theta.reshape(shape), low.reshape(shape), high.reshape(shape),
        solution.loglik, solution.converged, where,
    )  # fmt: skip


def _loss_of_sd(problem: _Problem, solution: _Solution, index: int, value: float) -> float:
    """Twice the log likelihood lost by fixing one standard deviation at a value and optimizing the rest again."""
    theta = solution.theta.copy()
    theta[index] = value
    held = copy(problem)
    held.free = problem.free.copy()
    held.free[index] = False
    return 2 * (solution.loglik - _optimize(held, np.concatenate([solution.beta, theta]), PROFILE_TOLERANCE).loglik)


def _covariance(problem: _Problem, solution: _Solution, estimated: Array) -> Array:
    """Inverse of the Hessian of −ln L over β and the estimated θ, by central differences of the gradient."""
    at = np.concatenate([solution.beta, solution.theta])
    active = np.flatnonzero(np.concatenate([np.ones(problem.k, dtype=bool), estimated]))
    covariance = np.full((len(at), len(at)), np.nan)
    if not len(active):
        return covariance
    steps = DIFFERENCE * np.sqrt(np.diag(problem.curvature(at)))
    hessian = np.empty((len(active), len(active)))
    for row, index in enumerate(active):
        shift = np.zeros(len(at))
        shift[index] = steps[index]
        ahead, behind = problem.value(at + shift)[1], problem.value(at - shift)[1]
        hessian[row] = (ahead - behind)[active] / (2 * steps[index])
    covariance[np.ix_(active, active)] = np.linalg.inv((hessian + hessian.T) / 2)
    return covariance
