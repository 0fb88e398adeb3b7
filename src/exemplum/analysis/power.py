"""Power by simulation: how many participants and units are needed to detect a difference between two methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq
from scipy.special import expit, logit

from exemplum.analysis.estimates import intervals
from exemplum.analysis.machines.planned import Machine, powered_difference
from exemplum.analysis.models import fits
from exemplum.analysis.models.mixed import Sample, samples, standard_errors
from exemplum.analysis.simulate import Spread
from exemplum.analysis.structure import Interleaved
from exemplum.analysis.tests.difference import Difference, apart, crossed, of_one_sample
from exemplum.design import Assignment
from exemplum.errors import UserError, did_you_mean

Array = np.ndarray
ALPHA = 0.05
ASSUME = "plan without the study: assume a baseline and all four standard deviations"
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
TESTS = ("new_units", "these_units", "glmm", "ppi")
PARTS = ("all", "scheme", "difficulty")
COLUMNS = ["participants", "units", "part", "trials", "difference", "test", "power", "low", "high", "simulations"]


@dataclass(frozen=True)
class Scenario:
    """A study of two methods: every participant sees `units_each` units once with each, unless it is interleaved."""

    baseline: float  # accuracy with the baseline, over all participants and units
    difference: float  # how much higher accuracy is with the other method; may be negative
    spread: Spread  # standard deviations in log odds
    participants: int
    units: int
    units_each: int | None = None  # units per participant; all if not given
    interleaved: Interleaved | None = None
    machine: Machine | None = None  # that has scored these and other units, for the test ppi

    def __post_init__(self) -> None:
        if not 0 < self.baseline < 1 or not 0 < self.baseline + self.difference < 1:
            raise UserError(
                f"baseline {self.baseline:g} plus difference {self.difference:g} is an accuracy of "
                f"{self.baseline + self.difference:g}; both accuracies must lie between 0 and 1 (0.05 means five "
                "percentage points); change the difference or the baseline"
            )
        if self.participants < 2 or self.units < 1:
            raise UserError(
                f"{self.participants} participants and {self.units} units are too few; give at least 2 and 1"
            )


def table(
    scenario: Scenario,
    participants: Iterable[int],
    units: Iterable[int],
    test: str,
    simulations: int,
    seed: int,
    advance: Callable[[int], None] = lambda _: None,
    sets: int = 1,
    part: str = "all",
) -> pd.DataFrame:
    """Power for every number of participants and of units, with Wilson's interval over the simulated studies.

    participants, units: the numbers to try, instead of the scenario's.
    test: `new_units`, `these_units`, `glmm` or `ppi`, as in `rejections`.
    simulations: studies per cell.
    seed: each cell has random numbers of its own, from the seed and its sizes, and so does not depend on other cells.
    advance: is called with 1 after each study.
    sets: stimulus sets of a protocol with several schemes; everyone sees every set, each in another scheme.
    part: `all`, the trials of all schemes and difficulties, as the primary analysis takes them; `scheme`, those of one
    scheme, units / sets; `difficulty`, those of one difficulty of an interleaved protocol.
    Returns the columns participants, units, part, trials (main trials per participant that are analysed), difference,
    test, power, low, high and simulations. Raises UserError for an unknown test or part, or impossible sizes.

    >>> from exemplum.analysis import Spread
    >>> scenario = Scenario(0.85, -0.10, Spread(unit=0.9, participant_condition=0.25, unit_condition=0.5), 2, 45)
    >>> found = table(scenario, [5, 20], [45], "new_units", simulations=50, seed=1)
    >>> found["trials"].tolist(), found["power"].tolist()  # with 5 and with 20 participants
    ([90, 90], [0.48, 1.0])
    """
    for kind, given, known in (("test", test, TESTS), ("part", part, PARTS)):
        if given not in known:
            raise UserError(f"there is no {kind} {given!r}{did_you_mean(given, known)}")
    share = sets if part == "scheme" else 1
    mixed = scenario.interleaved and replace(scenario.interleaved, one_difficulty=part == "difficulty")
    rows = []
    for n_units in units:
        for n in participants:
            cell = replace(scenario, participants=n, units=n_units, units_each=n_units // share, interleaved=mixed)
            trials = round(mixed.trials(n_units) * mixed.share) if mixed else 2 * (n_units // share)
            rng = np.random.default_rng([seed, n, n_units])
            found = rejections(cell, test, simulations, rng, advance)
            low, high = intervals.wilson(np.array([found]), np.array([simulations]))
            size = (n, n_units, part, trials, cell.difference, test)
            rows.append((*size, found / simulations, float(low[0]), float(high[0]), simulations))
    return pd.DataFrame(rows, columns=COLUMNS)


def rejections(
    scenario: Scenario,
    test: str,
    simulations: int,
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """The number of simulated studies in which the test finds a difference at 5 %, two-sided.

    - new_units: participants and units as samples, by moments, as the verdict does (tests/difference.py);
    - these_units: paired t over participants' accuracies: would new participants show it on these units?
    - glmm: Wald test of the mixed model, with random slopes if the scenario has deviations by condition;
    - ppi: as new_units, helped by the scores of a machine (machines/prediction_powered.py).

    With deviations of units by condition the sampled units differ even if the population of units does not, and
    `these_units` finds that difference: its rejections at difference 0 are then not errors.
    """
    found = 0
    for _ in range(simulations):
        advance(1)
        answers = simulated(scenario, rng)
        if test == "ppi":
            found += powered_difference(answers, _machine(scenario), rng).p < ALPHA
        elif test == "glmm":
            found += _glmm_rejects(scenario, answers)
        else:
            found += difference_of(answers, test).p < ALPHA
    return found


@dataclass(frozen=True)
class Answers:
    """The answers of a simulated study, each array (n,)."""

    right: Array
    person: Array
    unit: Array
    method: Array  # True: with the method; False: with the baseline
    difficulty: Array
    gap: Array  # (units,) true difference of each unit in log odds, less the mean, in standard deviations; 0 without


def _machine(scenario: Scenario) -> Machine:
    if scenario.machine is None:
        raise UserError(
            "the test ppi needs a machine's scores; give --machine-correlation and --scored-units, or another --test"
        )
    if scenario.machine.scored <= scenario.units:
        raise UserError(
            f"{scenario.machine.scored} units scored by the machine are no more than the {scenario.units} that people "
            "judge; give more --scored-units, or fewer --units"
        )
    return scenario.machine


def difference_of(answers: Answers, test: str) -> Difference:
    """What a simulated study says of the difference, for new units or for these."""
    if not np.intersect1d(answers.person[answers.method], answers.person[~answers.method]).size:
        single = answers.right, answers.person, answers.unit, answers.method, answers.difficulty
        return apart(*single, new_units=test == "new_units")
    if test == "these_units":
        shape = int(answers.person.max()) + 1, int(answers.difficulty.max()) + 1, 2
        cell = (answers.person * shape[1] + answers.difficulty) * 2 + answers.method
        count = np.bincount(cell, minlength=np.prod(shape)).reshape(shape)
        sums = np.bincount(cell, answers.right, minlength=np.prod(shape)).reshape(shape)
        accuracy = np.divide(sums, count, out=np.full(shape, np.nan), where=count > 0)
        differences = accuracy[..., 1] - accuracy[..., 0]
        both = ~np.isnan(differences).all(axis=1)  # of a few trials some participant may have only one condition
        return of_one_sample(differences[both], int(both.sum()), len(np.unique(answers.unit)))
    return crossed(answers.right, answers.person, answers.unit, answers.method, answers.difficulty)


def simulated(scenario: Scenario, rng: np.random.Generator) -> Answers:
    """The answers of one study, of either kind of protocol."""
    if scenario.interleaved is not None:
        return _interleaved(scenario, scenario.interleaved, rng)
    right, unit, by_unit = _simulated(scenario, rng)
    people, each, _ = right.shape
    return Answers(
        right.ravel(), np.repeat(np.arange(people), 2 * each), np.repeat(unit.ravel(), 2),
        np.tile([False, True], people * each), np.zeros(right.size, dtype=int), _gap(scenario, by_unit),
    )  # fmt: skip


def _interleaved(scenario: Scenario, mixed: Interleaved, rng: np.random.Generator) -> Answers:
    """Units and cells are assigned as the design assigns them; the first two methods are compared."""
    trials, groups = mixed.trials(scenario.units), mixed.groups
    parts = []
    for number, cells in enumerate(groups):
        people = np.arange(number, scenario.participants, len(groups))
        assignment = Assignment(scenario.units, len(cells), 2, trials)
        unit, cell, *_ = assignment.table(np.arange(len(people) * trials)).T
        parts.append(np.stack([np.repeat(people, trials), unit, *np.array(cells)[cell].T]))
    person, unit, method, difficulty = np.concatenate(parts, axis=1)
    used = (method < 2) & (difficulty < (1 if mixed.one_difficulty else mixed.difficulties))
    person, unit, method, difficulty = (column[used] for column in (person, unit, method, difficulty))
    by_person, by_unit = _log_odds(scenario, rng)
    odds = by_person[person, method] + by_unit[unit, method]
    right = rng.random(len(odds)) < expit(odds)
    return Answers(right, person, unit, method == 1, difficulty, _gap(scenario, by_unit))


def simulate(scenario: Scenario, rng: np.random.Generator) -> tuple[Array, Array]:
    """One study: right answers (participants, units each, 2: baseline and method), and units (participants, each).

    Units rotate over the participants, so each is seen about equally often. Log odds have the mean that gives the
    requested accuracies over all participants and units.
    """
    right, unit, _ = _simulated(scenario, rng)
    return right, unit


def _simulated(scenario: Scenario, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """What `simulate` gives, and what units add to the log odds, (units, 2)."""
    each = min(scenario.units_each or scenario.units, scenario.units)
    people = scenario.participants
    unit = (np.arange(people)[:, None] * each + np.arange(each)) % scenario.units
    by_person, by_unit = _log_odds(scenario, rng)
    return rng.random((people, each, 2)) < expit(by_person[:, None] + by_unit[unit]), unit, by_unit


def _gap(scenario: Scenario, by_unit: Array) -> Array:
    sd = np.sqrt(2) * scenario.spread.unit_condition
    return (by_unit[:, 1] - by_unit[:, 0]) / sd if sd else np.zeros(len(by_unit))


def _log_odds(scenario: Scenario, rng: np.random.Generator) -> tuple[Array, Array]:
    """Log odds of participants, (participants, 2: baseline and method), and what units add to them, (units, 2)."""
    spread = scenario.spread
    total = float(np.sqrt(sum(sd**2 for sd in _sds(spread))))
    levels = np.array([log_odds(p, total) for p in (scenario.baseline, scenario.baseline + scenario.difference)])
    by_person = levels + spread.participant * rng.standard_normal((scenario.participants, 1))
    by_person = by_person + spread.participant_condition * rng.standard_normal((scenario.participants, 2))
    by_unit = spread.unit * rng.standard_normal((scenario.units, 1))
    return by_person, by_unit + spread.unit_condition * rng.standard_normal((scenario.units, 2))


def log_odds(accuracy: float, sd: float) -> float:
    """The mean of normal log odds with this standard deviation that gives the accuracy over all of them.

    >>> round(log_odds(0.85, 0.0), 2), round(log_odds(0.85, 1.0), 2)
    (1.73, 2.05)
    """
    if sd == 0:
        return float(logit(accuracy))

    def excess(mean: float) -> float:
        return float(WEIGHTS @ expit(mean + sd * NODES) / WEIGHTS.sum()) - accuracy

    reach = abs(float(logit(accuracy))) * np.sqrt(1 + sd**2) + 1
    return float(brentq(excess, -reach, reach))


def fitted(responses: pd.DataFrame, baseline: str, method: str) -> tuple[float, Spread]:
    """Accuracy with the baseline and the spread of a mixed model with random slopes, from a study's main trials.

    Raises UserError if there is no such experiment, more than one, or no model can be fitted.
    """
    chosen = responses[responses["condition"].isin([baseline, method])]
    found = list(samples(chosen, "accuracy", baseline=baseline))
    if len(found) != 1:
        raise UserError(
            f"power needs the answers of one observer in one experiment to {baseline} and {method}; found "
            f"{len(found)} such sets; choose another observer or method"
        )
    sample = found[0]
    if len(sample.modelled) < 2:
        raise UserError(f"the mixed model cannot be fitted: {sample.note or 'a condition is missing'}; {ASSUME}")
    share = float(sample.values[sample.condition == sample.names.index(baseline)].mean())
    model = fits.fit_logistic(sample.usable(), slopes=True)
    if model is None:
        raise UserError(f"the mixed model cannot be fitted: {fits.SEPARATED}; {ASSUME}")
    return share, spread_of(model.sd)


def spread_of(sd: Array) -> Spread:
    """From the model's intercepts and contrasts of two conditions (2, 2) to deviations of each condition separately."""
    # a contrast's s² is the variance of each condition's own deviation; half of it is in the mean of the two
    alone = np.sqrt(np.maximum(sd[:, 0] ** 2 - sd[:, 1] ** 2 / 2, 0))
    return Spread(float(alone[0]), float(alone[1]), float(sd[0, 1]), float(sd[1, 1]))


