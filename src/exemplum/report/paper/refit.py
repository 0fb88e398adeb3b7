"""Refit the main model of this study and reproduce its headline numbers.

    python refit.py              the tables are found beside this script
    python refit.py FOLDER       the tables are in FOLDER

Needs NumPy, SciPy and pandas. Model: correct ~ condition + (1 | participant) + (1 | unit), logistic, Laplace
approximation, over the main trials of all participants whom no rule excludes; condition × difficulty where queries are
of several difficulties, with odds ratios of the mean log odds over difficulties. Exits with 1 if an accuracy or an odds
ratio differs from the report's in three significant digits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, log_expit

BESIDE = (".", "..", "../tables", "../data", "../results")
SAME = 1e-3  # relative difference of two numbers that agree in three significant digits
Array = np.ndarray


def read(folders: list[Path], name: str) -> pd.DataFrame | None:
    """NAME.csv, or a Psych-DS file …_description-NAME_data.csv, as text; None if there is none."""
    for folder in folders:
        for path in sorted([*folder.glob(f"{name}.csv"), *folder.glob(f"*description-{name}_data.csv")]):
            return pd.read_csv(path, dtype=str, keep_default_na=False)
    return None


def main_trials(answers: pd.DataFrame, exclusions: pd.DataFrame | None) -> pd.DataFrame:
    """Main trials of people whom no rule excludes, with a column `right` of 0 and 1."""
    who = ["experiment", "observer", "participant"]
    main = answers[(answers["trial_kind"] == "main") & (answers["observer_kind"] == "person")]
    if exclusions is not None:
        out = pd.MultiIndex.from_frame(exclusions.loc[exclusions["verdict"] == "excluded", who])
        main = main[~pd.MultiIndex.from_frame(main[who]).isin(out)]
    return main.assign(right=(main["correct"].str.lower() == "true").astype(float))


@dataclass(frozen=True)
class Fixed:
    """Columns of the model (trials, coefficients), and levels of conditions from the coefficients."""

    conditions: list[str]
    columns: Array
    mean: Array  # (conditions, coefficients): the mean over difficulties


def fixed_effects(condition: pd.Series, difficulty: pd.Series) -> Fixed:
    """A coefficient for each condition at each difficulty; without interaction where such a cell has no answers."""
    place, conditions = pd.factorize(condition)
    hardness, difficulties = pd.factorize(difficulty)
    k, d = len(conditions), len(difficulties)
    cell = place * d + hardness
    basis = np.eye(k * d)
    if len(np.unique(cell)) < k * d:
        levels = np.repeat(np.eye(k), d, axis=0)
        centred = np.tile(np.vstack([np.eye(d - 1), -np.ones(d - 1)]), (k, 1))
        both = np.hstack([levels, centred])
        basis = both if np.linalg.matrix_rank(both[np.unique(cell)]) == both.shape[1] else levels
    return Fixed(list(conditions), basis[cell], basis.reshape(k, d, -1).mean(axis=1))


class Model:
    """Answers (trials,) of 0 and 1, fixed columns, and codes of participants and units."""

    def __init__(self, right: Array, columns: Array, participant: Array, unit: Array) -> None:
        self.right, self.columns, self.groups = right, columns, (participant, unit)
        self.sizes = tuple(int(group.max()) + 1 for group in self.groups)
        self.modes = tuple(np.zeros(size) for size in self.sizes)  # of the last likelihood: where the next one begins

    def minus_log_likelihood(self, parameters: Array) -> float:
        """By Laplace's approximation at the mode of the random effects, in units of their standard deviations."""
        p = self.columns.shape[1]
        fixed, sds = self.columns @ parameters[:p], parameters[p:]
        modes = self._mode(fixed, sds)
        value, _, log_determinant, _ = self._at(fixed, sds, modes)
        return float(-value + log_determinant / 2)

    def _mode(self, fixed: Array, sds: Array) -> tuple[Array, ...]:
        modes = self.modes
        for _ in range(100):
            value, moves, _, largest = self._at(fixed, sds, modes)
            size = 1.0
            while size > 1e-6 and self._value(fixed, sds, _moved(modes, moves, size)) < value:
                size /= 2
            modes = _moved(modes, moves, size)
            if largest < 1e-9:
                break
        self.modes = modes
        return modes

    def _value(self, fixed: Array, sds: Array, modes: tuple[Array, ...]) -> float:
        logit = fixed + sum(sd * mode[group] for sd, mode, group in zip(sds, modes, self.groups, strict=True))
        return float(log_expit((2 * self.right - 1) * logit).sum() - sum((mode**2).sum() for mode in modes) / 2)

    def _at(self, fixed: Array, sds: Array, modes: tuple[Array, ...]) -> tuple[float, tuple[Array, ...], float, float]:
        """The penalized log likelihood, Newton's step to its mode, ln|Hessian|, and the size of the step."""
        logit = fixed + sum(sd * mode[group] for sd, mode, group in zip(sds, modes, self.groups, strict=True))
        chance = expit(logit)
        weight, left = chance * (1 - chance), self.right - chance
        diagonals = [
            1 + sd**2 * np.bincount(group, weight, size)
            for sd, group, size in zip(sds, self.groups, self.sizes, strict=True)
        ]
        slopes = [
            sd * np.bincount(group, left, size) - mode
            for sd, group, size, mode in zip(sds, self.groups, self.sizes, modes, strict=True)
        ]
        crossed = np.zeros(self.sizes)
        np.add.at(crossed, self.groups, weight)
        crossed *= sds[0] * sds[1]
        # participants' block is diagonal: it is eliminated, and only a matrix of units is factorized
        rest = np.diag(diagonals[1]) - crossed.T @ (crossed / diagonals[0][:, None])
        units = np.linalg.solve(rest, slopes[1] - crossed.T @ (slopes[0] / diagonals[0]))
        people = (slopes[0] - crossed @ units) / diagonals[0]
        log_determinant = np.log(diagonals[0]).sum() + np.linalg.slogdet(rest)[1]
        largest = max(np.abs(people).max(), np.abs(units).max())
        return self._value(fixed, sds, modes), (people, units), float(log_determinant), float(largest)


