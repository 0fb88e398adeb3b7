"""Prediction-powered means: people judged some units, a machine has scored all of them.

θ = mean of people over the units that they judged + λ (mean score of all units − mean score of the judged ones). It is
unbiased for any score, and its variance falls with the squared correlation of both (Angelopoulos, Bates,
Fannjiang, Jordan & Zrnic 2023, Science 382, 669; λ as in PPI++: Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exemplum.analysis.estimates import cells, intervals
from exemplum.analysis.machines.units import of_conditions
from exemplum.analysis.tests.comparisons import holm
from exemplum.analysis.tests.difference import Difference, Spread, of_shares, undefined
from exemplum.analysis.tests.two_samples import number
from exemplum.records import NONE
from exemplum.tables import COMPARISONS, ESTIMATES

Array = np.ndarray
FEWEST = 4  # judged units: λ takes a degree of freedom


@dataclass(frozen=True)
class Scored:
    """A machine's mean score of all units, weighted by layer as the judged ones are."""

    mean: float
    variance: float  # of that mean over the units, σ² / N
    n: int


@dataclass(frozen=True)
class Powered:
    """The prediction-powered mean beside the one of the judged units alone."""

    powered: Difference
    classical: Difference
    weight: float  # λ; 0 if the score is of no use
    scored: int  # units

    @property
    def effective_units(self) -> float:
        """How many units people would have had to judge for as small a variance without the machine."""
        return self.classical.n_units * (self.classical.std_error / self.powered.std_error) ** 2


@dataclass(frozen=True)
class Judged:
    """Answers of people to some units, n answers to i items: units at a difficulty."""

    values: Array  # (n,) 1 for right, 0 for wrong
    participant: Array  # (n,) codes
    item: Array  # (n,) codes
    unit: Array  # (i,) codes
    difficulty: Array  # (i,) codes
    score: Array  # (i,) the machine's
    method: Array | None = None  # (n,) for a difference: whether with the method, else with the baseline

    def weights(self) -> Array:
        """The weight of each answer in its item's value: its accuracy, or its difference in accuracy; (n,)."""
        side = np.ones(len(self.values), dtype=int) if self.method is None else self.method.astype(int)
        cell = 2 * self.item + side
        return np.where(side == 1, 1.0, -1.0) / np.bincount(cell)[cell]


def powered(judged: Judged, scored: Scored) -> Powered:
    """The mean over units, for new participants and new units, with and without the machine.

    The mean over difficulties of the mean over units. λ is the slope of people on the score over the judged items, with
    which the variance is least, times 1 − 1/t² of that slope (James & Stein), and 0 if that is negative: a useless
    score is then not used, and costs nothing. Variances are by participants and by units, as in the primary test; each
    unit's residual is divided by 1 − its leverage (HC3: MacKinnon & White 1985, J. Econometrics 29, 305), and the
    score's own variance over all units is added. NaN for fewer than 4 units or 2 participants.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.uniform(0.5, 1, 400)  # of all units; ten people judge the first 20
    >>> who, what = (index.ravel() for index in np.indices((10, 20)))
    >>> right = (rng.random(200) < truth[what]).astype(float)
    >>> judged = Judged(right, who, what, np.arange(20), np.zeros(20, int), truth[:20])
    >>> found = powered(judged, Scored(truth.mean(), truth.var(ddof=1) / 400, 400))
    >>> f"{found.classical.estimate:.2f} ± {found.classical.std_error:.3f}"
    '0.78 ± 0.042'
    >>> f"{found.powered.estimate:.2f} ± {found.powered.std_error:.3f}"
    '0.79 ± 0.037'
    >>> f"λ = {found.weight:.2f}, as {found.effective_units:.0f} units; the truth is {truth.mean():.2f}"
    'λ = 0.77, as 27 units; the truth is 0.77'
    """
    units, people = int(judged.unit.max()) + 1, int(judged.participant.max()) + 1
    item_weight = _item_weights(judged)
    of_answer = judged.weights()
    value = np.bincount(judged.item, of_answer * judged.values)
    estimate = float(item_weight @ value)
    if units < FEWEST or people < 2:
        nothing = undefined(estimate, people, units)
        return Powered(nothing, nothing, np.nan, scored.n)
    means = _by_difficulty(judged, item_weight)
    score = judged.score - means(judged.score)
    apart = value - means(value)
    spread = float(item_weight @ score**2)
    slope = float(item_weight @ (score * apart)) / spread if spread > intervals.SAME**2 else 0.0
    error = float(item_weight @ (apart - slope * score) ** 2) * units / (units - 2) if spread else 0.0
    error *= float((item_weight * score) @ (item_weight * score)) / spread**2 if spread > intervals.SAME**2 else 0.0
    used = max(0.0, 1 - error / slope**2) if slope > 0 else 0.0  # of the slope
    found = [
        _estimate(judged, scored, item_weight * of_share, apart, score, spread, slope, part)
        for part, of_share in ((used, 1.0), (0.0, 1.0))
    ]
    return Powered(found[0], found[1], used * slope, scored.n)


