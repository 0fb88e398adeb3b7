"""Run jobs: finished ones leave the batch, waiting ones enter, and the state of the batch is saved on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
import torch
from torch import Tensor

from exemplum import store
from exemplum.explanations.synthetic.objectives import IMAGES, Objective
from exemplum.explanations.synthetic.optimization import WITHOUT_UNIT, Batch, Cohort, Job, narrowed
from exemplum.index import Measurer
from exemplum.models import Model, Reader
from exemplum.records import Pole, Unit
from exemplum.runtime import hardware, track

CHECKPOINT_S = 30.0


@dataclass(frozen=True)
class OptimizedPictures:
    """The finished pictures of a job, with all that is known of how they came about.

    No list of Pictures: they are judged, and saved with the state of a run, together; and their scores are one array.
    """

    job: Job
    images: np.ndarray  # uint8 (images, size, size, channels)
    scores: np.ndarray  # float32 (updates, images): the objective before each update
    stopped: str  # steps (all were done) or plateau

    @property
    def updates(self) -> int:
        return len(self.scores)

    def packed(self) -> dict[str, Any]:
        """Everything but the job, as tensors and plain values."""
        images, scores = torch.from_numpy(self.images), torch.from_numpy(self.scores)
        return {"images": images, "scores": scores, "stopped": self.stopped}

    @classmethod
    def unpacked(cls, job: Job, kept: dict[str, Any]) -> OptimizedPictures:
        return cls(job, **{**kept, "images": kept["images"].cpu().numpy(), "scores": kept["scores"].cpu().numpy()})


@dataclass(frozen=True)
class Setup:
    """What all jobs of a run share."""

    model: Model
    relu: Literal["before", "after"] = "before"
    objective: str = "channel"
    precision: str = "auto"
    seed: int = 0  # the study's: for the starts of pictures, and for the geometry
    folder: Path | None = None  # where the state of the current batch and the snapshots are saved
    snapshots: Sequence[int] = ()  # steps after which pictures are saved too
    own: Callable[[Unit], Objective] | None = None  # the caller's objective of a unit, instead of its activation

    @property
    def key(self) -> str:
        return store.digest(self.relu, self.precision, self.seed)


def optimize(setup: Setup, jobs: Sequence[Job]) -> Iterator[OptimizedPictures]:
    """Make the pictures of all jobs; jobs of one layer and recipe share batches, and those of one unit leave together.

    A run with a folder continues from the state that a stopped run saved there.
    """
    alike: dict[tuple[frozenset[str], str], list[Job]] = {}
    for job in jobs:
        alike.setdefault((job.target().layers, job.recipe.digest), []).append(job)
    with track("synthesis", sum(job.recipe.images * job.recipe.updates for job in jobs), "image-steps") as advance:
        for group in alike.values():
            yield from _JobGroup(setup, group, advance).run()


def snapshot(folder: Path, unit: Unit, pole: Pole, position: int, step: int) -> Path:
    """Where the picture of a step is saved."""
    return folder / unit.slug / "steps" / f"{pole}_{position}_step{step:05d}.png"


class _JobGroup:
    """The jobs of one layer and recipe: those that wait, and those in the batch."""

    def __init__(self, setup: Setup, jobs: list[Job], advance: Callable[[int], None]):
        self.setup, self.advance = setup, advance
        hardware.reuse()
        device = hardware.device()
        dtype = hardware.dtype(setup.precision, device)
        self.recipe = jobs[0].recipe
        layers = sorted(jobs[0].target().layers - {IMAGES}) or setup.model.default_layers[:1]
        reader = setup.model.reader(layers, relu=setup.relu, dtype=dtype, device=device)
        if device.type == "cuda":
            reader.compile_body()
        self.batch = Batch(reader)
        self.waiting = [list(own) for _, own in groupby(jobs, key=lambda job: job.unit)]
        single = replace(jobs[0], recipe=self.recipe.with_(images=1))
        self.capacity = images(self.batch.reader, self._cohort([single]))
        self.saved = time.monotonic()
        self.partial: Path | None = None
        if setup.folder:
            self.partial = setup.folder / f"partial-{store.digest(jobs[0].unit.layer, self.recipe.digest)}.pt"
        self.leaving: list[OptimizedPictures] = []  # finished, but perhaps not yet saved by the caller
        self._resume()

    def run(self) -> Iterator[OptimizedPictures]:
        yield from self.leaving
        self.leaving = []
        while self.waiting or self.batch.cohorts:
            if self.batch.is_open:
                self._admit()
            self.batch.update()
            for cohort in self.batch.cohorts:
                self._snapshot(cohort)
                self.advance(cohort.images)
            self._leave()
            if self.leaving or time.monotonic() - self.saved > CHECKPOINT_S:
                self._save()
            yield from self.leaving
            self.leaving = []
        if self.partial:
            self.partial.unlink(missing_ok=True)

    def _cohort(self, jobs: list[Job]) -> Cohort:
        return Cohort(jobs, self.setup.model.channels, self.setup.seed, self.batch.reader.device)

    def _admit(self) -> None:
        """Fill the batch with waiting units, up to its capacity; a unit larger than that gets a batch of its own."""
        entering: list[Job] = []
        while self.waiting:
            images = self.batch.images + len(entering + self.waiting[0]) * self.recipe.images
            if images > self.capacity and (entering or self.batch.cohorts):
                break
            entering += self.waiting.pop(0)
        if entering:
            self.batch.cohorts.append(self._cohort(entering))

    def _snapshot(self, cohort: Cohort) -> None:
        step = cohort.step - 1
        if step in self.setup.snapshots and self.setup.folder:
            for job, mine in zip(cohort.jobs, np.split(cohort.pictures(), len(cohort.jobs)), strict=True):
                for position, image in enumerate(mine):
                    path = snapshot(self.setup.folder, job.unit, job.pole, position, step)
                    store.write_png(path, image)

    def _leave(self) -> None:
        """Let finished units leave; the other units of their cohorts stay."""
        for cohort in list(self.batch.cohorts):
            settled = zip(cohort.jobs, cohort.settled(), strict=True)
            unconverged = {job.unit for job, flat in settled if not flat}
            stay = [not cohort.is_finished and job.unit in unconverged for job in cohort.jobs]
            if all(stay):
                continue
            self.leaving += self._made(cohort, stay)
            self.advance((len(stay) - sum(stay)) * self.recipe.images * (self.recipe.updates - cohort.step))
            if any(stay):
                cohort.keep(stay)
            else:
                self.batch.cohorts.remove(cohort)

    def _made(self, cohort: Cohort, stay: list[bool]) -> Iterator[OptimizedPictures]:
        pictures, scores = cohort.pictures(), cohort.scores()
        reason = "steps" if cohort.is_finished else "plateau"
        for place, (job, staying) in enumerate(zip(cohort.jobs, stay, strict=True)):
            mine = slice(place * self.recipe.images, (place + 1) * self.recipe.images)
            if not staying:
                yield OptimizedPictures(job, pictures[mine], scores[:, mine], reason)

    def _digests(self, jobs: Sequence[Job]) -> list[str]:
        return [job.digest(self.setup.model.fingerprint) for job in jobs]

    def _save(self) -> None:
        """Save the batch's state, atomically."""
        if not self.partial:
            return
        cohorts = [{"jobs": self._digests(cohort.jobs), **cohort.state()} for cohort in self.batch.cohorts]
        digests = self._digests([made.job for made in self.leaving])
        made = {digest: one.packed() for digest, one in zip(digests, self.leaving, strict=True)}
        save(self.partial, {"key": self.setup.key, "cohorts": cohorts, "made": made})
        self.saved = time.monotonic()

    def _resume(self) -> None:
        """Continue from a saved state, as far as its jobs are among those that wait."""
        if not self.partial or not self.partial.exists():
            return
        kept = torch.load(self.partial, weights_only=True, map_location=self.batch.reader.device)
        if kept["key"] != self.setup.key:
            return
        jobs = [job for own in self.waiting for job in own]
        known = dict(zip(self._digests(jobs), jobs, strict=True))
        self.leaving = [
            OptimizedPictures.unpacked(known[digest], made) for digest, made in kept["made"].items() if digest in known
        ]
        for state in kept["cohorts"]:
            self._restore(state, known)
        begun = {made.job for made in self.leaving} | {job for cohort in self.batch.cohorts for job in cohort.jobs}
        self.waiting = [own for own in self.waiting if own[0] not in begun]
        self.advance(len(self.leaving) * self.recipe.images * self.recipe.updates)

    def _restore(self, state: dict[str, Any], known: dict[str, Job]) -> None:
        stay = [
            digest in known for digest in state["jobs"]
        ]  # the others were finished, and their pictures saved, before the run was stopped
        if not any(stay):
            return
        mine = [known[digest] for digest in state["jobs"] if digest in known]
        cohort = self._cohort(mine)
        cohort.resume(narrowed(state, stay))
        self.batch.cohorts.append(cohort)
        self.advance(cohort.images * cohort.step)


