"""The optimizer's loop: cohorts of one recipe and one layer, each at its own step, in one pass through the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from exemplum.explanations.synthetic.cohort import Cohort
from exemplum.explanations.synthetic.lanes import Lanes
from exemplum.explanations.synthetic.transforms import CYCLE
from exemplum.models import Reader


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
        seen = [cohort.inputs() for cohort in self.cohorts]
        counts = [len(inputs) for inputs in seen]
        with self._redirected(counts) as network:
            maps = network(torch.cat(seen) if len(seen) > 1 else seen[0])
            own = {layer: torch.split(values, counts) for layer, values in maps.items()}
            scores = [
                cohort.score({layer: parts[place] for layer, parts in own.items()})
                for place, cohort in enumerate(self.cohorts)
            ]
            (-torch.stack([score.sum() for score in scores]).sum()).backward()
        for cohort, score in zip(self.cohorts, scores, strict=True):
            cohort.trace.append(score.detach())
            cohort.advance()

    @contextmanager
    def _redirected(self, counts: list[int]) -> Iterator[Callable[[Tensor], dict[str, Tensor]]]:
        """The network, with ReLU gradients redirected for the images of young cohorts, which mark a whole batch."""
        young = [cohort.is_young for cohort in self.cohorts]
        if not any(young):
            yield self.lanes
            return
        marks = torch.tensor(young).repeat_interleave(torch.tensor(counts))
        with self.reader.redirected_relu(marks.to(self.reader.device)):
            yield self.reader
