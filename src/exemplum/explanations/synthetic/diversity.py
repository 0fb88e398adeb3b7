"""The diversity weight of a unit's pictures: a given number, in proportion to the unit's spread, or searched.

The search follows Zimmermann, Klein, Brendel (2024): a weight is good if every picture activates the unit more than its
best exemplar does. The highest good weight is bracketed by doubling or halving, then narrowed by geometric means.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from exemplum.errors import UserError
from exemplum.explanations.synthetic import scheduler
from exemplum.explanations.synthetic.optimization import Job
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.explanations.synthetic.scheduler import OptimizedPictures, PictureMeasurer, Setup, optimize
from exemplum.index import ActivationIndex
from exemplum.models import Model
from exemplum.records import Pole, Unit

LUCID_SPAN = 255  # inputs of Lucid's InceptionV1 lie in −117 … 138
# Chosen on the embedded network: pictures differ, and still lie beyond the best exemplar (docs/reference/synthesis.md)
SPREAD = 3.0

Wanted = float | Literal["auto", "recipe", "spread"]


def weighted(
    setup: Setup, units: Sequence[Unit], poles: Sequence[Pole], recipe: Recipe, wanted: Wanted,
    index: ActivationIndex | None,
) -> Iterator[OptimizedPictures]:  # fmt: skip
    """The pictures of all units and poles with the diversity weight `wanted`; a unit's pictures follow one another.

    `auto` searches the weight if the recipe has `searches`. Raises UserError if there is no index to search with.
    """
    jobs = [
        Job(
            unit,
            pole,
            recipe,
            setup.seed,
            setup.objective,
            diversity(wanted, setup.model, index, unit, recipe),
            setup.own(unit) if setup.own else None,
        )
        for unit in units
        for pole in poles
    ]
    if not recipe.searches or wanted != "auto":
        yield from optimize(setup, jobs)
        return
    if index is None:
        raise UserError(
            f"recipe {recipe.name} searches for the best diversity weight, which needs an index; give index=, or the "
            "weight as a number, as in diversity=0.1"
        )
    folder = setup.folder / "search" if setup.folder else None
    once = replace(setup, snapshots=())
    make = remembered(lambda tried: optimize(once, tried), folder, setup.model)
    judge = beyond(setup, index)
    yield from search(jobs, make, judge, recipe.searches)
    forget(folder)


def diversity(wanted: Wanted, model: Model, index: ActivationIndex | None, unit: Unit, recipe: Recipe) -> float:
    """The diversity weight of a unit's pictures, in units of activation.

    Lucid's weight of 100 suits Lucid's InceptionV1, whose inputs span 255 grey levels, so that its activations are
    large. With `spread`, a picture that equals all others is penalized by SPREAD standard deviations of the unit's
    activation over the corpus. `auto` is the recipe's weight for inputs of Lucid's range or without an index, otherwise
    `spread`.
    """
    if not isinstance(wanted, str):
        return wanted
    lucid = 1 / max(model.preprocessing.std) > LUCID_SPAN / 2  # the span of the inputs from black to white
    if wanted == "recipe" or not recipe.diversity or index is None or (wanted == "auto" and lucid):
        return recipe.diversity
    std = float(index.units.iloc[index.row(unit)]["std"])
    return SPREAD * std / max(1, recipe.images - 1)


Make = Callable[[Sequence[Job]], Iterable[OptimizedPictures]]
Judge = Callable[[OptimizedPictures], bool]


@dataclass
class _Search:
    """The state of the search for one job's weight."""

    job: Job
    weight: float
    good: float | None = None
    bad: float | None = None
    best: OptimizedPictures | None = None

    def record(self, made: OptimizedPictures, is_good: bool) -> None:
        """Record whether the current weight is good, and choose the next one."""
        if is_good:
            self.good, self.best = self.weight, made
        else:
            self.bad = self.weight
        self.weight = self._next()

    def _next(self) -> float:
        if self.good is None:
            return self.weight / 2
        return self.good * 2 if self.bad is None else math.sqrt(self.good * self.bad)


def search(jobs: Sequence[Job], make: Make, judge: Judge, rounds: int) -> Iterator[OptimizedPictures]:
    """The pictures of each job at the highest good weight found in `rounds` rounds; at weight 0 if none was good."""
    searches = [_Search(job, job.weight) for job in jobs]
    for _ in range(rounds):
        for one, made in zip(searches, _in_order(make, searches), strict=True):
            one.record(made, judge(made))
    without_good = [one for one in searches if one.best is None]
    for one in without_good:
        one.weight = 0.0
    for one, made in zip(without_good, _in_order(make, without_good), strict=True):
        one.best = made
    for one in searches:
        assert one.best is not None
        yield one.best


def _in_order(make: Make, searches: list[_Search]) -> list[OptimizedPictures]:
    """The pictures of all searches at their current weights, in the order of the searches."""
    tried = [replace(one.job, diversity=one.weight) for one in searches]
    found = {(made.job.unit, made.job.pole): made for made in make(tried)} if tried else {}
    return [found[job.unit, job.pole] for job in tried]


def beyond(setup: Setup, index: ActivationIndex) -> Judge:
    """A judge of whether the weakest picture, measured in float32, exceeds the unit's best exemplar."""
    measurer = PictureMeasurer(setup)

    def judge(made: OptimizedPictures) -> bool:
        unit, pole = made.job.unit, made.job.pole
        return min(index.beyond(unit, pole, value) for value in measurer.activations(made)) > 0

    return judge


def remembered(make: Make, folder: Path | None, model: Model) -> Make:
    """`make` with its results saved in `folder`, so that a search that was stopped makes nothing twice."""
    if folder is None:
        return make

    def kept(jobs: Sequence[Job]) -> Iterator[OptimizedPictures]:
        files = {job: folder / f"{job.digest(model.fingerprint)}.pt" for job in jobs}
        found = [job for job, path in files.items() if path.exists()]
        yield from (OptimizedPictures.unpacked(job, torch.load(files[job], weights_only=True)) for job in found)
        for made in make([job for job in jobs if job not in found]):
            scheduler.save(files[made.job], made.packed())
            yield made

    return kept


def forget(folder: Path | None) -> None:
    """Remove the saved results of a search that is complete."""
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
