"""Answers of simulated observers with known parameters, to test, time and plan statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr

from exemplum import tables

BLOCK = 15  # main trials per block


@dataclass(frozen=True)
class Spread:
    """Standard deviations over participants and over units: common to all conditions, and separate for each."""

    participant: float = 0.0
    unit: float = 0.0
    participant_condition: float = 0.0
    unit_condition: float = 0.0


def trials(
    participants: int,
    units: int,
    conditions: Sequence[str],
    rng: np.random.Generator,
    units_each: int | None = None,
    catch: int = 0,
    difficulties: Sequence[str] = ("",),
) -> pd.DataFrame:
    """RESPONSES without answers yet: every participant sees `units_each` units (all if None) once in each condition.

    Units rotate so that each is seen about equally often; order and side of the maximal query are random; `catch`
    trials per condition and participant are added, of a separate unit. With several `difficulties` each trial has one
    of them: they rotate over units, conditions and participants, so that a participant meets every condition at all of
    them, and no unit at several in one condition.
    """
    each = units if units_each is None else min(units_each, units)
    unit = (np.arange(participants)[:, None] * each + np.arange(each)) % units
    main = np.repeat(unit[:, :, None], len(conditions), axis=2)
    extra = np.full((participants, catch, len(conditions)), units)
    seen = np.concatenate([main, extra], axis=1)
    shape = seen.shape
    person, place, condition = (index.ravel() for index in np.indices(shape))
    order = np.argsort(rng.random((participants, shape[1] * shape[2])), axis=1).argsort(axis=1).ravel()
    layers = np.array([f"mixed{4 + code % 2}{'abc'[code % 3]}" for code in range(units + 1)])
    code = seen.ravel()
    index = pd.DataFrame({
        "person": person, "trial": order, "code": code, "condition": np.array(conditions)[condition],
        "trial_kind": np.where(place >= each, "catch", "main"), "max_side": rng.choice(["top", "bottom"], len(code)),
    }).sort_values(["person", "trial"], kind="stable")  # fmt: skip
    code = index["code"].to_numpy()
    turn = (code + index["person"] + pd.factorize(index["condition"], sort=True)[0]) % len(difficulties)
    level = np.where(index["trial_kind"] == "main", np.array(difficulties)[turn], "")
    names = np.array([f"s{k + 1:04d}" for k in range(participants)])[index["person"]]
    frame = pd.DataFrame({
        "experiment": "simulated", "observer": "simulated", "observer_kind": "person", "participant": names,
        "expertise": "", "trial": index["trial"].to_numpy(), "block": index["trial"].to_numpy() // BLOCK,
        "trial_kind": index["trial_kind"].to_numpy(), "condition": index["condition"].to_numpy(), "phase": "main",
        "scheme": "", "layer": layers[code], "channel": code, "branch": "", "selection": "random",
        "stimulus_set": "", "batch": 1, "max_side": index["max_side"].to_numpy(), "repeats": "",
        "choice": "", "correct": False, "confidence": 1, "rt_ms": np.nan, "difficulty": level, "margin": np.nan,
    })  # fmt: skip
    frame["unit"] = frame["layer"] + ":" + frame["channel"].astype(str)
    frame["trial_id"] = frame["participant"] + "-t" + frame["trial"].astype(str).str.zfill(4)
    return tables.RESPONSES.frame(frame)


def logistic(
    frame: pd.DataFrame,
    log_odds: Mapping[str, float],
    spread: Spread,
    rng: np.random.Generator,
    harder: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Answer by the mixed model that glmm fits: P(right) = expit(log odds of the condition + random effects).

    `harder`: what is taken from the log odds at each difficulty. Catch trials are all answered right.
    """
    levels = _levels(frame, log_odds)
    if harder:
        levels = levels - frame["difficulty"].map(dict(harder)).fillna(0.0).to_numpy()
    right = expit(levels + effects(frame, spread, rng))
    right = np.where(frame["trial_kind"] == "catch", 1.0, right)
    return answer(frame, rng.random(len(frame)) < right, rng)


def detection(
    frame: pd.DataFrame,
    d_prime: Mapping[str, float],
    spread: Spread,
    rng: np.random.Generator,
    criterion: float = 0.0,
    lapse: float = 0.0,
) -> pd.DataFrame:
    """Answer by equal-variance signal detection for two alternatives, with a criterion and lapses.

    P(top | maximal on top) = lapse/2 + (1 − lapse) Φ(d′/√2 − c), and with −d′ where it is at the bottom; a lapse is an
    answer at random. `spread` is in units of d′. Catch trials have no error but lapses.
    """
    separation = (_levels(frame, d_prime) + effects(frame, spread, rng)) / np.sqrt(2)
    separation = np.where(frame["trial_kind"] == "catch", 40.0, separation)
    on_top = (frame["max_side"] == "top").to_numpy()
    top = lapse / 2 + (1 - lapse) * ndtr(np.where(on_top, separation, -separation) - criterion)
    return answer(frame, (rng.random(len(frame)) < top) == on_top, rng)


def effects(frame: pd.DataFrame, spread: Spread, rng: np.random.Generator) -> np.ndarray:
    """Normal deviations of each row's participant and unit, and of both within the condition: (n,)."""
    total = np.zeros(len(frame))
    condition = pd.factorize(frame["condition"], sort=True)[0]
    for column, alone, within in (
        ("participant", spread.participant, spread.participant_condition),
        ("unit", spread.unit, spread.unit_condition),
    ):
        code, levels = pd.factorize(frame[column], sort=True)
        total += alone * rng.standard_normal(len(levels))[code]
        total += within * rng.standard_normal((len(levels), condition.max() + 1))[code, condition]
    return total


def answer(frame: pd.DataFrame, correct: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Fill in choice, confidence (higher when right) and reaction time (log-normal, slower when wrong)."""
    on_top = (frame["max_side"] == "top").to_numpy()
    rating = 1 + rng.binomial(2, np.where(correct, 0.7, 0.4))
    seconds = np.exp(
        np.log(3.5) + 0.2 * ~correct + effects(frame, Spread(0.3, 0.2), rng) + 0.5 * rng.normal(size=len(frame))
    )
    return frame.assign(
        correct=correct, choice=np.where(on_top == correct, "top", "bottom"), confidence=rating, rt_ms=1000 * seconds
    )


def _levels(frame: pd.DataFrame, values: Mapping[str, float]) -> np.ndarray:
    return frame["condition"].map(dict(values)).to_numpy(dtype=float)
