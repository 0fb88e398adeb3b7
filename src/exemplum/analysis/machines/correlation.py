"""Correlation of machines' scores with people's accuracy over units, as measured and without errors of measurement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from exemplum.analysis.estimates import cells, intervals
from exemplum.analysis.machines.units import PREDICTORS, Items
from exemplum.analysis.tests.comparisons import holm
from exemplum.analysis.tests.two_samples import number
from exemplum.records import ALL
from exemplum.tables import COMPARISONS, ESTIMATES

Array = np.ndarray
LIMITS = (-1.0, 1.0)
FEWEST = 4  # units; a correlation over fewer is meaningless
CERTAIN = 0.9999
NEAR, FAR = 2.0, 9.0  # correlations that are certainly cut


@dataclass(frozen=True)
class Moments:
    """Variances of two means over items, their covariance, and those of their errors; each (…,) of resamples."""

    x: Array
    y: Array
    both: Array
    error_x: Array
    error_y: Array
    error_both: Array

    def correlation(self) -> Array:
        """Pearson's, as measured. NaN where one of the two does not vary."""
        return _ratio(self.both, self.x * self.y)

    def disattenuated(self) -> Array:
        """Of the true values: covariances and variances less those of the errors; not cut, so it may exceed 1.

        NaN where a true variance is estimated as 0 or below: nothing is known then.
        """
        return _ratio(self.both - self.error_both, self._true(self.x, self.error_x) * self._true(self.y, self.error_y))

    def reliability(self, people: bool) -> Array:
        """The share of the variance that is not of errors: of people's accuracy (y) or of the machine's score (x)."""
        of, error = (self.y, self.error_y) if people else (self.x, self.error_x)
        return np.divide(of - error, of, out=np.full_like(of, np.nan), where=of > intervals.SAME**2)

    @staticmethod
    def _true(variance: Array, error: Array) -> Array:
        left = variance - error
        return np.where((left > 0) & (variance > intervals.SAME**2), left, np.nan)


def _ratio(covariance: Array, product: Array) -> Array:
    positive = np.isfinite(product) & (product > intervals.SAME**4)
    return np.divide(
        covariance, np.sqrt(np.where(positive, product, 1)), out=np.full_like(product, np.nan), where=positive
    )


@dataclass(frozen=True)
class Pairs:
    """A machine's score and people's accuracy of each item, (items,), with the errors of both, and the item's unit."""

    x: Array
    y: Array
    error_x: Array  # variance of x's error
    error_y: Array
    error_both: Array
    unit: Array  # codes
    exact: bool = False  # nothing is known of x's errors, which count as 0

    @classmethod
    def of(cls, items: Items, predictor: str, condition: str | None) -> Pairs:
        known, errors = items.known(predictor, condition), items.errors[predictor]
        table = items.table[known]
        return cls(
            x=table[predictor].to_numpy(dtype=float),
            y=table["accuracy"].to_numpy(dtype=float),
            error_x=_typical(errors.machine[known]),
            error_y=_typical(errors.people[known]),
            error_both=_typical(errors.both[known]),
            unit=pd.factorize(table["unit"], sort=True)[0],
            exact=not np.isfinite(errors.machine[known]).any(),
        )

    @property
    def units(self) -> int:
        return len(np.unique(self.unit))

    def moments(self, weight: Array, resampled: bool = False) -> Moments:
        """With each unit counted so often: (units, k) → moments of (k,); `resampled`: by draws with replacement."""
        of_item = weight[self.unit]
        n = of_item.sum(axis=0)
        # a resample has on average (n − 1) / n of the variance of its n units, and so it should of their errors
        shrunken = (self.units - 1) / self.units if resampled else 1.0
        x, y = self.x - self.x.mean(), self.y - self.y.mean()
        with np.errstate(invalid="ignore", divide="ignore"):
            mx, my = x @ of_item / n, y @ of_item / n
            scale = n / (n - 1)
            products = (
                scale * (a @ of_item / n - b) for a, b in ((x * x, mx * mx), (y * y, my * my), (x * y, mx * my))
            )
            errors = (shrunken * (e @ of_item) / n for e in (self.error_x, self.error_y, self.error_both))
            return Moments(*products, *errors)


