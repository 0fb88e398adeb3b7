"""How often the verdict errs, by simulated studies of known truth: the tables of docs/explanation/inference.md.

The fast tests make few studies and catch only what is badly wrong; the slow ones are the claim, and print their rows:
`pytest -m slow -s tests/analysis/test_error_rates.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from scipy.special import expit

from exemplum.analysis.models import fits
from exemplum.analysis.models.marginal import marginal_means
from exemplum.analysis.models.mixed import Sample
from exemplum.analysis.power import log_odds
from exemplum.analysis.tests.comparisons import holm
from exemplum.analysis.tests.difference import Difference, crossed, of_one_sample

MARGIN, ALPHA = 0.05, 0.05
# log odds, as in the published study: participants .2, and .2 by condition; units .65, and .55 by condition
PARTICIPANT, PARTICIPANT_CONDITION, UNIT, UNIT_CONDITION = 0.2, 0.2, 0.65, 0.55
SPREAD = float(np.sqrt(PARTICIPANT**2 + PARTICIPANT_CONDITION**2 + UNIT**2 + UNIT_CONDITION**2))
STUDIES = 4000
CHUNK = 100
COMPLETE = [(10, 45), (30, 45), (23, 20), (100, 45)]


@dataclass(frozen=True)
class Plan:
    """A design: participants, units, and which answers are given; accuracy with the baseline."""

    people: int
    units: int
    kept: str = "all"
    baseline: float = 0.87

    def seen(self, rng: np.random.Generator, conditions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        who, what, which = (index.ravel() for index in np.indices((self.people, self.units, conditions)))
        kept = {
            "all": np.ones(len(who), dtype=bool),
            "a third of the units each": (who + what) % 3 == 0,
            "each unit in one condition": (who + what) % conditions == which,
            "a third drop out after a third": (who % 3 > 0) | (rng.random(len(who)) < 1 / 3),
        }[self.kept]
        return who[kept], what[kept], which[kept]


def answers(plan: Plan, differences: tuple[float, ...], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """One simulated study: right, participant, unit and condition of each answer; condition 0 is the baseline."""
    conditions = 1 + len(differences)
    levels = np.array([log_odds(plan.baseline + d, SPREAD) for d in (0.0, *differences)])
    who, what, which = plan.seen(rng, conditions)
    of_people = PARTICIPANT * rng.standard_normal((plan.people, 1)) + PARTICIPANT_CONDITION * rng.standard_normal(
        (plan.people, conditions)
    )
    of_units = UNIT * rng.standard_normal((plan.units, 1)) + UNIT_CONDITION * rng.standard_normal(
        (plan.units, conditions)
    )
    return rng.random(len(who)) < expit(levels[which] + of_people[who, which] + of_units[what, which]), who, what, which


def study(plan: Plan, differences: tuple[float, ...], rng: np.random.Generator) -> list[Difference]:
    """One simulated study of as many methods as there are differences from the baseline in accuracy: each found."""
    right, who, what, which = answers(plan, differences, rng)
    found = []
    for method in range(1, 1 + len(differences)):
        shown = (which == 0) | (which == method)
        found.append(crossed(right[shown], who[shown], what[shown], which[shown] == method))
    return found


def machine(units: int, batches: int, difference: float, rng: np.random.Generator) -> Difference:
    """One deterministic machine over new units: a unit's accuracy is the share of its stimuli that it gets right."""
    spread = float(np.sqrt(UNIT**2 + UNIT_CONDITION**2))
    levels = np.array([log_odds(0.87 + d, spread) for d in (0.0, difference)])
    odds = levels + UNIT * rng.standard_normal((units, 1)) + UNIT_CONDITION * rng.standard_normal((units, 2))
    shares = rng.binomial(batches, expit(odds)) / batches
    return of_one_sample(shares[:, 1] - shares[:, 0], 1, units)


def of_people(plan: Plan, seed: int, studies: int) -> np.ndarray:
    """Counts of a false difference at 0, a false equivalence at −margin, and an interval that holds −margin."""
    rng = np.random.default_rng([seed, plan.people, plan.units])
    counts = np.zeros(3)
    for _ in range(studies):
        counts += _errors(study(plan, (0.0,), rng)[0], study(plan, (-MARGIN,), rng)[0])
    return counts


def of_machine(units: int, batches: int, seed: int, studies: int) -> np.ndarray:
    rng = np.random.default_rng([seed, units, batches])
    counts = np.zeros(3)
    for _ in range(studies):
        counts += _errors(machine(units, batches, 0.0, rng), machine(units, batches, -MARGIN, rng))
    return counts


def of_family(methods: int, seed: int, studies: int) -> np.ndarray:
    """Counts of studies with any false difference, and any false equivalence, after Holm's correction."""
    rng = np.random.default_rng([seed, methods])
    counts = np.zeros(2)
    for _ in range(studies):
        null, at_margin = (study(Plan(30, 45), (d,) * methods, rng) for d in (0.0, -MARGIN))
        counts[0] += holm(np.array([found.p for found in null])).min() < ALPHA
        counts[1] += holm(np.array([found.p_equivalence(MARGIN) for found in at_margin])).min() < ALPHA
    return counts


