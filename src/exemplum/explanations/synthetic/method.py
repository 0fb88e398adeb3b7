"""Synthetic pictures as an explanation method of a study, made here or by the workers of a cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from exemplum import store
from exemplum.explanations.request import Request
from exemplum.explanations.synthetic import SyntheticSection, diversity, scheduler
from exemplum.explanations.synthetic.diversity import Wanted, weighted
from exemplum.explanations.synthetic.recipes import Recipe, recipe
from exemplum.explanations.synthetic.scheduler import OptimizedPictures, Setup
from exemplum.index import ActivationIndex
from exemplum.records import Picture, Pole, Unit
from exemplum.runtime import Cluster, track

POINTS = 64  # steps of each picture whose objective is kept in the table of traces, evenly spaced


def pictures(request: Request) -> Iterator[Picture]:
    """Optimized pictures of both poles of every unit; snapshots are saved in `request.folder / UNIT / steps`."""
    settings, section = request.settings, request.settings.synthetic
    chosen = configured(section, request.model.input_size, request.most)
    setup = Setup(
        request.model, settings.relu, settings.objective, section.precision, settings.seed,
        request.folder, section.snapshots,
    )  # fmt: skip
    make = partial(spread, Cluster(request.ray)) if request.ray else diversity.weighted
    for made in make(setup, request.units, list(Pole), chosen, section.diversity, request.index):
        for position in range(request.most):
            yield Picture(made.job.unit, made.job.pole, position, made.images[position], facts=_facts(made, position))


def configured(section: SyntheticSection, input_size: int, images: int) -> Recipe:
    """The recipe that the settings name, for the model's input size and as many pictures as the study shows."""
    chosen = recipe(section.recipe).at(section.size or input_size).with_(images=images)
    return chosen.with_(steps=section.steps) if section.steps else chosen


def _facts(made: OptimizedPictures, position: int) -> dict[str, object]:
    job = made.job
    last = made.updates - 1
    steps = [step for step in range(made.updates) if step % max(1, made.updates // POINTS) == 0 or step == last]
    return {
        "recipe": job.recipe.name, "recipe_hash": job.recipe.digest, "seed": str(job.image_seed(position)),
        "diversity": job.weight, "updates": made.updates, "stopped": made.stopped,
        "steps": steps, "scores": [round(float(score), 6) for score in made.scores[steps, position]],
    }  # fmt: skip


@dataclass(frozen=True)
class WorkerResult:
    """The results of a worker: pictures, and the content of snapshots by their path in the folder."""

    made: list[OptimizedPictures]
    snapshots: dict[str, bytes]


def spread(
    cluster: Cluster, setup: Setup, units: Sequence[Unit], poles: Sequence[Pole], recipe: Recipe, wanted: Wanted,
    index: ActivationIndex | None,
) -> Iterator[OptimizedPictures]:  # fmt: skip
    """As `diversity.weighted`, on a cluster. A task has units of one layer; if a worker dies, its task is repeated."""
    make = partial(
        weighted, poles=tuple(poles), recipe=recipe, wanted=wanted, index=index.without_images() if index else None
    )
    images = len(poles) * recipe.images * recipe.views
    fill = max(1, scheduler.MOST["cuda" if cluster.has_gpus else "cpu"] // images)
    shares = list(_shares(units, min(fill, -(-len(units) // max(1, cluster.workers)))))
    away = replace(setup, folder=None)  # workers may not share this disk
    steps = recipe.updates * recipe.images
    with track("synthesis", len(units) * len(poles) * steps, "image-steps") as advance:
        for share in cluster.spread(partial(_Worker, away, make), shares):
            for path, content in share.snapshots.items():
                if setup.folder:
                    _write(setup.folder / path, content)
            advance(len(share.made) * steps)
            yield from share.made


class _Worker:
    """Makes the pictures of a share of the units."""

    def __init__(self, setup: Setup, make: Callable[[Setup, Sequence[Unit]], Iterator[OptimizedPictures]]):
        self.setup, self.make = setup, make

    def __call__(self, units: Sequence[Unit]) -> WorkerResult:
        with tempfile.TemporaryDirectory() as folder:
            made = list(self.make(replace(self.setup, folder=Path(folder)), units))
            kept = {
                path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("steps/*.png")
            }
        return WorkerResult(made, kept)


def _shares(units: Sequence[Unit], size: int) -> Iterator[list[Unit]]:
    """Units of a layer, `size` at a time."""
    by_layer = sorted(units, key=lambda unit: unit.layer)  # stable
    for _, group in groupby(by_layer, key=lambda unit: unit.layer):
        own = list(group)
        yield from (own[start : start + size] for start in range(0, len(own), size))


def _write(path: Path, content: bytes) -> None:
    with store.atomic(path, sync=False) as temporary:
        temporary.write_bytes(content)
