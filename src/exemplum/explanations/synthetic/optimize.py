"""The optimizer's loop: cohorts of one recipe and one layer, each at its own step, in one pass through the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from exemplum.explanations.synthetic.cohort import Cohort
from exemplum.explanations.synthetic.transforms import CYCLE
from exemplum.models import Reader
from exemplum.models.lanes import Lanes


class Batch:
    """Cohorts that take their steps together.

    Sizes repeat after CYCLE steps: a cohort that enters when the others' steps are multiples of it has their sizes.
    """

    def __init__(self, reader: Reader, cohorts: list[Cohort] | None = None):
        self.reader, self.lanes = reader, Lanes(reader)
        self.cohorts = cohorts or []

    @property
    def images(self) -> int:
        return sum(cohort.images for cohort in self.cohorts)

    @property
    def is_open(self) -> bool:
        """Whether a new cohort may enter now."""
        return all(cohort.step % CYCLE == 0 for cohort in self.cohorts)

    def update(self) -> None:
        """One step of all. Nothing waits for the device."""
        numbers = [cohort.numbers for cohort in self.cohorts]
        with self._redirected() as redirected:
            found = iter(self._maps(*numbers) if redirected else self.lanes(self._maps, *numbers))
            scores = [cohort.score(dict(zip(self.reader.layouts, found, strict=False))) for cohort in self.cohorts]
            (-torch.stack([score.sum() for score in scores]).sum()).backward()
        for cohort, score in zip(self.cohorts, scores, strict=True):
            cohort.trace.append(score.detach())
            cohort.advance()

    def _maps(self, *numbers: Tensor) -> list[Tensor]:
        """Of each cohort's numbers, of all its images or of some, the map in every layer."""
        seen = [cohort.inputs(own) for cohort, own in zip(self.cohorts, numbers, strict=True)]
        maps = self.reader(torch.cat(seen) if len(seen) > 1 else seen[0])
        split = [values.split([len(own) for own in seen]) for values in maps.values()]
        return [parts[place] for place in range(len(seen)) for parts in split]

    @contextmanager
    def _redirected(self) -> Iterator[bool]:
        """Whether ReLU gradients are redirected, for the images of young cohorts, which mark a whole batch."""
        young = [cohort.is_young for cohort in self.cohorts]
        if not any(young):
            yield False
            return
        counts = [cohort.images * cohort.recipe.views for cohort in self.cohorts]
        marks = torch.tensor(young).repeat_interleave(torch.tensor(counts))
        with self.reader.redirected_relu(marks.to(self.reader.device)):
            yield True
