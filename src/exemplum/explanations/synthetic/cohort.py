"""Jobs that began together: the numbers that become their pictures, the optimizer, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from exemplum.explanations.synthetic import transforms
from exemplum.explanations.synthetic.jobs import Job
from exemplum.explanations.synthetic.objectives import Maps, Objective, jointly
from exemplum.explanations.synthetic.parametrizations import PARAMETRIZATIONS
from exemplum.explanations.synthetic.recipes import Recipe

OPTIMIZERS: dict[str, Any] = {"adam": torch.optim.Adam, "nadam": torch.optim.NAdam}


class Cohort:
    """Jobs of one recipe at the same step.

    Every step draws one geometry for all images, from the seed and the step alone: with the starts seeded a picture,
    no picture depends on what is made beside it, but for the last bits of floating-point arithmetic.
    """

    def __init__(self, jobs: Sequence[Job], channels: int, seed: int, device: torch.device):
        self.jobs, self.seed = list(jobs), seed
        self.recipe: Recipe = jobs[0].recipe
        if any(job.recipe != self.recipe for job in jobs):
            raise ValueError("jobs of one cohort share a recipe")
        self.objective = self._objective()
        generators = [generator for job in jobs for generator in job.generators()]
        self.parametrization = PARAMETRIZATIONS[self.recipe.parametrization]
        numbers = self.parametrization.start(channels, self.recipe.canvas, generators, self.recipe.sd)
        self._hold(numbers.to(device))
        self.step = 0  # updates done
        self.norms: Tensor | None = None  # moving average of the gradient's norm an image, (images,)
        self.earlier: Tensor | None = None  # the same when it was last looked at
        self.trace: list[Tensor] = []  # the objective's score an image before each step, on the device

    def _hold(self, numbers: Tensor) -> None:
        self.numbers = numbers.requires_grad_(True)
        settings = {"fused": True} if self.recipe.optimizer == "adam" else {}
        self.optimizer = OPTIMIZERS[self.recipe.optimizer]([self.numbers], lr=self.recipe.learning_rate, **settings)

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
        """Whether now is the time to see if gradients still change."""
        return self.recipe.plateau is not None and self.step % self.recipe.plateau.window == 0

    def inputs(self, numbers: Tensor) -> Tensor:
        """What the network is to see at this step, (images · views, channels, side, side), of the numbers of images."""
        chain = self.recipe.transforms
        draws = transforms.draw(chain, self.seed, self.step, self.recipe.steps)
        seen = transforms.apply(chain, draws, self._canvases(numbers))
        return seen + self._noise(seen) if self.recipe.noise else seen

    def _canvases(self, numbers: Tensor) -> Tensor:
        """Images as they stand, RGB in (0, 1), (images, channels, canvas, canvas)."""
        return self.parametrization.image(numbers, self.recipe.canvas, self.recipe.decay)

    def _noise(self, seen: Tensor) -> Tensor:
        """Normal plus uniform noise, as in MaCo; as the geometry it is shared by all images."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        shape = (self.recipe.views, *seen.shape[1:])
        noise = torch.randn(shape, generator=generator) + torch.rand(shape, generator=generator) - 0.5
        return (self.recipe.noise * noise).to(seen.device).repeat(len(seen) // self.recipe.views, 1, 1, 1)

    def score(self, maps: Maps) -> Tensor:
        """The objective's score an image of its maps, (images,)."""
        return self.objective(maps).view(-1, self.recipe.views).mean(1)

    def _objective(self) -> Objective:
        """Of all views of all images: each job's own."""
        return jointly([job.target() for job in self.jobs], [self.recipe.images * self.recipe.views] * len(self.jobs))

    def advance(self) -> None:
        """Follow the gradient that was worked out, and forget it."""
        if self.recipe.plateau:
            assert self.numbers.grad is not None
            norms = self.numbers.grad.flatten(1).norm(dim=1)
            self.norms = norms if self.norms is None else self.norms.lerp(norms, 1 - self.recipe.plateau.decay)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1

    def settled(self) -> list[bool]:
        """Of each job, whether the gradients of all its images have stopped to change; looked at once a window."""
        if not self.is_looked_at or self.norms is None:
            return [False] * len(self.jobs)
        assert self.recipe.plateau is not None
        earlier, self.earlier = self.earlier, self.norms
        if earlier is None:
            return [False] * len(self.jobs)
        flat = (self.norms - earlier).abs() <= self.recipe.plateau.tolerance * earlier
        return flat.view(len(self.jobs), -1).all(1).tolist()

    def pictures(self) -> np.ndarray:
        """The images as they stand, without margin and at the recipe's size, uint8 (images, size, size, channels)."""
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
        """Let the jobs go that are not to stay."""
        state = narrowed(self.state(), stay)
        self.jobs = [job for job, staying in zip(self.jobs, stay, strict=True) if staying]
        self.objective = self._objective()
        self.resume(state)

    def state(self) -> dict[str, Any]:
        """All that goes on from here, as tensors and plain values."""
        return {
            "step": self.step, "numbers": self.numbers.detach(), "optimizer": self.optimizer.state_dict(),
            "trace": torch.stack(self.trace), "norms": self.norms, "earlier": self.earlier,
        }  # fmt: skip

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same jobs."""
        self._hold(state["numbers"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.trace = state["step"], list(state["trace"].unbind())
        self.norms, self.earlier = state["norms"], state["earlier"]


def narrowed(state: dict[str, Any], stay: Sequence[bool]) -> dict[str, Any]:
    """Of a cohort's state that of some jobs. Tensors with axes have a row an image; counters are shared."""
    rows = torch.tensor(stay).repeat_interleave(len(state["numbers"]) // len(stay))

    def narrow(value: Any) -> Any:
        return value[rows.to(value.device)] if isinstance(value, torch.Tensor) and value.ndim else value

    optimizer = state["optimizer"]
    moments = {name: narrow(value) for name, value in optimizer["state"][0].items()}
    own = {name: narrow(state[name]) for name in ("numbers", "norms", "earlier")}
    trace = narrow(state["trace"].T).T
    return {**state, **own, "trace": trace, "optimizer": {**optimizer, "state": {0: moments}}}
