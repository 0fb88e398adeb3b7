"""The diversity weight of each unit and pole, searched: as high as the weakest of its pictures can bear.

After Zimmermann, Klein, Brendel (2024): a weight is good if every picture still activates the unit beyond its best
exemplar. Found by doubling or halving until it is bracketed, then by geometric means.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from exemplum.activations import ActivationIndex
from exemplum.explanations.synthetic import state_files
from exemplum.explanations.synthetic.jobs import Job
from exemplum.explanations.synthetic.making import Made, Setup
from exemplum.explanations.synthetic.measuring import Clean
from exemplum.models import Model

Make = Callable[[Sequence[Job]], Iterable[Made]]
Judge = Callable[[Made], bool]


@dataclass
class _Search:
    """What is known of a job's weight."""

    job: Job
    weight: float
    good: float | None = None
    bad: float | None = None
    best: Made | None = None

    def hear(self, made: Made, is_good: bool) -> None:
        if is_good:
            self.good, self.best = self.weight, made
        else:
            self.bad = self.weight
        self.weight = self._next()

    def _next(self) -> float:
        if self.good is None:
            return self.weight / 2
        return self.good * 2 if self.bad is None else math.sqrt(self.good * self.bad)


def search(jobs: Sequence[Job], make: Make, judge: Judge, rounds: int) -> Iterator[Made]:
    """The pictures of each job at the highest good weight that `rounds` rounds find; at weight 0 if none was good."""
    searches = [_Search(job, job.weight) for job in jobs]
    for _ in range(rounds):
        for one, made in zip(searches, _in_order(make, searches), strict=True):
            one.hear(made, judge(made))
    hopeless = [one for one in searches if one.best is None]
    for one in hopeless:
        one.weight = 0.0
    for one, made in zip(hopeless, _in_order(make, hopeless), strict=True):
        one.best = made
    for one in searches:
        assert one.best is not None
        yield one.best


def _in_order(make: Make, searches: list[_Search]) -> list[Made]:
    tried = [replace(one.job, diversity=one.weight) for one in searches]
    found = {(made.job.unit, made.job.pole): made for made in make(tried)} if tried else {}
    return [found[job.unit, job.pole] for job in tried]


def beyond(setup: Setup, index: ActivationIndex) -> Judge:
    """Whether the weakest of the pictures, measured in float32, lies beyond the unit's best exemplar."""
    clean = Clean(setup)

    def judge(made: Made) -> bool:
        unit, pole = made.job.unit, made.job.pole
        return min(index.beyond(unit, pole, value) for value in clean.activations(made)) > 0

    return judge


def remembered(make: Make, folder: Path | None, model: Model) -> Make:
    """`make` that keeps in `folder` what it made, and does not make it again."""
    if folder is None:
        return make

    def kept(jobs: Sequence[Job]) -> Iterator[Made]:
        files = {job: folder / f"{job.digest(model.fingerprint)}.pt" for job in jobs}
        found = [job for job, path in files.items() if path.exists()]
        yield from (Made.unpacked(job, torch.load(files[job], weights_only=True)) for job in found)
        for made in make([job for job in jobs if job not in found]):
            state_files.save(files[made.job], made.packed())
            yield made

    return kept


def forget(folder: Path | None) -> None:
    """Remove what was kept, once all is found."""
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
