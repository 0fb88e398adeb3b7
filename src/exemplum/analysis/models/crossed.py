"""Linear algebra of crossed random effects of participants and units, for glmm and lmm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq
from scipy.stats import chi2

Array = np.ndarray


@dataclass(frozen=True)
class Crossed:
    """Rows with two crossed groupings, and q columns with random effects in both groupings.

    A row i of participant p and unit u has the random part Σ_j z_ij (s_p,j b_p,j + s_u,j b_u,j) with b ~ N(0, 1):
    every column has its own standard deviation s in each grouping, and columns are uncorrelated. Column 0 is ones (the
    intercept); with one column this is lme4's (1|participant) + (1|unit).

    The grouping with more levels is eliminated first: its block of the Hessian is block-diagonal, so only the smaller
    grouping's Schur complement is dense. With 1,900 × 760 levels a factorization takes some 30 ms on one core.
    """

    participant: Array  # (n,) codes from 0
    unit: Array  # (n,) codes from 0
    columns: Array  # (n, q)

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """Levels of participants and of units."""
        return int(self.participant.max()) + 1, int(self.unit.max()) + 1

    @property
    def q(self) -> int:
        return int(self.columns.shape[1])

    @cached_property
    def units_first(self) -> bool:
        return self.sizes[1] > self.sizes[0]

    @cached_property
    def codes(self) -> tuple[Array, Array]:
        """Codes of the grouping with more levels, and of the other."""
        return (self.unit, self.participant) if self.units_first else (self.participant, self.unit)

    @cached_property
    def levels(self) -> tuple[int, int]:
        more, less = (int(code.max()) + 1 for code in self.codes)
        return more, less

    @cached_property
    def pairs(self) -> tuple[Array, Array, Array]:
        """The combinations of levels that occur: code of the first, of the second, and each row's combination."""
        first, second = self.codes
        present, row = np.unique(first.astype(np.int64) * self.levels[1] + second, return_inverse=True)
        return present // self.levels[1], present % self.levels[1], row

    def ordered(self, scales: Array) -> tuple[Array, Array]:
        """Standard deviations (2, q), participants' then units', in the order of `codes`."""
        return (scales[1], scales[0]) if self.units_first else (scales[0], scales[1])

    def factor(self, weights: Array, scales: Array) -> Factor:
        """Factorize H = I + Λ Z'WZ Λ for row weights W (n,) and standard deviations (2, q)."""
        first, second = self.codes
        (more, less), q = self.levels, self.q
        scale_a, scale_b = self.ordered(scales)
        eye = np.eye(q)
        a = eye + self._gram(first, more, weights) * np.outer(scale_a, scale_a)
        b = eye + self._gram(second, less, weights) * np.outer(scale_b, scale_b)
        pair_a, pair_b, row = self.pairs
        cross = np.zeros((more, q, less, q))
        cross[pair_a, :, pair_b, :] = self._gram(row, len(pair_a), weights) * np.outer(scale_a, scale_b)
        root = np.linalg.cholesky(a)
        half = np.linalg.solve(root, cross.reshape(more, q, less * q)).reshape(more * q, less * q)
        schur = -(half.T @ half)
        blocks = schur.reshape(less, q, less, q)
        level = np.arange(less)
        blocks[level, :, level, :] += b
        return Factor(self, root, half, cho_factor(schur, lower=True, overwrite_a=True), (scale_a, scale_b))

    def times(self, effects: tuple[Array, Array], scales: Array) -> Array:
        """ZΛu for effects of both groupings, (levels, q) each in the order of `codes` → (n,)."""
        first, second = self.codes
        scale_a, scale_b = self.ordered(scales)
        total = (effects[0] * scale_a)[first] + (effects[1] * scale_b)[second]
        return np.einsum("ij,ij->i", self.columns, total)

    def transposed(self, rows: Array, scales: Array) -> tuple[Array, Array]:
        """ΛZ'r for r (n,) → (levels, q) for each grouping, in the order of `codes`."""
        scale_a, scale_b = self.ordered(scales)
        first, second = (self._sums(code, size, rows) for code, size in zip(self.codes, self.levels, strict=True))
        return first * scale_a, second * scale_b

    def _sums(self, code: Array, size: int, rows: Array) -> Array:
        sums = [np.bincount(code, weights=rows * self.columns[:, j], minlength=size) for j in range(self.q)]
        return np.stack(sums, axis=1)

    def _gram(self, code: Array, size: int, weights: Array) -> Array:
        """Σ w z z' by level: (size, q, q)."""
        gram = np.empty((size, self.q, self.q))
        for j in range(self.q):
            for k in range(j, self.q):
                values = weights * self.columns[:, j] * self.columns[:, k]
                gram[:, j, k] = gram[:, k, j] = np.bincount(code, weights=values, minlength=size)
        return gram


