"""What a machine's scores would add to a study that is planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from exemplum.analysis.machines.prediction_powered import Judged, Scored, powered
from exemplum.analysis.tests.difference import Difference, undefined
from exemplum.errors import UserError

Array = np.ndarray


@dataclass(frozen=True)
class Machine:
    """A machine that has scored units with both methods.

    correlation: of its difference in score with people's true difference of the same units in log odds, −1 to 1;
    scored: units, those that people judge among them.
    """

    correlation: float
    scored: int

    def __post_init__(self) -> None:
        if not -1 <= self.correlation <= 1:
            raise UserError(
                f"a correlation of {self.correlation:g} is impossible; give --machine-correlation from -1 to 1"
            )


class PlannedAnswers(Protocol):
    """Answers of a simulated study, (n,) each, and the true difference of each unit, (units,), standardized."""

    @property
    def right(self) -> Array: ...
    @property
    def person(self) -> Array: ...
    @property
    def unit(self) -> Array: ...
    @property
    def method(self) -> Array: ...
    @property
    def difficulty(self) -> Array: ...
    @property
    def gap(self) -> Array: ...


def powered_difference(answers: PlannedAnswers, machine: Machine, rng: np.random.Generator) -> Difference:
    """The prediction-powered difference of a simulated study, with a score drawn for every unit.

    Over the units (at a difficulty) that were answered with both methods; undefined if there is none.
    """
    noise = np.sqrt(1 - machine.correlation**2)
    score = machine.correlation * answers.gap + noise * rng.standard_normal(len(answers.gap))
    everyone = np.concatenate([score, rng.standard_normal(machine.scored - len(score))])
    code = answers.unit * (int(answers.difficulty.max()) + 1) + answers.difficulty
    both = np.isin(code, np.intersect1d(code[answers.method], code[~answers.method]))
    if not both.any():
        return undefined(np.nan, 0, 0)
    items, item = np.unique(code[both], return_inverse=True)
    unit, difficulty = np.divmod(items, int(answers.difficulty.max()) + 1)
    judged = Judged(
        answers.right[both].astype(float), np.unique(answers.person[both], return_inverse=True)[1], item,
        np.unique(unit, return_inverse=True)[1], np.unique(difficulty, return_inverse=True)[1], score[unit],
        answers.method[both],
    )  # fmt: skip
    scored = Scored(float(everyone.mean()), float(everyone.var(ddof=1)) / len(everyone), len(everyone))
    return powered(judged, scored).powered