def _moved(modes: tuple[Array, ...], moves: tuple[Array, ...], size: float) -> tuple[Array, ...]:
    return tuple(mode + size * move for mode, move in zip(modes, moves, strict=True))


def fit(right: Array, columns: Array, participants: pd.Series, units: pd.Series) -> tuple[Array, Array]:
    """Coefficients and their covariance."""
    model = Model(right, columns, pd.factorize(participants)[0], pd.factorize(units)[0])
    p = columns.shape[1]
    several = model.sizes[1] > 1  # with one unit there is no variance between units
    bounds = [(-20, 20)] * p + [(0, 10), (0, 10 * several)]
    # several beginnings: where a step leads to a standard deviation of 0, the slope is 0 and the optimizer stays
    tried = [
        minimize(model.minus_log_likelihood, [*np.zeros(p), person, unit * several], method="L-BFGS-B", bounds=bounds)
        for person in (0.2, 0.8)
        for unit in (0.2, 0.8)[: 1 + several]
    ]
    at = min(tried, key=lambda one: one.fun).x
    free = np.array([*range(p), *(p + g for g in (0, 1) if at[p + g] > 1e-3)])  # the others are at the edge, 0
    for _ in range(20):  # the optimizer's gradients are too rough for three digits: end with Newton's steps
        slope, hessian = derivatives(model.minus_log_likelihood, at, free)
        move = np.linalg.solve(hessian, slope)
        at[free] -= move
        if np.abs(move).max() < 1e-7:
            break
    return at[:p], np.linalg.inv(hessian)[:p, :p]


def derivatives(function: Callable[[Array], float], at: Array, free: Array) -> tuple[Array, Array]:
    """First and second derivatives by the free parameters, as central differences."""
    step = 1e-3
    moves = np.eye(len(at))[free] * step
    slope = np.array([function(at + move) - function(at - move) for move in moves]) / (2 * step)
    hessian = np.empty((len(free), len(free)))
    for i, a in enumerate(moves):
        for j, b in enumerate(moves[: i + 1]):
            ends = function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b)
            hessian[i, j] = hessian[j, i] = ends / (4 * step**2)
    return slope, hessian


