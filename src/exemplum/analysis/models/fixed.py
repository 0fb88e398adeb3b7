"""Fixed effects of conditions and, where queries differ in difficulty, of difficulties and of both together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import helmert
from scipy.stats import chi2

Array = np.ndarray


@dataclass(frozen=True)
class FixedEffects:
    """What the fixed effects of a model are, and what its coefficients say of each condition and difficulty.

    A cell is a condition at a difficulty. With one difficulty coefficients are the conditions' own levels. With several
    they are the levels of the cells, which is the model condition × difficulty; where a cell has no answers, levels of
    the conditions and differences between difficulties, condition + difficulty, and the missing cell is predicted.
    Where even these cannot be told apart, because conditions were shown at different difficulties, difficulty is left
    out.
    """

    conditions: tuple[str, ...]
    difficulties: tuple[str, ...]
    condition: Array  # (n,) place in conditions
    difficulty: Array  # (n,) place in difficulties

    @property
    def several(self) -> bool:
        """Whether the difficulty is in the model."""
        return self.basis.shape[1] > len(self.conditions)

    @property
    def interact(self) -> bool:
        """Whether the model has the interaction of condition and difficulty."""
        return self.several and len(self.basis) == self.basis.shape[1]

    @cached_property
    def basis(self) -> Array:
        """Log odds of each cell from the coefficients: (conditions × difficulties, coefficients)."""
        k, d = len(self.conditions), len(self.difficulties)
        if d == 1:
            return np.eye(k)
        present = np.unique(self._cell)
        if len(present) == k * d:
            return np.eye(k * d)
        levels = np.repeat(np.eye(k), d, axis=0)
        both = np.hstack([levels, np.tile(_contrasts(d).T, (k, 1))])
        return both if np.linalg.matrix_rank(both[present]) == both.shape[1] else levels

    @cached_property
    def columns(self) -> Array:
        """The columns of the model: (n, coefficients)."""
        chosen: Array = self.basis[self._cell]
        return chosen

    @cached_property
    def mean(self) -> Array:
        """Each condition's level, the mean over difficulties, from the coefficients: (conditions, coefficients)."""
        levels: Array = self.basis.reshape(len(self.conditions), len(self.difficulties), -1).mean(axis=1)
        return levels

    def of_conditions(self, beta: Array, covariance: Array) -> tuple[Array, Array]:
        """Coefficients with their covariance → those of the conditions' levels."""
        return self.mean @ beta, self.mean @ covariance @ self.mean.T

    def of_cells(self, beta: Array, covariance: Array) -> tuple[Array, Array]:
        """The same → those of the cells, in the order of `names`."""
        return self.basis @ beta, self.basis @ covariance @ self.basis.T

    @property
    def names(self) -> list[str]:
        """The cells by name, as in natural|0.95."""
        return [f"{condition}|{difficulty}" for condition in self.conditions for difficulty in self.difficulties]

    def tests(self, beta: Array, covariance: Array) -> dict[str, tuple[float, int, float]]:
        """Wald tests that no difficulty differs, and that the conditions' differences are the same in each of them.

        `beta`, `covariance` of the coefficients. Statistic, degrees of freedom and p of each term in the model. NaN
        where the variance is not known.
        """
        if not self.several:
            return {}
        k, d = len(self.conditions), len(self.difficulties)
        terms = {"difficulty": np.kron(np.full((1, k), 1 / k), _contrasts(d))}
        if self.interact and k > 1:
            terms["condition:difficulty"] = np.kron(_contrasts(k), _contrasts(d))
        return {name: _wald(contrast @ self.basis, beta, covariance) for name, contrast in terms.items()}

    @cached_property
    def _cell(self) -> Array:
        return self.condition * len(self.difficulties) + self.difficulty


def _contrasts(levels: int) -> Array:
    """Orthonormal contrasts that sum to 0: (levels − 1, levels)."""
    rows: Array = helmert(levels)
    return rows


def _wald(contrast: Array, beta: Array, covariance: Array) -> tuple[float, int, float]:
    value, spread, df = contrast @ beta, contrast @ covariance @ contrast.T, len(contrast)
    if not np.isfinite(spread).all() or np.linalg.matrix_rank(spread) < df:
        return np.nan, df, np.nan
    statistic = float(value @ np.linalg.solve(spread, value))
    return statistic, df, float(chi2.sf(statistic, df))