def _estimate(
    judged: Judged, scored: Scored, item_weight: Array, apart: Array, score: Array, spread: float, slope: float,
    used: float,
) -> Difference:  # fmt: skip
    """The mean with λ = used · slope, from the items' values and scores, both less the mean of their difficulty."""
    units, weight = int(judged.unit.max()) + 1, used * slope
    missed = scored.mean - float(item_weight @ judged.score)  # how far the judged units' scores are from those of all
    pull = np.ones_like(score) if not used else 1 + used * missed * score / spread
    left = apart - weight * score
    of_answer = judged.weights()
    value = np.bincount(judged.item, of_answer * judged.values)
    estimate = float(item_weight @ value) + weight * missed
    share = (item_weight * pull)[judged.item] * of_answer * (judged.values - _expected(judged, value - left))
    leverage = np.full(units, 1 / units)
    if used:
        leverage = leverage + used * np.bincount(judged.unit, item_weight * score**2) / spread
    inflation = np.sqrt(1 - 1 / units) / np.maximum(1 - leverage, 1 / units)
    added = weight * (2 * slope - weight) * scored.variance
    of_units = Spread(inflation, used, added, max(scored.n - 1.0, 1.0))
    return of_shares(estimate, share, judged.participant, judged.unit[judged.item], of_units=of_units)


def _item_weights(judged: Judged) -> Array:
    """The weight of each item in the mean over difficulties of the mean over units, (i,)."""
    count = np.bincount(judged.difficulty)
    return 1 / (np.count_nonzero(count) * count[judged.difficulty])


def _by_difficulty(judged: Judged, item_weight: Array) -> Any:
    """A function that gives each item the mean over the items of its difficulty."""
    total = np.bincount(judged.difficulty, item_weight)

    def means(values: Array) -> Array:
        sums = np.bincount(judged.difficulty, item_weight * values)
        return np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)[judged.difficulty]

    return means


def _expected(judged: Judged, fitted: Array) -> Array:
    """What is expected of each answer, (n,): an item's answers together then give its fitted value."""
    if judged.method is None:
        return fitted[judged.item]
    difficulty, method = judged.difficulty[judged.item], judged.method.astype(int)
    place = 2 * difficulty + method
    level = np.bincount(place, judged.values, 2 * difficulty.max() + 2) / np.maximum(
        np.bincount(place, minlength=2 * difficulty.max() + 2), 1
    )
    gap = fitted[judged.item] - (level[2 * difficulty + 1] - level[2 * difficulty])
    return level[place] + np.where(method == 1, gap, -gap) / 2