def _typical(errors: Array) -> Array:
    """Variances of errors, with the mean in place of those that are not known; 0 if none is."""
    known = errors[np.isfinite(errors)]
    return np.where(np.isfinite(errors), errors, known.mean() if len(known) else 0.0)


def correlation_estimates(found: list[Items], seed: int, resamples: int) -> pd.DataFrame:
    """Rows of ESTIMATES by = observer, whose group is the machine, over units in each condition and in all.

    `correlation_P` and `disattenuated_P` with `reliability_people` and `reliability_P`, where P is what predicts: see
    PREDICTORS. Intervals `bca_t`, of reliabilities `jackknife`, over units. NaN with n for fewer than 4 units, or a
    score or an accuracy that does not vary.
    """
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for items in found:
        experiment, observer, machine = items.where.values()
        for condition, predictor in _asked(items):
            one = None if condition == ALL else condition
            pairs = Pairs.of(items, predictor, one)
            size = int(items.table["n_trials"][items.known(predictor, one)].sum()), pairs.units
            where = {"experiment": experiment, "observer": observer, "condition": condition, "trial_kind": "main"}
            for measure, value, interval in of_pairs(pairs, predictor, seed, resamples):
                row = cells.row(where, measure, value, interval, size, "units", "observer", machine)
                # the reliability of people is the same beside each prediction of a machine
                rows.setdefault((experiment, observer, machine, condition, measure), row)
    return ESTIMATES.frame(rows.values())


def _asked(items: Items) -> Iterator[tuple[str, str]]:
    """Conditions with each prediction, in the order of all tables, and then all together if there are several.

    All together only by what the machine has predicted in each of them.
    """
    names = cells.order(items.table["condition"].unique())
    for condition in [*names, ALL] if len(names) > 1 else names:
        for predictor in PREDICTORS:
            if all(items.known(predictor, name).any() for name in (names if condition == ALL else [condition])):
                yield condition, predictor


def of_pairs(
    pairs: Pairs, predictor: str, seed: int, resamples: int
) -> Iterator[tuple[str, float, tuple[str, float, float]]]:
    """Measure, value and interval of each statistic of these pairs."""
    units = pairs.units
    names = [f"correlation_{predictor}", f"disattenuated_{predictor}"]
    reliabilities = {"reliability_people": True} | ({} if pairs.exact else {f"reliability_{predictor}": False})
    if units < FEWEST:
        yield from ((name, np.nan, ("bca_t", np.nan, np.nan)) for name in [*names, *reliabilities])
        return
    whole, without = (pairs.moments(weight) for weight in (np.ones((units, 1)), 1 - np.eye(units)))
    drawn = pairs.moments(intervals.draws(units, resamples, seed), resampled=True)
    for name, *of in zip(names, _both(whole), _both(drawn, FAR), _both(without, NEAR), strict=True):
        value = float(of[0][0])
        yield name, float(np.clip(value, *LIMITS)), _of_correlation(value, of[1], of[2])
    for name, people in reliabilities.items():
        yield name, float(whole.reliability(people)[0]), _of_reliability(whole, without, people)


def _of_correlation(value: float, drawn: Array, without: Array) -> tuple[str, float, float]:
    """`bca_t`. An impossible value beyond 1 is as good as 1: the interval holds those of both."""
    name, *ends = intervals.Resampled(value, drawn, without).interval(LIMITS)
    cut = intervals.Resampled(float(np.clip(value, *LIMITS)), drawn, without).interval(LIMITS)
    return name, float(np.minimum(ends[0], cut[1])), float(np.maximum(ends[1], cut[2]))


