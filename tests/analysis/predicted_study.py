"""A simulated study of people and machines whose answers, evidence and scores come from the same units."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from exemplum.analysis import simulate
from exemplum.analysis.machines.predictions import Machines
from exemplum.tables import EVIDENCE, SCORES

LEVEL = {"natural": 0.65, "synthetic": 0.35}  # mean evidence
ALPHA = 3.0
NOISE = {"similarity": 0.05, "luminance": 0.8}  # of the evidence; people answer by the evidence without noise
CONTRAST = 0.35  # how far units differ in evidence


@dataclass(frozen=True)
class Predicted:
    responses: pd.DataFrame
    machines: Machines


def study(seed: int = 0, people: int = 12, units: int = 24, scored: int = 150) -> Predicted:
    """`scored` units, of which people judge the first; the machine `ideal` is always right and has no evidence."""
    rng = np.random.default_rng(seed)
    frame = simulate.trials(people, units, list(LEVEL), rng).assign(observer="participants")
    level = {(unit, name): rng.standard_normal() for unit in frame["unit"].unique() for name in LEVEL}
    places = list(zip(frame["unit"], frame["condition"], strict=True))
    felt = frame["condition"].map(LEVEL) + CONTRAST * np.array([level[place] for place in places])
    felt = felt.to_numpy() + 0.2 * rng.standard_normal(len(frame))
    answers = [simulate.answer(frame, rng.random(len(frame)) < expit(ALPHA * felt), rng)]
    evidence, scores = [], []
    for name, noise in NOISE.items():
        seen = felt + noise * rng.standard_normal(len(frame))
        evidence.append(pd.DataFrame({"observer": name, "trial_id": frame["trial_id"], "evidence": seen}))
        answers.append(machine(simulate.answer(frame, seen > 0, rng), name))
    answers.append(machine(simulate.answer(frame, np.ones(len(frame), dtype=bool), rng), "ideal"))
    judged = list(frame.drop_duplicates("unit")[["unit", "layer"]].itertuples(index=False, name=None))
    layers = [layer for _, layer in judged]
    others = [(f"{layers[k % units]}:{1000 + k}", layers[k % units]) for k in range(scored - units)]
    for unit, layer in judged + others:
        for method in LEVEL:
            true = level.get((unit, method), rng.standard_normal())
            for name, noise in NOISE.items():
                share = expit(1 + true + 3 * noise * rng.standard_normal())
                right = rng.binomial(20, share) / 20
                scores.append(score(unit, layer, method, name, right, share))
    return Predicted(
        pd.concat(answers, ignore_index=True),
        Machines(EVIDENCE.frame(pd.concat(evidence, ignore_index=True)), SCORES.frame(scores)),
    )


def machine(answers: pd.DataFrame, name: str) -> pd.DataFrame:
    return answers.assign(observer=name, observer_kind="machine", rt_ms=np.nan)


def score(unit: str, layer: str, method: str, observer: str, accuracy: float, value: float, **other) -> dict:
    row = {
        "unit": unit, "layer": layer, "method": method, "references": 9, "difficulty": "", "observer": observer,
        "null": "", "accuracy": accuracy, "score": value, "score_sd": 0.0, "evidence": value, "n_tasks": 20,
        "low": 0.0, "high": 1.0,
    }  # fmt: skip
    return row | {"predicted": np.nan} | other