def powered_estimates(
    responses: pd.DataFrame, scores: pd.DataFrame | None, branches: pd.Series | None = None,
    baseline: str = cells.BASELINE,
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Prediction-powered accuracies, rows of ESTIMATES, and differences from the baseline, rows of COMPARISONS.

    By = observer, and the group is the machine. In ESTIMATES aggregate `units`: accuracy with the intervals `ppi` and,
    of the same units without the machine, `t`; `effective_units`; and `ppi_weight`, λ. In COMPARISONS the tests `ppi`
    and `crossed`, with the effect `difference` and its interval. `scores` is SCORES of all units; `branches` gives the
    branch of each, if units were drawn by branch. Left out are hand-picked units, which stand for no others, and
    machines that have not scored every judged unit, or no other.
    """
    rows: list[dict[str, Any]] = []
    compared: list[dict[str, Any]] = []
    for where, machine, trials, scored in _of_machines(responses, scores):
        conditions = cells.order(trials["condition"].unique(), baseline)
        for condition in conditions:
            one = trials[trials["condition"] == condition]
            found = _powered(one, scored[scored["condition"] == condition], branches)
            if found is not None:
                rows += _rows(where | {"condition": condition, "trial_kind": "main"}, machine, len(one), found)
        own = []
        for method in conditions if baseline in conditions else ():
            found = None if method == baseline else _difference(trials, scored, baseline, method, branches)
            if found is not None:
                own.append((method, found))
        compared += _comparisons(where, machine, baseline, own)
    return ESTIMATES.frame(rows), COMPARISONS.frame(compared)


def _of_machines(
    responses: pd.DataFrame, scores: pd.DataFrame | None
) -> Iterator[tuple[dict[str, Any], str, pd.DataFrame, pd.DataFrame]]:
    """Experiment and observer, machine, people's main trials of sampled units, and the machine's scores."""
    if scores is None or scores.empty:
        return
    main = responses[(responses["trial_kind"] == "main") & (responses["observer_kind"] == "person")]
    main = main[(main["condition"] != NONE) & (main["selection"] != "hand_picked")]
    for (experiment, observer), trials in main.groupby(["experiment", "observer"], sort=True):
        scored = of_conditions(scores, trials)
        for machine, own in scored.groupby("observer", sort=True):
            yield {"experiment": experiment, "observer": observer}, str(machine), trials, own


def _powered(trials: pd.DataFrame, scored: pd.DataFrame, branches: pd.Series | None) -> Powered | None:
    """Of one condition, or of two with a column `method`; None if the machine has not scored these units and others."""
    score = scored.set_index(["unit", "difficulty"])["score"]
    items = pd.MultiIndex.from_frame(trials[["unit", "difficulty"]])
    code, names = pd.factorize(items, sort=True)
    of_items = score.reindex(pd.MultiIndex.from_tuples(names, names=score.index.names)).to_numpy(dtype=float)
    units, unit_names = pd.factorize(names.get_level_values(0), sort=True)
    everyone = scored.groupby(["unit", "layer"])["score"].mean().dropna().reset_index()
    if np.isnan(of_items).any() or len(everyone) <= len(unit_names):
        return None
    judged = Judged(
        trials["correct"].to_numpy(dtype=float), pd.factorize(trials["participant"])[0], code, units,
        pd.factorize(names.get_level_values(1), sort=True)[0], of_items,
        trials["method"].to_numpy(dtype=bool) if "method" in trials else None,
    )  # fmt: skip
    return powered(judged, all_units(everyone, list(unit_names), branches))


def all_units(scores: pd.DataFrame, judged: list[str], branches: pd.Series | None = None) -> Scored:
    """The mean score of all units as the judged ones are spread over layers, and over branches where these are known.

    `scores`: unit, layer and score. A study draws as many units of a small layer as of a large one, so the mean over
    all units of a network is not what its units stand for.
    """
    branch = "" if branches is None else scores["unit"].map(branches).fillna("")
    place = scores["layer"] + "|" + branch
    share = place[scores["unit"].isin(judged)].value_counts(normalize=True)
    groups = scores.assign(place=place)[place.isin(share.index)].groupby("place")["score"]
    count, spread = groups.size(), groups.var(ddof=1).fillna(0.0)
    return Scored(
        float((groups.mean() * share).sum()), float((share**2 * spread / count).sum()), int(count.sum())
    )  # fmt: skip


def _difference(
    trials: pd.DataFrame, scored: pd.DataFrame, baseline: str, method: str, branches: pd.Series | None
) -> Powered | None:
    """The method minus the baseline, over units at difficulties that were answered with both."""
    both = trials[trials["condition"].isin([baseline, method])].assign(method=lambda of: of["condition"] == method)
    seen = both.groupby(["unit", "difficulty"])["method"].transform("nunique")
    both = both[seen == 2]
    if both.empty:
        return None
    sides = [
        scored[scored["condition"] == name].set_index(["unit", "layer", "difficulty"])["score"]
        for name in (method, baseline)
    ]
    gap = (sides[0] - sides[1]).dropna().rename("score").reset_index()
    return _powered(both, gap, branches)


def _rows(where: Mapping[str, Any], machine: str, trials: int, found: Powered) -> Iterator[dict[str, Any]]:
    size = trials, found.classical.n_units
    for name, of in (("ppi", found.powered), ("t", found.classical)):
        low, high = _ends(of)
        interval = name, max(low, 0.0), min(high, 1.0)
        yield cells.row(dict(where), "accuracy", of.estimate, interval, size, "units", "observer", machine)
    for measure, value in (("effective_units", found.effective_units), ("ppi_weight", found.weight)):
        yield cells.row(dict(where), measure, value, n=size, aggregate="units", by="observer", group=machine)


def _ends(of: Difference) -> tuple[float, float]:
    reach = intervals.quantile(of.df) * of.std_error if np.isfinite(of.std_error) else np.nan
    return of.estimate - reach, of.estimate + reach


def _comparisons(
    where: Mapping[str, Any], machine: str, baseline: str, found: list[tuple[str, Powered]]
) -> Iterator[dict[str, Any]]:
    for test in ("ppi", "crossed"):
        of_test = [(method, of.powered if test == "ppi" else of.classical) for method, of in found]
        adjusted = holm(np.array([of.p for _, of in of_test]))
        for (method, of), p in zip(of_test, adjusted, strict=True):
            low, high = _ends(of)
            yield dict(where) | {
                "measure": "accuracy", "subset": "all", "by": "observer", "group": machine, "a": baseline, "b": method,
                "test": test, "difference": -of.estimate, "effect": -of.estimate, "effect_name": "difference",
                "effect_low": -high, "effect_high": -low, "statistic": -of.estimate / of.std_error,
                "df": number(of.df), "p": of.p, "p_adjusted": float(p), "n": of.n_units,
            }  # fmt: skip
