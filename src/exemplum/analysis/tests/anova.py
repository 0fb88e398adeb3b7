"""Analyses of variance on participants' means: one-way repeated measures with post hoc tests, and mixed designs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from scipy import stats
from scipy.linalg import helmert

from exemplum.analysis.tests import two_samples
from exemplum.analysis.tests.two_samples import Outcome, number


@dataclass(frozen=True)
class Term:
    """One row of an analysis of variance; p_gg is Greenhouse and Geisser's."""

    name: str
    ss: float
    df: float
    ss_error: float
    df_error: float
    epsilon: float

    @property
    def f(self) -> float:
        return (self.ss / self.df) / (self.ss_error / self.df_error)

    @property
    def p(self) -> float:
        return float(stats.f.sf(self.f, self.df, self.df_error))

    @property
    def p_gg(self) -> float:
        return float(stats.f.sf(self.f, self.epsilon * self.df, self.epsilon * self.df_error))


def rm_anova(values: np.ndarray, names: Sequence[str]) -> list[Outcome]:
    """One-way repeated measures: the omnibus F test, then each pair of conditions with pooled error (Bonferroni).

    `values`: (participants, conditions), complete. Post hoc t = difference / √(2 MS_error / n) with
    (n − 1)(k − 1) degrees of freedom, p times the number of pairs: R's and JASP's pooled-error comparisons, and the
    study's for Experiment I. They assume sphericity. The omnibus row has p_adjusted by Greenhouse and Geisser.
    NaN with n for fewer than two participants or no error variance.

    >>> accuracy = [[0.93, 0.82, 0.44], [0.96, 0.87, 0.47], [0.89, 0.80, 0.40], [0.91, 0.84, 0.38]]
    >>> whole, *pairs = rm_anova(accuracy, ["natural", "synthetic", "none"])
    >>> whole.df, round(whole.statistic, 1), [(pair.a, pair.b, round(pair.p_adjusted, 4)) for pair in pairs[:1]]
    ('2,6', 913.3, [('natural', 'synthetic', 0.0011)])
    """
    values = np.asarray(values, dtype=float)
    n, k = values.shape
    pairs = list(combinations(range(k), 2))
    terms = anova_terms(values, ["condition"], None) if n > 1 and k > 1 else []
    found = [_omnibus("rm_anova", "condition", terms[0] if terms else None, n)]
    for i, j in pairs:
        a, b = values[:, i], values[:, j]
        difference = float((a - b).mean()) if n else np.nan
        if not terms or _no_error(terms[0], values):
            found.append(Outcome("rm_anova_posthoc", names[i], names[j], n, difference))
            continue
        term = terms[0]
        t = difference / np.sqrt(2 * term.ss_error / term.df_error / n)
        p = float(2 * stats.t.sf(abs(t), term.df_error))
        found.append(
            Outcome("rm_anova_posthoc", names[i], names[j], n, difference, two_samples.d_av(a, b), float(t),
                    number(term.df_error), p, min(1.0, p * len(pairs)))
        )  # fmt: skip
    return found


def mixed_anova(
    values: np.ndarray, factors: Sequence[str], groups: np.ndarray | None, between: str = "expertise"
) -> list[Outcome]:
    """Within-participant factors crossed with one between participants, type III sums of squares.

    `values`: (participants, levels of factor 1, levels of factor 2, …), complete; `groups`: (participants,) names, or
    None without a factor between. One Outcome per term, named as `reference:scheme:expertise` in `a`; df is "df1,df2",
    p assumes sphericity, p_adjusted is Greenhouse and Geisser's. Type III with sum-to-zero coding gives groups of
    different size equal weight: R's afex::aov_car(type = 3). NaN where a group has one participant or the error is 0.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    enough = n > 1 and (groups is None or n > len(np.unique(groups)) > 1)
    if not enough:
        return [_omnibus("mixed_anova", ":".join(factors), None, n)]
    terms = anova_terms(values, factors, groups, between)
    return [_omnibus("mixed_anova", t.name, None if _no_error(t, values) else t, n) for t in terms]


def anova_terms(
    values: np.ndarray, factors: Sequence[str], groups: np.ndarray | None, between: str = "expertise"
) -> list[Term]:
    """The rows of the table, from orthonormal contrasts of each participant's values.

    Every within term is a set of contrasts of the cells; regressed on the groups in sum-to-zero coding, the intercept
    tests the term and the slopes test its interaction with the groups (Maxwell, Delaney & Kelley 2018, ch. 14).
    """
    n, levels = len(values), values.shape[1:]
    design = _sum_coding(groups, n)
    flat = values.reshape(n, -1)
    found = []
    if groups is not None:
        whole = flat @ _contrasts(levels, ()).T
        found.append(_tested(between, whole, design, slice(1, None)))
    within = chain.from_iterable(combinations(range(len(levels)), size) for size in range(1, len(levels) + 1))
    for chosen in within:
        name = ":".join(factors[i] for i in chosen)
        scores = flat @ _contrasts(levels, chosen).T
        found.append(_tested(name, scores, design, slice(0, 1)))
        if groups is not None:
            found.append(_tested(f"{name}:{between}", scores, design, slice(1, None)))
    return found


def _sum_coding(groups: np.ndarray | None, n: int) -> np.ndarray:
    """Intercept and groups − 1 columns of 1, 0 and −1: (participants, groups)."""
    if groups is None:
        return np.ones((n, 1))
    names, code = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    coding = np.vstack([np.eye(len(names) - 1), -np.ones(len(names) - 1)])
    return np.column_stack([np.ones(n), coding[code]])


def _contrasts(levels: tuple[int, ...], chosen: tuple[int, ...]) -> np.ndarray:
    """Orthonormal contrasts of the cells for the factors chosen, means over the others: (df, cells)."""
    matrix = np.ones((1, 1))
    for i, k in enumerate(levels):
        matrix = np.kron(matrix, helmert(k) if i in chosen else np.full((1, k), 1 / np.sqrt(k)))
    return matrix


def _tested(name: str, scores: np.ndarray, design: np.ndarray, rows: slice) -> Term:
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ scores
    residual = scores - design @ beta
    error = residual.T @ residual
    tested = beta[rows]
    ss = float(np.trace(tested.T @ np.linalg.solve(inverse[rows, rows], tested)))
    width, df_error = scores.shape[1], len(scores) - design.shape[1]
    squares = float((error**2).sum())
    epsilon = float(np.trace(error)) ** 2 / (width * squares) if squares > 0 else np.nan
    return Term(name, ss, len(tested) * width, float(np.trace(error)), df_error * width, epsilon)


def _no_error(term: Term, values: np.ndarray) -> bool:
    return term.df_error < 1 or term.ss_error <= 1e-20 * max(1.0, float((values**2).sum()))


def _omnibus(test: str, name: str, term: Term | None, n: int) -> Outcome:
    if term is None or term.ss_error <= 1e-20:
        return Outcome(test, name, "", n)
    effect = two_samples.partial_eta_sq(term.f, term.df, term.df_error)
    df = f"{number(term.df)},{number(term.df_error)}"
    return Outcome(test, name, "", n, np.nan, effect, float(term.f), df, term.p, term.p_gg)