@dataclass(frozen=True)
class Factor:
    """Block Cholesky factor of H."""

    crossed: Crossed
    root: Array  # (more, q, q) lower Cholesky factors of the first grouping's blocks
    half: Array  # (more·q, less·q): root⁻¹ times the off-diagonal block
    schur: tuple[Array, bool]  # Cholesky factor of the second grouping's Schur complement
    scales: tuple[Array, Array]

    @cached_property
    def logdet(self) -> float:
        """ln |H|."""
        first = np.log(np.diagonal(self.root, axis1=1, axis2=2)).sum()
        return float(2 * (first + np.log(np.diagonal(self.schur[0])).sum()))

    def solve(self, right: tuple[Array, Array]) -> tuple[Array, Array]:
        """H⁻¹ r for one right-hand side: (levels, q) for each grouping."""
        a, b = right
        (more, less), q = self.crossed.levels, self.crossed.q
        whitened = np.linalg.solve(self.root, a[:, :, None]).reshape(more * q)
        second = cho_solve(self.schur, b.reshape(less * q) - self.half.T @ whitened)
        first = (whitened - self.half @ second).reshape(more, q, 1)
        return np.linalg.solve(np.swapaxes(self.root, 1, 2), first)[:, :, 0], second.reshape(less, q)

    @cached_property
    def blocks(self) -> tuple[Array, Array, Array]:
        """Blocks of H⁻¹: of each level of both groupings, and of each pair that occurs, (·, q, q)."""
        (more, less), q = self.crossed.levels, self.crossed.q
        pair_a, pair_b, _ = self.crossed.pairs
        inverse = cho_solve(self.schur, np.eye(less * q))
        back = np.linalg.inv(np.swapaxes(self.root, 1, 2))  # root⁻ᵀ
        cross = np.matmul(back, self.half.reshape(more, q, less * q))  # A⁻¹C
        spread = (cross.reshape(more * q, less * q) @ inverse).reshape(more, q, less * q)  # A⁻¹C S⁻¹
        first = np.matmul(back, np.swapaxes(back, 1, 2)) + np.matmul(spread, np.swapaxes(cross, 1, 2))
        level = np.arange(less)
        second = inverse.reshape(less, q, less, q)[level, :, level, :]
        return first, second, -spread.reshape(more, q, less, q)[pair_a, :, pair_b, :]

    @cached_property
    def spreads(self) -> tuple[Array, Array]:
        """For every row's g = Λz, its own levels' entries of H⁻¹g: (n, q) for each grouping."""
        block_a, block_b, block_ab = self.blocks
        (first, second), row = self.crossed.codes, self.crossed.pairs[2]
        scale_a, scale_b = self.scales
        if self.crossed.q == 1:
            a, b, ab = block_a[first, 0], block_b[second, 0], block_ab[row, 0]
            return a * scale_a + ab * scale_b, b * scale_b + ab * scale_a
        g_a, g_b = self.crossed.columns * scale_a, self.crossed.columns * scale_b
        ab = block_ab[row]
        spread_a = np.einsum("nij,nj->ni", block_a[first], g_a) + np.einsum("nij,nj->ni", ab, g_b)
        spread_b = np.einsum("nij,nj->ni", block_b[second], g_b) + np.einsum("nij,ni->nj", ab, g_a)
        return spread_a, spread_b


DROP = float(chi2.ppf(0.95, 1))
FLAT = 0.75  # standard error of ln sd beyond which its likelihood is too skewed for a normal interval
FAR = 20  # standard errors, or log odds for a standard deviation; an interval's end beyond this is NaN

Loss = Callable[[float], float]


def ends(loss: Loss, estimate: float, error: float) -> tuple[float, float]:
    """The interval of a parameter from the loss at its values; NaN for an end that is not within FAR errors."""
    return _end(loss, estimate, -error), _end(loss, estimate, error)


def ends_of_sd(loss: Loss, estimate: float) -> tuple[float, float]:
    """The interval of a standard deviation: from 0 if 0 is not excluded; NaN above FAR."""
    above = max(2 * estimate, 0.25)
    while loss(above) < DROP:
        above *= 2
        if above > FAR:
            break
    high = (
        float(brentq(lambda value: loss(value) - DROP, estimate, above, xtol=1e-3, rtol=1e-3))
        if above <= FAR
        else np.nan
    )
    if estimate == 0 or loss(0.0) < DROP:
        return 0.0, high
    return float(brentq(lambda value: loss(value) - DROP, 0.0, estimate, xtol=1e-3, rtol=1e-3)), high


def _end(loss: Loss, estimate: float, step: float) -> float:
    inner, outer = estimate, estimate + 1.5 * step
    while loss(outer) < DROP:
        inner, outer = outer, outer + step
        if abs(outer - estimate) > FAR * abs(step):
            return float("nan")
    return float(brentq(lambda value: loss(value) - DROP, inner, outer, xtol=abs(step) * 1e-4))
