"""Observers of known truth, simulated again and again: 95 % intervals hold it in 95 % of the studies.

The fast test makes few studies and only catches what is badly wrong; the slow one is the claim: 92 % to 98 %.
"""

from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from exemplum.analysis import AnalysisSection, simulate, verdict
from exemplum.analysis.estimates import detection
from exemplum.analysis.models import fits, marginal
from exemplum.analysis.simulate import Spread

D_PRIME = {"natural": 2.0, "synthetic": 1.2}
CRITERION, LAPSE = -0.25, 0.08
LOG_ODDS = {"natural": 2.0, "synthetic": 1.2}
SPREAD = Spread(participant=0.6, unit=0.8)


def inside(low: float, truth: float, high: float) -> bool:
    return bool(low <= truth <= high)


def of_detection(rng: np.random.Generator) -> dict[str, bool]:
    """One study of 30 people who lean to the top; d′, criterion and lapse rate by condition."""
    frame = simulate.trials(30, 40, list(D_PRIME), rng, catch=20)
    found = {}
    for name, lapse in (("sure", 0.0), ("lapsing", LAPSE)):
        trials = simulate.detection(frame, D_PRIME, Spread(), rng, CRITERION, lapse)
        rows = detection.detection_estimates(trials).query("by == 'all' and aggregate == 'pooled'")
        rows = rows.set_index(["measure", "condition"])
        wanted = {"d_prime": D_PRIME, "criterion": dict.fromkeys(D_PRIME, CRITERION)}
        if lapse:
            wanted = {"d_prime_no_lapse": D_PRIME, "lapse": dict.fromkeys(D_PRIME, lapse)}
        for measure, truths in wanted.items():
            for condition, truth in truths.items():
                row = rows.loc[(measure, condition)]
                found[f"{name} {measure} {condition}"] = inside(row["low"], truth, row["high"])
    return found


def of_people_who_differ(rng: np.random.Generator) -> dict[str, bool]:
    """One study of 30 people whose d′ differs: their mean d′ by t, and the difference of accuracies by t."""
    frame = simulate.trials(30, 200, list(D_PRIME), rng)
    trials = simulate.detection(frame, D_PRIME, Spread(participant=0.4), rng, 0.0)
    rows = detection.detection_estimates(trials).query(
        "by == 'all' and aggregate == 'participants' and measure == 'd_prime'"
    )
    rows = rows.set_index("condition")
    found = {f"mean d_prime {name}": inside(*rows.loc[name, ["low"]], truth, *rows.loc[name, ["high"]])
             for name, truth in D_PRIME.items()}  # fmt: skip
    row = verdict.verdicts(trials, AnalysisSection()).iloc[0]
    accuracy = {name: ndtr(d / np.sqrt(2) / np.sqrt(1 + 0.4**2 / 2)) for name, d in D_PRIME.items()}
    truth = accuracy["synthetic"] - accuracy["natural"]
    return found | {"verdict's difference": inside(row["low"], truth, row["high"])}


def of_mixed_models(rng: np.random.Generator) -> dict[str, bool]:
    """One study of 50 people and 50 units that differ: odds ratio, levels and standard deviations; ln RT likewise."""
    frame = simulate.trials(50, 50, list(LOG_ODDS), rng)
    trials = simulate.logistic(frame, LOG_ODDS, SPREAD, rng)
    models, compared = fits.compare_accuracy(trials)
    row = compared.iloc[0]
    found = {"odds ratio": inside(row["effect_low"], np.exp(0.8), row["effect_high"])}
    truth = LOG_ODDS | {"participant": SPREAD.participant, "unit": SPREAD.unit}
    for row in models[models["kind"].isin(["fixed", "sd"])].itertuples():
        found[f"glmm {row.term}"] = inside(row.low, truth[row.term], row.high)
    nodes = marginal.nodes(np.array(list(LOG_ODDS.values())), np.full(2, np.hypot(SPREAD.participant, SPREAD.unit)))
    shares = dict(zip(LOG_ODDS, marginal.average(nodes), strict=True))
    truth = shares | {"natural - synthetic": shares["natural"] - shares["synthetic"]}
    for row in models[models["kind"].isin(["probability", "difference"])].itertuples():
        found[f"glmm {row.kind} {row.term}"] = inside(row.low, truth[row.term], row.high)
    # simulate.answer: ln RT has sd 0.3 over participants, 0.2 over units, 0.5 besides; wrong answers are slower by 0.2
    models, _ = fits.compare_reaction_time(trials, subset="correct")
    for row in models[models["kind"] == "sd"].itertuples():
        sd = {"participant": 0.3, "unit": 0.2, "residual": 0.5}[row.term]
        found[f"lmm sd {row.term}"] = inside(row.low, sd, row.high)
    return found


REAL = Spread(participant=0.2, unit=0.65, participant_condition=0.2, unit_condition=0.55)  # as in the published data
REAL_LOG_ODDS = {"natural": 2.4, "synthetic": 1.4}


def of_slopes(rng: np.random.Generator) -> dict[str, bool]:
    """One study of 30 people and 45 units, spread as in the real data: the slopes model's difference in probability."""
    trials = simulate.logistic(simulate.trials(30, 45, list(REAL_LOG_ODDS), rng), REAL_LOG_ODDS, REAL, rng)
    models, _ = fits.compare_accuracy(trials, slopes=True)
    row = models[models["kind"] == "difference"].iloc[0]
    sd = np.sqrt(REAL.participant**2 + REAL.unit**2 + REAL.participant_condition**2 + REAL.unit_condition**2)
    natural, synthetic = marginal.average(marginal.nodes(np.array(list(REAL_LOG_ODDS.values())), np.full(2, sd)))
    return {"glmm_slopes difference": inside(row["low"], natural - synthetic, row["high"])}


STUDIES = (of_detection, of_people_who_differ, of_mixed_models, of_slopes)


def one(study: int, seed: int) -> dict[str, bool]:
    return STUDIES[study](np.random.default_rng([2021, study, seed]))


def coverage(study: int, times: int, workers: int = 1) -> pd.Series:
    """Share of `times` studies in which each interval holds the truth."""
    hits: dict[str, list[bool]] = defaultdict(list)
    make = partial(one, study)
    if workers == 1:
        results = list(map(make, range(times)))
    else:
        with ProcessPoolExecutor(workers) as pool:
            results = list(pool.map(make, range(times), chunksize=20))
    for found in results:
        for name, hit in found.items():
            hits[name].append(hit)
    return pd.Series({name: float(np.mean(values)) for name, values in hits.items()})


@pytest.mark.parametrize(("study", "times"), [(0, 20), (1, 20), (2, 15), (3, 15)])
def test_intervals_hold_the_truth_mostly(study: int, times: int) -> None:
    # fewer than 13 of 20, or than 10 of 15: an interval of 95 % falls there less than once in 10,000 studies
    found = coverage(study, times)
    assert (found >= 0.65).all(), found


@pytest.mark.slow
@pytest.mark.parametrize(("study", "times"), [(0, 1000), (1, 600), (2, 400), (3, 400)])
def test_intervals_hold_the_truth_at_their_rate(study: int, times: int) -> None:
    found = coverage(study, times, workers=2)
    assert found.between(0.92, 0.98).all(), found
