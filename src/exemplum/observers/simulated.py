"""A simulated person of known accuracy: equal-variance signal detection with bias, lapses and reaction times.

In a trial with sensitivity d′ the difference of the two queries' evidence, top minus bottom, is D ~ N(±d′, 2), + where
the maximal query is on top. Top is chosen if D > −bias, so without bias a share Φ(d′/√2) is right (Macmillan & Creelman
2005, ch. 7). In a share `lapse` of trials choice and confidence are random. With known parameters, it serves to test
the analysis and to plan studies.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from exemplum.design import generator
from exemplum.errors import did_you_mean, shown
from exemplum.observers import SimulatedSection
from exemplum.observers.observer import ObserverError, answer, coin, graded
from exemplum.protocols import protocol
from exemplum.records import NONE, Response, Side, Trial, TrialKind
from exemplum.study import Study

SQRT2 = 2**0.5
SCHEME = re.compile(r"(Min-Max|Max)-[0-9]{1,4}")
# of |D + bias| in d′ units: about a third of the trials in each class at 82 % right
THRESHOLDS = (1.0, 2.0)
FASTER = 0.2  # of ln RT: a step of confidence shortens the reaction time by about a fifth
ABILITY = 2  # spawn key of participants' deviations in d′


class Simulated:
    """Answers as a person of given accuracy would.

    `accuracy` of a trial is looked up by `catch` (for catch trials), by condition and scheme (`natural Max-1`), then by
    condition. Participants differ in d′ by N(0, spread²), the same in all conditions of a participant. Confidence
    grades |D + bias|. ln RT ~ N(ln rt_median_ms − 0.2·(confidence − 2), rt_sigma²): confident answers, and so right
    ones, are faster.
    """

    name = "simulated"

    def __init__(self, section: SimulatedSection, seed: int) -> None:
        self.section = section
        self.seed = seed
        self._deviations: dict[int, float] = {}

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        """Raises ObserverError if no accuracy is given for the trial's condition."""
        given = self._answer(trial, rng)
        return replace(given, rt_ms=self._rt_ms(given.confidence, rng))

    def sensitivity(self, trial: Trial) -> float:
        """d′ of the trial's participant in its condition: √2 · Φ⁻¹(accuracy) and the participant's deviation."""
        return float(SQRT2 * ndtri(self._accuracy(trial))) + self._deviation(trial.participant)

    def _deviation(self, participant: int) -> float:
        if participant not in self._deviations:
            drawn = generator(self.seed, participant, ABILITY).normal(0, self.section.spread)
            self._deviations[participant] = float(drawn)
        return self._deviations[participant]

    def _answer(self, trial: Trial, rng: np.random.Generator) -> Response:
        if rng.random() < self.section.lapse:
            return Response(trial.trial_id, self.name, coin(rng), int(rng.integers(1, 4)))
        sign = 1 if trial.max_side is Side.TOP else -1
        difference = rng.normal(sign * self.sensitivity(trial), SQRT2) + self.section.bias
        return answer(self.name, trial, difference, graded(abs(difference), THRESHOLDS), rng)

    def _accuracy(self, trial: Trial) -> float:
        keys = [f"{trial.condition} {trial.scheme}", trial.condition]
        if trial.kind is TrialKind.CATCH:
            keys.insert(0, TrialKind.CATCH.value)
        for key in keys:
            if key in self.section.accuracy:
                return self.section.accuracy[key]
        raise ObserverError(
            f"the simulated observer has no accuracy for {trial.condition}; "
            f"add it to study.toml: [observers.simulated] accuracy (given: {', '.join(self.section.accuracy)})"
        )

    def _rt_ms(self, confidence: int, rng: np.random.Generator) -> float:
        location = np.log(self.section.rt_median_ms) - FASTER * (confidence - 2)
        return float(np.exp(rng.normal(location, self.section.rt_sigma)))


def check_accuracy(study: Study, must: bool) -> None:
    """Raise ObserverError for an accuracy of an unknown condition or, if all are required, for a missing one."""
    section = study.config.observers.simulated
    given = set(section.accuracy) if "accuracy" in section.model_fields_set else set()
    methods = _methods(study)
    plain = {*methods, NONE, TrialKind.CATCH.value}
    for name in sorted(given - plain):
        method, _, scheme = name.rpartition(" ")
        if method not in methods or not SCHEME.fullmatch(scheme):
            raise ObserverError(
                f"{shown(name)} is not a condition of the study{did_you_mean(name, sorted(plain))}; a scheme may "
                "follow a method, as in 'natural Max-1'"
            )
    shown_without = [NONE] if protocol(study.config.design.protocol).none_blocks else []
    for name in (*methods, *shown_without) if must else ():
        if not any(key == name or key.startswith(f"{name} ") for key in section.accuracy):
            raise ObserverError(f"there is no accuracy for {name!r}; add {name} = 0.8, for example")


def _methods(study: Study) -> list[str]:
    """The conditions with references."""
    if study.config.stimuli:
        return ["natural", "synthetic"]
    return [use.name for use in study.config.explanations.uses]


def simulated(study: Study) -> Simulated:
    return Simulated(study.config.observers.simulated, study.config.seed)
