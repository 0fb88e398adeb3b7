"""Synthetic pictures as an explanation method of a study."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from exemplum.cluster import Cluster
from exemplum.explanations.base import Picture, Request
from exemplum.explanations.synthetic import weighting
from exemplum.explanations.synthetic.making import Made, Setup
from exemplum.explanations.synthetic.recipes import Recipe, recipe
from exemplum.explanations.synthetic.spreading import spread
from exemplum.records import Pole

POINTS = 64  # of a picture's objective that the study's table keeps, spread over its steps


def pictures(request: Request) -> Iterator[Picture]:
    """Optimized pictures of both poles of every unit; snapshots lie under `request.folder / UNIT / steps`."""
    config, chosen = request.config, configured(request)
    setup = Setup(
        request.model, config.index.relu, config.index.objective, config.synthetic.precision, config.seed,
        request.folder, config.synthetic.snapshots,
    )  # fmt: skip
    make = partial(spread, Cluster(request.ray)) if request.ray else weighting.weighted
    for made in make(setup, request.units, list(Pole), chosen, config.synthetic.diversity, request.index):
        for position in range(request.most):
            yield Picture(made.job.unit, made.job.pole, position, made.images[position], facts=_facts(made, position))


def configured(request: Request) -> Recipe:
    """The recipe of [synthetic], at the model's size and for as many pictures as the study shows."""
    section = request.config.synthetic
    chosen = recipe(section.recipe).at(section.size or request.model.input_size).with_(images=request.most)
    return chosen.with_(steps=section.steps) if section.steps else chosen


def _facts(made: Made, position: int) -> dict[str, object]:
    job = made.job
    last = made.updates - 1
    steps = [step for step in range(made.updates) if step % max(1, made.updates // POINTS) == 0 or step == last]
    return {
        "recipe": job.recipe.name, "recipe_hash": job.recipe.digest, "seed": str(job.image_seed(position)),
        "diversity": job.weight, "updates": made.updates, "stopped": made.stopped,
        "steps": steps, "scores": [round(float(score), 6) for score in made.scores[steps, position]],
    }  # fmt: skip
