"""How long optimized pictures will take, from a few steps of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from exemplum.explanations.synthetic.optimization import Batch, Cohort, Job
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.explanations.synthetic.scheduler import Setup
from exemplum.explanations.synthetic.transforms import Crops
from exemplum.records import Pole, Unit
from exemplum.runtime import hardware

FEWEST = 4000  # image-steps times views below which pictures take hardly longer than a trial
TRIAL = 8  # views: images, or crops of one


def image_steps(recipe: Recipe, units: int) -> int:
    """Updates of all pictures of both poles; a recipe that searches its diversity weight repeats them."""
    return len(Pole) * units * recipe.images * recipe.updates * max(1, recipe.searches)


def seconds(setup: Setup, layers: Mapping[str, int], recipe: Recipe) -> float:
    """Seconds that the pictures of both poles take, for this number of units of each layer; NaN for a few.

    layers: in the order of execution. The first and the last are tried; those between are taken to lie on a line.
    """
    total = sum(layers.values())
    if image_steps(recipe, total) * recipe.views < FEWEST:
        return float("nan")
    names = list(layers)
    first = _per_image(setup, names[0], recipe)
    last = _per_image(setup, names[-1], recipe) if len(names) > 1 else first
    places = [place / max(1, len(names) - 1) for place in range(len(names))]
    per_image = sum(
        count * (first + place * (last - first)) for place, count in zip(places, layers.values(), strict=True)
    )
    return image_steps(recipe, total) * per_image / total


def _per_image(setup: Setup, layer: str, recipe: Recipe) -> float:
    """Seconds per image and step, after the first step, which allocates memory."""
    crops = tuple(replace(t, count=min(t.count, TRIAL)) if isinstance(t, Crops) else t for t in recipe.transforms)
    trial = recipe.with_(transforms=crops, redirected_steps=0)
    trial = trial.with_(images=TRIAL // trial.views)
    job = Job(Unit(layer, 0), Pole.MAX, trial, setup.seed, setup.objective)
    device = hardware.device()
    dtype = hardware.dtype(setup.precision, device)
    reader = setup.model.reader(sorted(job.target().layers), relu=setup.relu, dtype=dtype, device=device)
    batch = Batch(reader, [Cohort([job], setup.model.channels, setup.seed, device)])
    batch.update()
    began = time.monotonic()
    batch.update()
    return (time.monotonic() - began) / (trial.images * trial.views) * recipe.views
