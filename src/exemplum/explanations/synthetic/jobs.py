"""A job: the pictures of one unit and pole, which are made together because diversity couples them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from exemplum import store
from exemplum.explanations.synthetic import objectives
from exemplum.explanations.synthetic.objectives import Objective
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.records import Pole, Unit


@dataclass(frozen=True)
class Job:
    """The pictures of a unit and pole by a recipe. Its seed fixes each picture's start, whatever batch it falls in."""

    unit: Unit
    pole: Pole
    recipe: Recipe
    seed: int
    objective: str = "channel"  # channel or neuron
    diversity: float | None = None  # weight of the pictures' likeness; the recipe's own if not given

    @property
    def name(self) -> str:
        return f"{self.unit} {self.pole}"

    def digest(self, model: str) -> str:
        """Hash of all that decides the pictures, given the model's fingerprint."""
        return store.digest(
            model, str(self.unit), self.pole, self.recipe.digest, self.seed, self.objective, self.weight
        )

    def target(self) -> Objective:
        """The unit's activation, negated for the minimal pole, less the weighted likeness of the pictures."""
        unit = objectives.neuron(self.unit) if self.objective == "neuron" else objectives.channel(self.unit)
        target = unit if self.pole is Pole.MAX else -unit
        if self.weight and self.recipe.images > 1:
            target = target - self.weight * objectives.diversity(self.unit.layer, self.recipe.views)
        return target

    @property
    def weight(self) -> float:
        return self.recipe.diversity if self.diversity is None else self.diversity

    def image_seed(self, position: int) -> int:
        """Seed of one picture's start, below 2⁶³."""
        return int(store.digest(self.seed, str(self.unit), self.pole, position), 16) >> 1

    def generators(self) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(self.image_seed(position)) for position in range(self.recipe.images)]
