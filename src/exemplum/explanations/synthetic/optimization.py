"""Optimization: cohorts of jobs that began together, with their image parameters and optimizer, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from exemplum import store
from exemplum.explanations.synthetic import objectives, resampling, transforms
from exemplum.explanations.synthetic.objectives import IMAGES, Maps, Objective, jointly
from exemplum.explanations.synthetic.parametrizations import Parametrization
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.explanations.synthetic.transforms import CYCLE
from exemplum.models import Lanes, Reader
from exemplum.records import Pole, Unit

WITHOUT_UNIT = Unit("", 0)  # the unit of a job whose objective has none


class Batch:
    """Cohorts that take their steps together.

    Image sizes repeat every CYCLE steps. A cohort that enters when the others' steps are multiples of CYCLE therefore
    has the same sizes as they have.
    """

    def __init__(self, reader: Reader, cohorts: list[Cohort] | None = None):
        self.reader, self.lanes = reader, Lanes(reader)
        self.cohorts = cohorts or []

    @property
    def images(self) -> int:
        return sum(cohort.images for cohort in self.cohorts)

    @property
    def reads_images(self) -> bool:
        """Whether an objective reads the images as the network sees them."""
        return any(IMAGES in cohort.objective.layers for cohort in self.cohorts)

    @property
    def is_open(self) -> bool:
        """Whether a new cohort may enter now."""
        return all(cohort.step % CYCLE == 0 for cohort in self.cohorts)

    def update(self) -> None:
        """One update of all cohorts. Nothing here waits for the device."""
        numbers = [cohort.numbers for cohort in self.cohorts]
        with self._redirected() as redirected:
            found = iter(self._maps(*numbers) if redirected else self.lanes(self._maps, *numbers))
            names = [*self.reader.layouts, *([IMAGES] if self.reads_images else [])]
            scores = [cohort.score(dict(zip(names, found, strict=False))) for cohort in self.cohorts]
            (-torch.stack([score.sum() for score in scores]).sum()).backward()
        for cohort, score in zip(self.cohorts, scores, strict=True):
            cohort.trace.append(score.detach())
            cohort.advance()

    def _maps(self, *numbers: Tensor) -> list[Tensor]:
        """The maps of every layer, cohort by cohort, then the images themselves if an objective reads them.

        `numbers` are the image parameters of each cohort: of all its images or, within a lane, of some.
        """
        seen = [cohort.inputs(own) for cohort, own in zip(self.cohorts, numbers, strict=True)]
        images = torch.cat(seen) if len(seen) > 1 else seen[0]
        found = [*self.reader(images).values(), *([images] if self.reads_images else [])]
        split = [values.split([len(own) for own in seen]) for values in found]
        return [parts[place] for place in range(len(seen)) for parts in split]

    @contextmanager
    def _redirected(self) -> Iterator[bool]:
        """Redirect ReLU gradients for the images of young cohorts; yields whether there are any."""
        young = [cohort.is_young for cohort in self.cohorts]
        if not any(young):
            yield False
            return
        counts = [cohort.images * cohort.recipe.views for cohort in self.cohorts]
        marks = torch.tensor(young).repeat_interleave(torch.tensor(counts))
        with self.reader.redirected_relu(marks.to(self.reader.device)):
            yield True


OPTIMIZERS: dict[str, Any] = {"adam": torch.optim.Adam, "nadam": torch.optim.NAdam}


class Cohort:
    """Jobs of one recipe at the same step.

    Every step draws one geometry for all images, from the seed and the step alone, and every picture's start has a seed
    of its own. So no picture depends on those made beside it, except for the last bits of floating-point arithmetic.
    """

    def __init__(self, jobs: Sequence[Job], channels: int, seed: int, device: torch.device):
        self.jobs, self.seed = list(jobs), seed
        self.recipe: Recipe = jobs[0].recipe
        if any(job.recipe != self.recipe for job in jobs):
            raise ValueError("jobs of one cohort share a recipe")
        self.objective = self._objective()
        generators = [generator for job in jobs for generator in job.generators()]
        self.parametrization = Parametrization.of(self.recipe.parametrization)
        numbers = self.parametrization.start(channels, self.recipe.canvas, generators, self.recipe.sd)
        self._hold(numbers.to(device))
        self.step = 0  # updates done
        self.norms: Tensor | None = None  # moving average of each image's gradient norm, (images,)
        self.earlier: Tensor | None = None  # the same at the last check for a plateau
        self.trace: list[Tensor] = []  # each image's score before each step, on the device

    def _hold(self, numbers: Tensor) -> None:
        self.numbers = numbers.requires_grad_(True)
        settings = {"fused": True} if self.recipe.optimizer == "adam" else {}
        self.optimizer: torch.optim.Optimizer
        if callable(self.recipe.optimizer):
            self.optimizer = self.recipe.optimizer([self.numbers])
        else:
            kind = OPTIMIZERS[self.recipe.optimizer]
            self.optimizer = kind([self.numbers], lr=self.recipe.learning_rate, **settings)

    @property
    def images(self) -> int:
        return len(self.jobs) * self.recipe.images

    @property
    def is_young(self) -> bool:
        """Whether ReLU gradients are still redirected."""
        return self.step < self.recipe.redirected_steps

    @property
    def is_finished(self) -> bool:
        return self.step >= self.recipe.updates

    @property
    def is_looked_at(self) -> bool:
        """Whether this step checks for a plateau."""
        return self.recipe.plateau is not None and self.step % self.recipe.plateau.window == 0

    def inputs(self, numbers: Tensor) -> Tensor:
        """Image parameters → what the network sees at this step, (images · views, channels, side, side)."""
        chain = self.recipe.transforms
        draws = transforms.draw(chain, self.seed, self.step, self.recipe.steps)
        seen = resampling.apply(chain, draws, self._canvases(numbers))
        return seen + self._noise(seen) if self.recipe.noise else seen

    def _canvases(self, numbers: Tensor) -> Tensor:
        """Image parameters → whole canvases, RGB in (0, 1), (images, channels, canvas, canvas)."""
        return self.parametrization.image(numbers, self.recipe.canvas, self.recipe.decay)

    def _noise(self, seen: Tensor) -> Tensor:
        """Normal plus uniform noise, as in MaCo; shared by all images, as the geometry is."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        shape = (self.recipe.views, *seen.shape[1:])
        noise = torch.randn(shape, generator=generator) + torch.rand(shape, generator=generator) - 0.5
        return (self.recipe.noise * noise).to(seen.device).repeat(len(seen) // self.recipe.views, 1, 1, 1)

    def score(self, maps: Maps) -> Tensor:
        """The score of each image from its maps, (images,): the mean over its views."""
        return self.objective(maps).view(-1, self.recipe.views).mean(1)

    def _objective(self) -> Objective:
        """One objective for the whole cohort: each job's own for the views of its images."""
        return jointly([job.target() for job in self.jobs], [self.recipe.images * self.recipe.views] * len(self.jobs))

    def advance(self) -> None:
        """Update the parameters by the gradient, and clear the gradient."""
        if self.recipe.plateau:
            assert self.numbers.grad is not None
            norms = self.numbers.grad.flatten(1).norm(dim=1)
            self.norms = norms if self.norms is None else self.norms.lerp(norms, 1 - self.recipe.plateau.decay)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1

    def settled(self) -> list[bool]:
        """For each job, whether the gradient norms of all its images are flat; checked once per window."""
        if not self.is_looked_at or self.norms is None:
            return [False] * len(self.jobs)
        assert self.recipe.plateau is not None
        earlier, self.earlier = self.earlier, self.norms
        if earlier is None:
            return [False] * len(self.jobs)
        flat = (self.norms - earlier).abs() <= self.recipe.plateau.tolerance * earlier
        return flat.view(len(self.jobs), -1).all(1).tolist()

    def pictures(self) -> np.ndarray:
        """The images at this step, without margin and at the recipe's size, uint8 (images, size, size, channels)."""
        with torch.no_grad():
            pad, size = self.recipe.pad, self.recipe.size
            side = self.recipe.canvas - 2 * pad
            inner = self._canvases(self.numbers)[:, :, pad : pad + side, pad : pad + side]
            if side != size:
                inner = F.interpolate(inner, (size, size), mode="bilinear", antialias=True)
            return (inner * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()

    def scores(self) -> np.ndarray:
        """The objective before each step, float32 (steps, images)."""
        return torch.stack(self.trace).float().cpu().numpy()

    def keep(self, stay: Sequence[bool]) -> None:
        """Keep the jobs that stay, and drop the others."""
        state = narrowed(self.state(), stay)
        self.jobs = [job for job, staying in zip(self.jobs, stay, strict=True) if staying]
        self.objective = self._objective()
        self.resume(state)

    def state(self) -> dict[str, Any]:
        """Everything that is needed to continue, as tensors and plain values."""
        return {
            "step": self.step, "numbers": self.numbers.detach(), "optimizer": self.optimizer.state_dict(),
            "trace": torch.stack(self.trace), "norms": self.norms, "earlier": self.earlier,
        }  # fmt: skip

    def resume(self, state: dict[str, Any]) -> None:
        """Continue from a state of the same jobs."""
        self._hold(state["numbers"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.trace = state["step"], list(state["trace"].unbind())
        self.norms, self.earlier = state["norms"], state["earlier"]


def narrowed(state: dict[str, Any], stay: Sequence[bool]) -> dict[str, Any]:
    """The part of a cohort's state for some jobs. Tensors with axes have one row per image; counters are shared."""
    rows = torch.tensor(stay).repeat_interleave(len(state["numbers"]) // len(stay))

    def narrow(value: Any) -> Any:
        return value[rows.to(value.device)] if isinstance(value, torch.Tensor) and value.ndim else value

    optimizer = state["optimizer"]
    # plain gradient descent has no moments
    moments = {name: narrow(value) for name, value in optimizer["state"].get(0, {}).items()}
    own = {name: narrow(state[name]) for name in ("numbers", "norms", "earlier")}
    trace = narrow(state["trace"].T).T
    return {**state, **own, "trace": trace, "optimizer": {**optimizer, "state": {0: moments}}}


@dataclass(frozen=True)
class Job:
    """The pictures of a unit and pole by a recipe. The seed fixes each picture's start, in any batch."""

    unit: Unit
    pole: Pole
    recipe: Recipe
    seed: int
    objective: str = "channel"  # one of objectives.NAMED
    diversity: float | None = None  # weight of the pictures' similarity; the recipe's own if not given
    own: Objective | None = None  # the caller's objective, instead of the unit's activation

    @property
    def name(self) -> str:
        return f"{self.unit} {self.pole}"

    def digest(self, model: str) -> str:
        """Hash of everything that the pictures depend on; `model` is the model's fingerprint."""
        return store.digest(
            model, str(self.unit), self.pole, self.recipe.digest, self.seed, self.objective, self.weight
        )

    def target(self) -> Objective:
        """The unit's activation (negated for the minimal pole) minus the weighted similarity of the pictures."""
        unit = self.own or objectives.NAMED[self.objective](self.unit)
        target = unit if self.pole is Pole.MAX else -unit
        if self.weight and self.recipe.images > 1:
            layer = self.unit.layer if self.own else next(iter(unit.layers))
            target = target - self.weight * objectives.diversity(layer, self.recipe.views)
        return target

    @property
    def weight(self) -> float:
        return self.recipe.diversity if self.diversity is None else self.diversity

    def image_seed(self, position: int) -> int:
        """Seed of one picture's start, below 2⁶³."""
        return int(store.digest(self.seed, str(self.unit), self.pole, position), 16) >> 1

    def generators(self) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(self.image_seed(position)) for position in range(self.recipe.images)]