def of_both(plan: Plan, seed: int, studies: int) -> np.ndarray:
    """The counts of `of_people`, by moments and then by the mixed model, normal, on the same studies."""
    rng = np.random.default_rng([seed, plan.people, plan.units])
    counts = np.zeros(6)
    for _ in range(studies):
        drawn = [answers(plan, (d,), rng) for d in (0.0, -MARGIN)]
        by_moments = [crossed(right, who, what, which == 1) for right, who, what, which in drawn]
        counts += np.concatenate([_errors(*by_moments), _errors(*(by_model(*of) for of in drawn))])
    return counts


def by_model(right: np.ndarray, who: np.ndarray, what: np.ndarray, which: np.ndarray) -> Difference:
    """The difference of the mixed model's marginal probabilities, with crossed random slopes."""
    names, values = ("natural", "method"), right.astype(float)
    sample = Sample("", "", "all", "", "accuracy", "all", names, which, who, what, values, np.arange(len(values)))
    found = fits.fit_logistic(sample, slopes=True, sd_intervals=False) or fits.fit_penalized(sample, slopes=True)
    marginal = marginal_means(found, sample.loadings(slopes=True))
    contrast = np.array([-1.0, 1.0])
    error = float(np.sqrt(contrast @ marginal.covariance @ contrast))
    return Difference(float(contrast @ marginal.means), error, np.inf, 0, 0)


def _errors(null: Difference, at_margin: Difference) -> np.ndarray:
    low, high = at_margin.interval()
    return np.array([null.p < ALPHA, at_margin.p_equivalence(MARGIN) < ALPHA, low <= -MARGIN <= high])


def rates(count: Callable[..., np.ndarray], studies: int) -> np.ndarray:
    """Shares over the studies, counted in chunks with seeds of their own on all processors."""
    with ProcessPoolExecutor() as pool:
        return np.sum([*pool.map(partial(count, studies=CHUNK), range(studies // CHUNK))], axis=0) / studies


def told(what: str, found: np.ndarray, studies: int) -> None:
    print(f"| {what} | {' | '.join(f'{share:.3f}' for share in found)} | {studies:,} |")


@pytest.mark.parametrize(("people", "units"), [(10, 45), (23, 20)])
def test_few_studies_err_rarely(people: int, units: int) -> None:
    false_difference, false_equivalence, covered = of_people(Plan(people, units), 0, 300) / 300
    assert false_difference < 0.09  # .06 and three standard errors of 300 studies and more
    assert false_equivalence < 0.09
    assert covered > 0.91


@pytest.mark.slow
@pytest.mark.parametrize(("people", "units"), COMPLETE)
@pytest.mark.parametrize("baseline", [0.82, 0.87, 0.92])
def test_error_rates_of_complete_designs(people: int, units: int, baseline: float) -> None:
    found = rates(partial(of_people, Plan(people, units, baseline=baseline)), STUDIES)
    told(f"{people} × {units}, baseline {baseline}", found, STUDIES)
    assert found[0] <= 0.06
    assert found[1] <= 0.06
    assert 0.93 <= found[2] <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize(("people", "units"), COMPLETE[:3])  # a fit of 100 × 45 takes seconds
def test_the_mixed_model_errs_no_less_on_the_same_studies(people: int, units: int) -> None:
    found = rates(partial(of_both, Plan(people, units)), 400)
    told(f"{people} × {units}: moments, then model", found, 400)
    assert found[0] <= 0.09  # .06 and three standard errors
    assert found[0] <= found[3] + 0.01
    assert found[3] < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    "kept", ["a third of the units each", "each unit in one condition", "a third drop out after a third"]
)
@pytest.mark.parametrize(("people", "units"), [(30, 45), (24, 80)])
def test_error_rates_of_incomplete_designs(people: int, units: int, kept: str) -> None:
    found = rates(partial(of_people, Plan(people, units, kept)), STUDIES)
    told(f"{people} × {units}, {kept}", found, STUDIES)
    assert found[0] <= 0.06
    assert found[1] <= 0.06
    assert found[2] >= 0.93  # where little is seen it is too wide, never too narrow


@pytest.mark.slow
@pytest.mark.parametrize(("units", "batches"), [(9, 5), (45, 10), (300, 10)])
def test_error_rates_of_a_machine(units: int, batches: int) -> None:
    found = rates(partial(of_machine, units, batches), STUDIES)
    told(f"machine, {units} units × {batches} stimuli", found, STUDIES)
    assert found[0] <= 0.06
    assert found[1] <= 0.06
    assert 0.93 <= found[2] <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("methods", [1, 3, 5])
def test_family_wise_error(methods: int) -> None:
    found = rates(partial(of_family, methods), STUDIES)
    told(f"{methods} methods", found, STUDIES)
    assert (found <= 0.06).all()
