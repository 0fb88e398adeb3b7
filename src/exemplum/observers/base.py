"""What an observer is: anything with a name that answers a trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from exemplum.errors import UserError
from exemplum.records import Response, Side, Trial
from exemplum.study import Study


class ObserverError(UserError):
    """An observer cannot answer, or there is none of this name."""


class UnableError(ObserverError):
    """This study lacks what the observer needs; the others can go on without it."""


class Observer(Protocol):
    """Answers trials. A trial holds its truth (`max_side`, kind, poles of the queries) for observers that simulate an
    answer or bound it; one that measures an explanation uses nothing but the images as they stand on the screen."""

    name: str

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        """One choice with confidence 1 to 3. All chance is drawn from `rng`."""
        ...


ObserverFactory = Callable[[Study], Observer]  # what a name in the registry or an entry point gives


def answer(name: str, trial: Trial, evidence: float, confidence: int, rng: np.random.Generator) -> Response:
    """The answer of an observer whose evidence speaks for the top above 0, for the bottom below; a fair coin at 0."""
    side = coin(rng) if evidence == 0 else Side.TOP if evidence > 0 else Side.BOTTOM
    return Response(trial.trial_id, name, side, confidence)


def coin(rng: np.random.Generator) -> Side:
    return Side.TOP if rng.random() < 0.5 else Side.BOTTOM


def graded(strength: float, thresholds: tuple[float, float]) -> int:
    """Confidence 1 below the first threshold, 2 up to the second, 3 from there on."""
    return 1 + sum(strength >= threshold for threshold in thresholds)