def _of_reliability(whole: Moments, without: Moments, people: bool) -> tuple[str, float, float]:
    """Jackknife over units of ln of variance over error variance, which is −ln of 1 − reliability."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value, left_out = (-np.log(1 - of.reliability(people)) for of in (whole, without))
    _, low, high = intervals.jackknife(float(value[0]), left_out, (-np.inf, np.inf))
    return "jackknife", 1 - float(np.exp(-low)), 1 - float(np.exp(-high))


def _both(moments: Moments, undefined: float = np.nan) -> list[Array]:
    """Both correlations of each resample.

    With a value for what is undefined: as a reliability falls to 0, the true correlation goes to ± that value, the sign
    being that of the covariance; the correlation of units that do not differ is then 0.
    """
    measured, true = moments.correlation(), moments.disattenuated()
    if np.isnan(undefined):
        return [measured, true]
    far = undefined * np.sign(moments.both - moments.error_both)
    return [np.nan_to_num(measured), np.where(np.isnan(true), far, np.clip(true, -undefined, undefined))]


def prediction_comparisons(found: list[Items]) -> pd.DataFrame:
    """Which machine predicts people better: rows of COMPARISONS by = observer, whose group is the condition.

    Every two machines by the correlation over the units that both have predicted, from the finest prediction that both
    have; a is the better one, and the effect is the difference of Fisher's z. Test and interval are its jackknife over
    units, with t; p_adjusted is Holm's over the pairs of a condition.
    """
    rows: list[dict[str, Any]] = []
    groups: dict[tuple[str, str], list[Items]] = {}
    for items in found:
        groups.setdefault((items.where["experiment"], items.where["observer"]), []).append(items)
    for (experiment, observer), machines in groups.items():
        for condition in dict.fromkeys(name for items in machines for name, _ in _asked(items)):
            own = [row for pair in combinations(machines, 2) for row in _compared(*pair, condition)]
            for row, adjusted in zip(own, holm(np.array([row["p"] for row in own])), strict=True):
                where = {"experiment": experiment, "observer": observer, "subset": "all", "by": "observer",
                         "group": "" if condition == ALL else condition}  # fmt: skip
                rows.append(where | row | {"p_adjusted": float(adjusted)})
    return COMPARISONS.frame(rows)


def _compared(first: Items, second: Items, condition: str) -> Iterator[dict[str, Any]]:
    name = None if condition == ALL else condition
    both = first.table.merge(second.table, on=["unit", "condition"], suffixes=("", "_b"))
    for predictor in PREDICTORS:
        known = both[both[predictor].notna() & both[f"{predictor}_b"].notna()]
        known = known if name is None else known[known["condition"] == name]
        if known.empty or (name is None and known["condition"].nunique() < both["condition"].nunique()):
            continue
        unit, _ = pd.factorize(known["unit"], sort=True)
        none = np.zeros(len(known))
        sides = [
            Pairs(known[f"{predictor}{end}"].to_numpy(), known[f"accuracy{end}"].to_numpy(), none, none, none, unit)
            for end in ("", "_b")
        ]  # fmt: skip
        units = sides[0].units
        values = [float(side.moments(np.ones((units, 1))).correlation()[0]) for side in sides]
        if units < FEWEST or not np.isfinite(values).all():
            continue
        if values[1] > values[0]:
            sides, first, second, values = sides[::-1], second, first, values[::-1]
        low, high, statistic, p = z_difference(sides)
        yield {
            "measure": f"correlation_{predictor}", "a": first.where["machine"], "b": second.where["machine"],
            "test": "jackknife", "difference": values[0] - values[1], "effect": float(np.subtract(*_z(values))),
            "effect_name": "fisher_z", "effect_low": low, "effect_high": high, "statistic": statistic,
            "df": number(units - 1), "p": p, "n": units,
        }  # fmt: skip
        return


def z_difference(sides: list[Pairs]) -> tuple[float, float, float, float]:
    """The interval of the difference of two Fisher's z, its t and p."""
    units = sides[0].units
    z, without = (
        _z(np.stack([side.moments(weight).correlation() for side in sides]))
        for weight in (np.ones((units, 1)), 1 - np.eye(units))
    )
    difference, left_out = float(z[0, 0] - z[1, 0]), without[0] - without[1]
    error = float(np.sqrt((units - 1) / units * ((left_out - left_out.mean()) ** 2).sum()))
    if not error > intervals.SAME:
        return np.nan, np.nan, np.nan, np.nan
    reach, statistic = intervals.quantile(units - 1) * error, difference / error
    return difference - reach, difference + reach, statistic, float(2 * t.sf(abs(statistic), units - 1))


def _z(correlation: Any) -> Array:
    """Fisher's z, finite also where a correlation is ±1."""
    return np.arctanh(np.clip(correlation, -CERTAIN, CERTAIN))
