"""Observers of occlusion queries that look at the covered patch alone, and at no explanation.

They are baselines of Zimmermann et al. (NeurIPS 2021): an explanation that helps must lead to better answers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from exemplum import queries
from exemplum.observers.observer import UnableError, answer, coin, graded
from exemplum.queries import OCCLUSION
from exemplum.records import Response, Side, Trial
from exemplum.study import Study


class OcclusionCue:
    """Chooses the copy with the greater cue, a number that is known of the covered patch.

    Trials of other queries, as catch trials are, are decided by a coin toss, with confidence 1. Otherwise confidence is
    the third of the difference of the cues over the study's pairs that the trial belongs to.

    >>> cue = OcclusionCue("centre", {"a": 30.0, "b": 10.0}, thresholds=(5.0, 25.0))
    >>> from exemplum.records import make_trial
    >>> given = cue.respond(make_trial("mixed4a:30", queries=("a", "b")), np.random.default_rng(0))
    >>> str(given.choice), given.confidence
    ('top', 2)
    """

    def __init__(self, name: str, cues: Mapping[str, float], thresholds: tuple[float, float] = (0.0, 0.0)) -> None:
        """`cues`: path of a query → the cue of its patch."""
        self.name, self.cues, self.thresholds = name, cues, thresholds

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        top, bottom = (self.cues.get(trial.queries[side]) for side in (Side.TOP, Side.BOTTOM))
        if top is None or bottom is None:
            return Response(trial.trial_id, self.name, coin(rng), 1)
        return answer(self.name, trial, top - bottom, graded(abs(top - bottom), self.thresholds), rng)


def centre(study: Study) -> OcclusionCue:
    """The copy that is covered farther from the image's centre, where the object of a photograph tends to be."""
    return _observer("centre", study, _distance)


def variance(study: Study) -> OcclusionCue:
    """The copy whose patch covers less contrast: pixels of a smaller standard deviation."""
    return _observer("variance", study, lambda patch, _facts: -float(patch["deviation"]))


def _distance(patch: Mapping[str, Any], facts: Mapping[str, Any]) -> float:
    """Pixels from the centre of a patch to that of the image."""
    middle = (facts["size"] - facts["patch"]) / 2
    return math.hypot(patch["top"] - middle, patch["left"] - middle)


Cue = Callable[[Mapping[str, Any], Mapping[str, Any]], float]  # of a patch, and of everything known of its pair


def _observer(name: str, study: Study, cue: Cue) -> OcclusionCue:
    """Raises UnableError if the study has no occlusion queries."""
    table = queries.load(study)[1]
    table = table[table["source"] == OCCLUSION]
    if table.empty:
        raise UnableError(
            f"{name} compares the covered patches of occlusion queries, and the study has none; add [queries.occlusion]"
        )
    cues: dict[str, float] = {}
    differences = []
    for most, least, text in table[["query_max", "query_min", "facts"]].itertuples(index=False, name=None):
        facts = json.loads(text)
        cues |= {most: cue(facts["max"], facts), least: cue(facts["min"], facts)}
        differences.append(abs(cues[most] - cues[least]))
    low, high = np.quantile(differences, [1 / 3, 2 / 3])
    return OcclusionCue(name, cues, (float(low), float(high)))
