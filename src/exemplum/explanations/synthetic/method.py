"""Synthetic pictures as an explanation method: jobs by layer, in batches, kept on disk as they finish."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exemplum import store
from exemplum.explanations.base import Picture, Request
from exemplum.explanations.synthetic.jobs import Job
from exemplum.explanations.synthetic.optimize import Batch
from exemplum.explanations.synthetic.precision import dtype
from exemplum.explanations.synthetic.recipes import Recipe, recipe
from exemplum.models import Model
from exemplum.progress import track
from exemplum.records import Pole, Unit
from exemplum.study import Config

LOGS = 64  # points of the objective's trace, spread over the steps
CHECKPOINT_S = 30.0
LUCID_SPAN = 255  # inputs of Lucid's InceptionV1 lie in −117 … 138
# Chosen on the embedded network: pictures differ, and still lie beyond the best exemplar (docs/synthesis.md)
SPREAD = 3.0
BATCH_IMAGES = 40  # images optimized side by side


@dataclass(frozen=True)
class Made:
    """The finished pictures of a job."""

    job: Job
    images: np.ndarray  # uint8 (images, size, size, 3)
    steps: list[int]  # steps whose score was logged
    scores: np.ndarray  # (steps, images): the objective before that step's update
    stopped: str  # why: steps


def pictures(request: Request) -> Iterator[Picture]:
    """Optimized pictures of both poles of every unit; snapshots lie under `request.folder / UNIT / steps`."""
    chosen = configured(request.config, request.model, request.most)
    jobs = [
        Job(unit, pole, chosen, request.config.seed, request.config.index.objective, weight)
        for unit in request.units
        for weight in [diversity(request, unit, chosen)]
        for pole in Pole
    ]
    for made in optimize(request.model, jobs, request.config, request.folder):
        for position in range(request.most):
            yield Picture(made.job.unit, made.job.pole, position, made.images[position], facts=_facts(made, position))


def configured(config: Config, model: Model, images: int) -> Recipe:
    """The recipe of [synthetic], at the model's size and for as many pictures as the study shows."""
    section = config.synthetic
    chosen = recipe(section.recipe).at(section.size or model.input_size)
    changes = {"images": images} | ({"steps": section.steps} if section.steps else {})
    return chosen.with_(**changes)


def diversity(request: Request, unit: Unit, chosen: Recipe) -> float:
    """The weight of the likeness of a unit's pictures, in units of activation.

    Lucid's weight of 100 suits Lucid's InceptionV1, whose inputs span 255 grey levels and whose activations are as much
    larger. `spread` takes SPREAD standard deviations of the unit over the corpus for a picture just like all others.
    """
    wanted = request.config.synthetic.diversity
    if not isinstance(wanted, str):
        return wanted
    span = 1 / max(request.model.preprocessing.std)  # of the inputs from black to white
    if wanted == "recipe" or (wanted == "auto" and span > LUCID_SPAN / 2) or not chosen.diversity:
        return chosen.diversity
    std = float(request.index.units.iloc[request.index.row(unit)]["std"])
    return SPREAD * std / max(1, chosen.images - 1)


def optimize(model: Model, jobs: Sequence[Job], config: Config, folder: Path | None = None) -> Iterator[Made]:
    """Make the pictures of all jobs, batch by batch; jobs of one layer and recipe share batches.

    With a folder, the state of the batch at work is kept there, and a run that was stopped goes on from it.
    """
    batches = list(_batches(jobs))
    total = sum(len(batch) * batch[0].recipe.images * batch[0].recipe.updates for batch in batches)
    with track("synthesis", total, "image-steps") as advance:
        for batch in batches:
            yield from _run(model, batch, config, folder, advance)


def _batches(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    alike: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        alike.setdefault((job.unit.layer, job.recipe.digest), []).append(job)
    for group in alike.values():
        # both poles of a unit stay in one batch, so that units finish whole
        size = max(1, BATCH_IMAGES // (2 * group[0].recipe.images)) * 2
        yield from (group[start : start + size] for start in range(0, len(group), size))


def _run(
    model: Model, jobs: list[Job], config: Config, folder: Path | None, advance: Callable[[int], None]
) -> Iterator[Made]:
    chosen, layer = jobs[0].recipe, jobs[0].unit.layer
    reader = model.reader([layer], relu=config.index.relu, dtype=dtype(config.synthetic.precision))
    batch = Batch(jobs, reader, model.channels, config.seed)
    partial = folder / "partial.pt" if folder else None
    key = store.digest(model.fingerprint, config.index.relu, [job.digest(model.fingerprint) for job in jobs])
    if partial:
        batch.resume(partial, key)
    images = len(jobs) * chosen.images
    advance(batch.step * images)
    done, saved = batch.step, time.monotonic()

    def on_log(step: int) -> None:
        nonlocal done, saved
        advance((step - done) * images)
        done = step
        if partial and time.monotonic() - saved > CHECKPOINT_S:
            batch.save(partial, key)
            saved = time.monotonic()

    def on_snapshot(step: int, shown: np.ndarray) -> None:
        for job, mine in zip(jobs, np.split(shown, len(jobs)), strict=True):
            for position, image in enumerate(mine):
                store.write_png(snapshot(folder, job.unit, job.pole, position, step), image) if folder else None

    batch.run(max(1, chosen.updates // LOGS), config.synthetic.snapshots, on_snapshot, on_log)
    finished, scores = batch.pictures(), np.stack(batch.trace)
    for place, job in enumerate(jobs):
        mine = slice(place * chosen.images, (place + 1) * chosen.images)
        yield Made(job, finished[mine], batch.logged, scores[:, mine], "steps")
    if partial:
        partial.unlink(missing_ok=True)


def snapshot(folder: Path, unit: Unit, pole: Pole, position: int, step: int) -> Path:
    """Where the picture of a step is kept."""
    return folder / unit.slug / "steps" / f"{pole}_{position}_step{step:05d}.png"


def _facts(made: Made, position: int) -> dict[str, object]:
    job = made.job
    return {
        "recipe": job.recipe.name, "recipe_hash": job.recipe.digest, "seed": str(job.image_seed(position)),
        "updates": job.recipe.updates, "stopped": made.stopped,
        "steps": made.steps, "scores": [round(float(score), 6) for score in made.scores[:, position]],
    }  # fmt: skip