def numbers(
    main: pd.DataFrame, estimates: pd.DataFrame | None, comparisons: pd.DataFrame | None
) -> Iterator[tuple[str, float, str, float]]:
    """What it is, our value, its interval in words, and the report's value (NaN if there is none)."""
    for name in sorted(main["condition"].unique()):
        means = main[main["condition"] == name].groupby("participant")["right"].mean()
        theirs = _known(estimates, {"condition": name, "trial_kind": "main", "aggregate": "participants"}, "estimate")
        yield f"accuracy, {name}", float(means.mean()), "", theirs
    # where all answers are alike, in a condition or at one of its difficulties, the likelihood has no maximum
    alike = main.groupby(["condition", "difficulty"])["right"].nunique() == 1
    constant = set(alike[alike].index.get_level_values("condition"))
    for name in sorted(constant):
        print(f"no odds ratio of {name}: some of its answers are all right, or all wrong")
    used = main[~main["condition"].isin(constant)]
    if used["condition"].nunique() < 2 or used["participant"].nunique() < 2:
        return
    fixed = fixed_effects(used["condition"], used["difficulty"])
    beta, covariance = fit(used["right"].to_numpy(), fixed.columns, used["participant"], used["unit"])
    levels = dict(zip(fixed.conditions, fixed.mean, strict=True))
    wanted = {"test": "glmm", "effect_name": "odds_ratio"}
    rows = (
        comparisons
        if comparisons is None
        else comparisons[(comparisons[list(wanted)] == list(wanted.values())).all(axis=1)]
    )
    pairs = combinations(sorted(levels), 2) if rows is None or rows.empty else zip(rows["a"], rows["b"], strict=True)
    for a, b in pairs:
        if a in levels and b in levels:
            contrast = levels[a] - levels[b]
            value, error = float(contrast @ beta), float(np.sqrt(contrast @ covariance @ contrast))
            low, high = np.exp(value - 1.959964 * error), np.exp(value + 1.959964 * error)
            theirs = _known(rows, {"a": a, "b": b}, "effect")
            yield f"odds ratio, {a} against {b}", float(np.exp(value)), f" ({low:.3f} to {high:.3f})", theirs


def _known(table: pd.DataFrame | None, where: dict[str, str], column: str) -> float:
    if table is None:
        return float("nan")
    rows = table[(table[list(where)] == list(where.values())).all(axis=1)]
    return float(rows[column].iloc[0] or "nan") if len(rows) else float("nan")


def _of(table: pd.DataFrame | None, experiment: str, observer: str) -> pd.DataFrame | None:
    """The report's rows on accuracy over all main trials of these people."""
    if table is None:
        return None
    where = {"experiment": experiment, "observer": observer, "measure": "accuracy", "by": "all"}
    return table[(table[list(where)] == list(where.values())).all(axis=1)]


def run(folders: list[Path]) -> bool:
    """Print every number beside the report's. Returns whether all agree in three significant digits."""
    answers = read(folders, "responses")
    if answers is None:
        sys.exit(f"there is no table of responses in {', '.join(map(str, folders))}")
    main = main_trials(answers, read(folders, "exclusions"))
    if main.empty:
        sys.exit("there are no main trials of people in the table of responses")
    estimates, comparisons = read(folders, "estimates"), read(folders, "comparisons")
    agree = True
    for (experiment, observer), own in main.groupby(["experiment", "observer"]):
        people, units = own["participant"].nunique(), own["unit"].nunique()
        print(f"\n{experiment}, {observer}: {people} participants, {units} units, {len(own)} main trials")
        known = [_of(table, str(experiment), str(observer)) for table in (estimates, comparisons)]
        for what, ours, interval, theirs in numbers(own, *known):
            same = not np.isfinite(theirs) or abs(ours / theirs - 1) < SAME
            agree = agree and same
            beside = f"   report: {theirs:.4f}" if np.isfinite(theirs) else ""
            print(f"{what:<44} {ours:8.4f}{interval}{beside}{'' if same else '   DIFFERS'}")
    print("\nreproduced" if agree else "\nNOT reproduced")
    return agree


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    sys.exit(not run([Path(sys.argv[1])] if len(sys.argv) > 1 else [here / name for name in BESIDE]))
