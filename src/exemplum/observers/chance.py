"""The floor: a fair coin, with a confidence that says nothing."""

from __future__ import annotations

import numpy as np

from exemplum.observers.base import coin
from exemplum.records import Response, Trial
from exemplum.study import Study


class Chance:
    """Answers every trial at random; confidence 1, 2 or 3, each as likely."""

    name = "chance"

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        return Response(trial.trial_id, self.name, coin(rng), int(rng.integers(1, 4)))


def chance(_study: Study) -> Chance:
    return Chance()
