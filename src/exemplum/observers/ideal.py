"""The ceiling: an observer that reads the unit's own activations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exemplum.observers.base import ObserverError, UnableError, answer, graded
from exemplum.records import Response, Side, Trial
from exemplum.study import Study
from exemplum.tables import STIMULI

# of the unit's spread: below half of it unsure, from the whole on sure
THRESHOLDS = (0.5, 1.0)


class Ideal:
    """Chooses the query that activates the unit more.

    Confidence grades the difference of the two activations in units of the spread of the unit: mean activation of its
    natural images of pole max less that of pole min. Below 0.5: confidence 1; below 1: 2; else 3. Equal activations
    are decided by a coin.
    """

    name = "ideal"

    def __init__(self, stimuli: pd.DataFrame) -> None:
        """`stimuli`: a STIMULI table. Raises UnableError if it has no activations (a study of finished stimuli)."""
        if stimuli["activation"].isna().all():
            raise UnableError("ideal needs the units' activations, and stimuli made elsewhere come without a network")
        columns = ["unit", "path", "activation"]
        rows = stimuli[columns].itertuples(index=False, name=None)
        self.activation = {(unit, path): activation for unit, path, activation in rows}
        natural = stimuli[stimuli["method"] == "natural"]
        means = natural.groupby(["unit", "pole"])["activation"].mean().unstack()
        self.spread = (means["max"] - means["min"]).to_dict()

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        """Raises ObserverError naming an image whose activation is not known."""
        unit = str(trial.unit.unit)
        top, bottom = (self._activation(unit, trial.queries[side]) for side in (Side.TOP, Side.BOTTOM))
        spread = self.spread.get(unit, np.nan)
        strength = abs(top - bottom) / spread if spread > 0 else 0.0
        return answer(self.name, trial, top - bottom, graded(strength, THRESHOLDS), rng)

    def _activation(self, unit: str, path: str) -> float:
        activation = self.activation.get((unit, path), np.nan)
        if np.isnan(activation):
            raise ObserverError(f"ideal cannot answer: the activation of {unit} for {path} is not known")
        return activation


def ideal(study: Study) -> Ideal:
    return Ideal(STIMULI.read(study.stage("explanations") / "stimuli.parquet"))