def smallest(found: pd.DataFrame, power: float = 0.8) -> pd.DataFrame:
    """For each number of units the smallest number of participants that reaches the power; no row if none does.

    >>> found = pd.DataFrame({"units": [45, 45, 45], "participants": [5, 10, 20], "power": [0.55, 0.78, 0.91]})
    >>> smallest(found)["participants"].tolist()
    [20]
    """
    enough = found[found["power"] >= power]
    return enough.sort_values("participants").drop_duplicates("units").sort_values("units").reset_index(drop=True)


def _sds(spread: Spread) -> tuple[float, ...]:
    return spread.participant, spread.unit, spread.participant_condition, spread.unit_condition


def _glmm_rejects(scenario: Scenario, answers: Answers) -> bool:
    names = ("baseline", "method")
    shares = [answers.right[answers.method == which].mean() for which in (False, True)]
    if min(shares) == 0 or max(shares) == 1:
        return False
    sample = Sample(
        "", "", "all", "", "accuracy", "all", names, answers.method.astype(int),
        np.unique(answers.person, return_inverse=True)[1], np.unique(answers.unit, return_inverse=True)[1],
        answers.right.astype(float), np.arange(answers.right.size),
    )  # fmt: skip
    slopes = scenario.spread.participant_condition > 0 or scenario.spread.unit_condition > 0
    found = fits.fit_logistic(sample, slopes, sd_intervals=False)
    if found is None:
        return False
    contrast = np.array([-1.0, 1.0])
    error = float(standard_errors(contrast @ found.covariance @ contrast))
    return bool(abs(contrast @ found.beta) / error > stats.norm.ppf(1 - ALPHA / 2))
