"""An observer that looks: it chooses the query that is more like the maximal and less like the minimal references.

The decision is that of the machine interpretability score (Zimmermann, Klein & Brendel 2024): with s(q, E) the mean
similarity of a query to the references of a pole,

    Δ = [s(top, E⁺) − s(top, E⁻)] − [s(bottom, E⁺) − s(bottom, E⁻)]

and top is chosen if Δ > 0. Terms of a pole that is not shown drop out. The score's σ(αΔ) would not change any choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from exemplum import design
from exemplum.observers.base import answer, coin, graded
from exemplum.observers.features import Features, features
from exemplum.records import Response, Side, Trial
from exemplum.study import Study


class Similarity:
    """Compares pictures by the features of a network.

    Trials without references are decided by a coin, with confidence 1. Confidence elsewhere is the third of |Δ| over
    `calibration` (the trials of the design) in which the trial falls: it ranks trials of one study, not studies.
    """

    name = "similarity"

    def __init__(self, features: Features, calibration: Iterable[Trial] = ()) -> None:
        self.features = features
        strengths = [abs(self.evidence(trial)) for trial in calibration if any(trial.references)]
        low, high = np.quantile(strengths, [1 / 3, 2 / 3]) if strengths else (0.0, 0.0)
        self.thresholds = (float(low), float(high))

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        if not any(trial.references):
            return Response(trial.trial_id, self.name, coin(rng), 1)
        evidence = self.evidence(trial)
        return answer(self.name, trial, evidence, graded(abs(evidence), self.thresholds), rng)

    def evidence(self, trial: Trial) -> float:
        """Δ: above 0 speaks for the top. Which query is the right one is not looked at."""
        layer = trial.unit.unit.layer
        top, bottom = (self._support(trial, trial.queries[side], layer) for side in (Side.TOP, Side.BOTTOM))
        return top - bottom

    def _support(self, trial: Trial, query: str, layer: str) -> float:
        like_max = self._likeness(query, trial.references.max, layer)
        return like_max - self._likeness(query, trial.references.min, layer)

    def _likeness(self, query: str, references: Sequence[str], layer: str) -> float:
        return self.features.similarity(query, references, without=layer) if references else 0.0


def similarity(study: Study) -> Similarity:
    trials = design.load(study).trials
    paths = {path for trial in trials for path in (*trial.references, trial.query_max, trial.query_min)}
    return Similarity(features(study, sorted(paths)), trials)
