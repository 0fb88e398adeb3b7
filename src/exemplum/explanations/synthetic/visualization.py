"""Feature visualizations in one call, outside of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from exemplum.explanations.synthetic.diversity import weighted
from exemplum.explanations.synthetic.recipes import Recipe, recipe as named
from exemplum.explanations.synthetic.scheduler import Clean, Made, Setup
from exemplum.index import ActivationIndex
from exemplum.models import Model
from exemplum.records import Pole, Unit


@dataclass(frozen=True)
class Visualization:
    """One optimized picture and what it does to its unit."""

    unit: Unit
    pole: Pole
    position: int
    image: np.ndarray  # uint8 (size, size, channels)
    activation: float  # of its unit, in float32, on the finished picture
    percentile: float  # share of the index's images with a lower activation; NaN without an index
    margin: float  # beyond the best exemplar, in standard deviations of the corpus; NaN without an index
    scores: np.ndarray  # float32 (updates,): the objective before each update, under that step's random geometry
    stopped: str  # why: steps (all were done) or plateau
    seed: int
    recipe_hash: str  # of all that the recipe says
    diversity: float  # weight of the likeness of the unit's pictures, in units of activation

    @property
    def updates(self) -> int:
        return len(self.scores)


def visualize(
    model: Model,
    units: Sequence[Unit],
    recipe: str | Recipe = "borowski2021",
    *,
    index: ActivationIndex | None = None,
    poles: Sequence[Pole] = (Pole.MAX, Pole.MIN),
    images: int | None = None,
    steps: int | None = None,
    size: int | None = None,
    diversity: float | Literal["auto", "recipe", "spread"] = "auto",
    objective: Literal["channel", "neuron"] = "channel",
    relu: Literal["before", "after"] = "before",
    precision: str = "auto",
    seed: int = 0,
) -> list[Visualization]:
    """Make pictures of both poles of units by a recipe, its name or its TOML file; what is not given is the recipe's.

    With an index each picture knows its percentile and margin. Without one, `diversity="auto"` takes the recipe's
    weight (docs/synthesis.md). Raises UserError for an unknown recipe or layer.
    """
    chosen = named(recipe).at(size or model.input_size)
    changes = {"images": images, "steps": steps}
    chosen = chosen.with_(**{name: value for name, value in changes.items() if value is not None})
    setup = Setup(model, relu, objective, precision, seed)
    clean, found = Clean(setup), []
    for made in weighted(setup, units, poles, chosen, diversity, index):
        for position, (image, value) in enumerate(zip(made.images, clean.activations(made), strict=True)):
            found.append(_visualization(made, position, image, value, index))
    return found


def _visualization(
    made: Made, position: int, image: np.ndarray, activation: float, index: ActivationIndex | None
) -> Visualization:
    job = made.job
    return Visualization(
        job.unit, job.pole, position, image, activation,
        percentile=index.percentile(job.unit, activation) if index else float("nan"),
        margin=index.beyond(job.unit, job.pole, activation) if index else float("nan"),
        scores=made.scores[:, position], stopped=made.stopped, seed=job.image_seed(position),
        recipe_hash=job.recipe.digest, diversity=job.weight,
    )  # fmt: skip