class PictureMeasurer:
    """Measures the finished pictures of a run; the network is cut only once for each layer."""

    def __init__(self, setup: Setup) -> None:
        self.model = setup.model
        self.measurer = cache(lambda layer: Measurer(setup.model, [layer], setup.relu, setup.objective))

    def activations(self, made: OptimizedPictures) -> list[float]:
        """The activation of the job's unit for each picture; NaN if the job has no unit."""
        unit = made.job.unit
        if unit == WITHOUT_UNIT:
            return [float("nan")] * len(made.images)
        pictures = np.stack([self.model.fit(image) for image in made.images])
        values: list[float] = self.measurer(unit.layer).images(pictures)[:, unit.channel].tolist()
        return values


MOST = {"cpu": 40, "cuda": 512}  # images beyond which a device gets no faster
SHARE = 0.5  # of the free memory


def images(reader: Reader, cohort: Cohort) -> int:
    """The largest number of images per batch, at least 1, for images like those of `cohort`, which is not changed."""
    most = MOST.get(reader.device.type, MOST["cuda"]) // cohort.recipe.views
    return max(1, min(most, int(SHARE * _free(reader.device) / _bytes(reader, cohort))))


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def _bytes(reader: Reader, cohort: Cohort) -> float:
    """Memory per image in bytes: all that a step keeps for the gradient, and the same again for the gradients."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        maps = reader(cohort.inputs(cohort.numbers))
    outputs = sum(values.nbytes for values in maps.values())
    weights = {tensor.untyped_storage().data_ptr() for tensor in [*reader.parameters(), *reader.buffers()]}
    held = sum(size for address, size in kept.items() if address not in weights) + outputs
    numbers = 4 * cohort.numbers.nbytes  # themselves, their gradient, and the optimizer's two averages
    return (2 * held + numbers) / cohort.images


def save(path: Path, state: Any) -> None:
    """Write tensors and plain values, atomically. Raises StoreError if the system refuses, as on a full disk."""
    with store.atomic(path) as temporary, temporary.open("wb") as handle:
        try:
            torch.save(state, handle)
        except RuntimeError as error:  # torch's own, raised while it handles the system's
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None
