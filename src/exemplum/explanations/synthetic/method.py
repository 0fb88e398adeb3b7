"""Synthetic pictures as an explanation method of a study."""

from __future__ import annotations

from collections.abc import Iterator

from exemplum.explanations.base import Picture, Request
from exemplum.explanations.synthetic import weighting
from exemplum.explanations.synthetic.jobs import Job
from exemplum.explanations.synthetic.making import Made, optimize
from exemplum.explanations.synthetic.recipes import Recipe, recipe
from exemplum.records import Pole


def pictures(request: Request) -> Iterator[Picture]:
    """Optimized pictures of both poles of every unit; snapshots lie under `request.folder / UNIT / steps`."""
    config, chosen = request.config, configured(request)
    jobs = [
        Job(unit, pole, chosen, config.seed, config.index.objective, weight)
        for unit in request.units
        for weight in [weighting.diversity(config.synthetic.diversity, request.model, request.index, unit, chosen)]
        for pole in Pole
    ]
    made = optimize(
        request.model, jobs, relu=config.index.relu, precision=config.synthetic.precision, seed=config.seed,
        folder=request.folder, snapshots=config.synthetic.snapshots,
    )  # fmt: skip
    for job in made:
        for position in range(request.most):
            yield Picture(job.job.unit, job.job.pole, position, job.images[position], facts=_facts(job, position))


def configured(request: Request) -> Recipe:
    """The recipe of [synthetic], at the model's size and for as many pictures as the study shows."""
    section = request.config.synthetic
    chosen = recipe(section.recipe).at(section.size or request.model.input_size).with_(images=request.most)
    return chosen.with_(steps=section.steps) if section.steps else chosen


def _facts(made: Made, position: int) -> dict[str, object]:
    job = made.job
    return {
        "recipe": job.recipe.name, "recipe_hash": job.recipe.digest, "seed": str(job.image_seed(position)),
        "updates": job.recipe.updates, "stopped": made.stopped,
        "steps": made.steps, "scores": [round(float(score), 6) for score in made.scores[:, position]],
    }  # fmt: skip
