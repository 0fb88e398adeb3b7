"""A simulated person of known accuracy: equal-variance signal detection with bias, lapses and reaction times.

In a trial with sensitivity d′ the difference of the two queries' evidence, top less bottom, is D ~ N(±d′, 2), + where
the maximal query is on top. Top is chosen if D > −bias, so without bias a share Φ(d′/√2) is right (Macmillan & Creelman
2005, ch. 7). In a share `lapse` of trials the choice is a coin and the confidence any. Known truth, for tests of the
analysis and for planning studies.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtri  # Φ⁻¹

from exemplum.design.order import generator
from exemplum.observers.base import ObserverError, answer, coin, graded
from exemplum.records import Response, Side, Trial, TrialKind
from exemplum.study import SimulatedSection, Study

SQRT2 = 2**0.5
# of |D + bias| in d′ units: about a third of the trials in each class at 82 % right
THRESHOLDS = (1.0, 2.0)
FASTER = 0.2  # of ln RT: a step of confidence shortens the reaction time by about a fifth
ABILITY = 2  # spawn key of the draw that makes one participant better than another


class Simulated:
    """Answers as a person of given accuracy would.

    `accuracy` of a trial is looked up by `catch` (for catch trials), by condition and scheme (`natural Max-1`), then by
    condition. Participants differ in d′ by N(0, spread²), the same for all conditions of one. Confidence grades
    |D + bias|. ln RT ~ N(ln rt_median_ms − 0.2·(confidence − 2), rt_sigma²): confident answers, so right ones, are
    faster.
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
            f"add it to [observers.simulated.accuracy] in study.toml (there: {', '.join(self.section.accuracy)})"
        )

    def _rt_ms(self, confidence: int, rng: np.random.Generator) -> float:
        location = np.log(self.section.rt_median_ms) - FASTER * (confidence - 2)
        return float(np.exp(rng.normal(location, self.section.rt_sigma)))


def simulated(study: Study) -> Simulated:
    return Simulated(study.config.observers.simulated, study.config.seed)
