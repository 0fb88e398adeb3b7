"""Jobs become pictures, batch by batch, with the state of the batch at work kept on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from exemplum import store
from exemplum.explanations.synthetic.jobs import Job
from exemplum.explanations.synthetic.optimize import Batch
from exemplum.models import Model
from exemplum.models.hardware import dtype
from exemplum.progress import track
from exemplum.records import Pole, Unit

LOGS = 64  # points of the objective's trace, spread over the steps
CHECKPOINT_S = 30.0
BATCH_IMAGES = 40  # images optimized side by side


@dataclass(frozen=True)
class Made:
    """The finished pictures of a job."""

    job: Job
    images: np.ndarray  # uint8 (images, size, size, 3)
    steps: list[int]  # steps whose score was logged
    scores: np.ndarray  # (steps, images): the objective before that step's update
    stopped: str  # why: steps


@dataclass(frozen=True)
class Setup:
    """What all batches of a run share."""

    model: Model
    relu: Literal["before", "after"]
    precision: str
    seed: int  # of the geometry
    folder: Path | None
    snapshots: Sequence[int]

    @property
    def partial(self) -> Path | None:
        return self.folder / "partial.pt" if self.folder else None


def optimize(
    model: Model,
    jobs: Sequence[Job],
    *,
    relu: Literal["before", "after"] = "before",
    precision: str = "auto",
    seed: int = 0,
    folder: Path | None = None,
    snapshots: Sequence[int] = (),
) -> Iterator[Made]:
    """Make the pictures of all jobs; jobs of one layer and recipe share batches.

    With a folder, the state of the batch at work is kept there, so that a run that was stopped goes on from it, and the
    pictures after the steps of `snapshots`.
    """
    setup = Setup(model, relu, precision, seed, folder, snapshots)
    batches = list(_batches(jobs))
    total = sum(len(batch) * batch[0].recipe.images * batch[0].recipe.updates for batch in batches)
    with track("synthesis", total, "image-steps") as advance:
        for batch in batches:
            yield from _run(setup, batch, advance)


def snapshot(folder: Path, unit: Unit, pole: Pole, position: int, step: int) -> Path:
    """Where the picture of a step is kept."""
    return folder / unit.slug / "steps" / f"{pole}_{position}_step{step:05d}.png"


def _batches(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    alike: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        alike.setdefault((job.unit.layer, job.recipe.digest), []).append(job)
    for group in alike.values():
        # both poles of a unit stay in one batch, so that units finish whole
        size = max(1, BATCH_IMAGES // (2 * group[0].recipe.images)) * 2
        yield from (group[start : start + size] for start in range(0, len(group), size))


def _run(setup: Setup, jobs: list[Job], advance: Callable[[int], None]) -> Iterator[Made]:
    model, recipe = setup.model, jobs[0].recipe
    reader = model.reader([jobs[0].unit.layer], relu=setup.relu, dtype=dtype(setup.precision))
    batch = Batch(jobs, reader, model.channels, setup.seed)
    keeper = _Keeper(setup, batch, advance)
    batch.run(max(1, recipe.updates // LOGS), setup.snapshots, keeper.snapshot, keeper.log)
    finished, scores = batch.pictures(), np.stack(batch.trace)
    for place, job in enumerate(jobs):
        mine = slice(place * recipe.images, (place + 1) * recipe.images)
        yield Made(job, finished[mine], batch.logged, scores[:, mine], "steps")
    if setup.partial:
        setup.partial.unlink(missing_ok=True)


class _Keeper:
    """Keeps a batch's state and snapshots on disk while it runs, and tells how far it is."""

    def __init__(self, setup: Setup, batch: Batch, advance: Callable[[int], None]):
        self.setup, self.batch, self.advance = setup, batch, advance
        digests = [job.digest(setup.model.fingerprint) for job in batch.jobs]
        self.key = store.digest(setup.relu, setup.precision, setup.seed, digests)
        if setup.partial:
            batch.resume(setup.partial, self.key)
        self.told, self.saved = 0, time.monotonic()
        self.log(batch.step)

    def log(self, step: int) -> None:
        self.advance((step - self.told) * len(self.batch.numbers))
        self.told = step
        if self.setup.partial and time.monotonic() - self.saved > CHECKPOINT_S:
            self.batch.save(self.setup.partial, self.key)
            self.saved = time.monotonic()

    def snapshot(self, step: int, shown: np.ndarray) -> None:
        if not self.setup.folder:
            return
        for job, mine in zip(self.batch.jobs, np.split(shown, len(self.batch.jobs)), strict=True):
            for position, image in enumerate(mine):
                store.write_png(snapshot(self.setup.folder, job.unit, job.pole, position, step), image)
