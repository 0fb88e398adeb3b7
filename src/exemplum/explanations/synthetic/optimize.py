"""The optimizer's loop over a batch of jobs that share a recipe and layers; it can stop and go on."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from exemplum import store
from exemplum.explanations.synthetic import parametrizations, transforms
from exemplum.explanations.synthetic.jobs import Job
from exemplum.explanations.synthetic.objectives import jointly
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.models import Reader


class Batch:
    """Jobs of one recipe, optimized side by side.

    Every step draws one geometry for all images, from the recipe's seed and the step alone: with the starts seeded a
    picture, no picture depends on the batch that it falls in, but for the last bits of floating-point arithmetic.
    """

    def __init__(self, jobs: Sequence[Job], reader: Reader, channels: int, seed: int):
        self.jobs, self.reader, self.seed = tuple(jobs), reader, seed
        self.recipe: Recipe = jobs[0].recipe
        if any(job.recipe != self.recipe for job in jobs):
            raise ValueError("jobs of one batch share a recipe")
        self.objective = jointly([job.target() for job in jobs], [job.recipe.images for job in jobs])
        start = (
            parametrizations.fourier_start if self.recipe.parametrization == "fourier" else parametrizations.pixel_start
        )
        generators = [generator for job in jobs for generator in job.generators()]
        self.numbers = start(channels, self.recipe.canvas, generators, self.recipe.sd).to(reader.device)
        self.numbers.requires_grad_(True)
        self.optimizer = torch.optim.Adam([self.numbers], lr=self.recipe.learning_rate)
        self.step = 0  # updates done
        self.trace: list[np.ndarray] = []  # the objective's score an image, at the logged steps
        self.logged: list[int] = []

    def canvases(self) -> Tensor:
        """The images as they stand, RGB in (0, 1), (images, channels, canvas, canvas)."""
        if self.recipe.parametrization == "fourier":
            return parametrizations.fourier_image(self.numbers, self.recipe.canvas, self.recipe.decay)
        return parametrizations.pixel_image(self.numbers)

    def pictures(self) -> np.ndarray:
        """The images as they stand without the canvas' margin, uint8 (images, size, size, channels)."""
        with torch.no_grad():
            pad, size = self.recipe.pad, self.recipe.size
            inner = self.canvases()[:, :, pad : pad + size, pad : pad + size]
            return (inner * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()

    def update(self) -> Tensor:
        """One step. Returns the objective's score an image before it, (images,)."""
        redirected = self.step < self.recipe.redirected_steps
        with self.reader.redirected_relu() if redirected else nullcontext():
            draws = transforms.draw(self.recipe.transforms, np.random.default_rng([self.seed, self.step]))
            images = transforms.apply(self.recipe.transforms, draws, self.canvases())
            score = self.objective(self.reader(images))
            self.optimizer.zero_grad(set_to_none=True)
            (-score.sum()).backward()
        self.optimizer.step()
        self.step += 1
        return score.detach()

    def run(
        self,
        log_every: int,
        snapshots: Sequence[int],
        on_snapshot: Callable[[int, np.ndarray], None],
        on_log: Callable[[int], None],
    ) -> None:
        """Go on to the recipe's last step. Calls `on_snapshot(step, pictures)` after the update of each step named."""
        while self.step < self.recipe.updates:
            step = self.step
            score = self.update()
            last = self.step == self.recipe.updates
            if step % log_every == 0 or last:
                self.trace.append(score.cpu().numpy())
                self.logged.append(step)
            if step in snapshots:
                on_snapshot(step, self.pictures())
            if self.step % log_every == 0 or last:
                on_log(self.step)

    def save(self, path: Path, key: str) -> None:
        """Keep the state, atomically, so that `resume` can go on from here."""
        state = {
            "key": key, "step": self.step, "numbers": self.numbers.detach(), "adam": self.optimizer.state_dict(),
            "trace": [torch.from_numpy(score) for score in self.trace], "logged": self.logged,
        }  # fmt: skip
        buffer = io.BytesIO()
        torch.save(state, buffer)
        with store.atomic(path) as temporary:
            temporary.write_bytes(buffer.getvalue())

    def resume(self, path: Path, key: str) -> None:
        """Go on from a saved state if there is one of the same key."""
        if not path.exists():
            return
        state = torch.load(path, weights_only=True, map_location=self.numbers.device)
        if state["key"] != key:
            return
        with torch.no_grad():
            self.numbers.copy_(state["numbers"])
        self.optimizer.load_state_dict(state["adam"])
        self.step, self.logged = state["step"], state["logged"]
        self.trace = [score.cpu().numpy() for score in state["trace"]]
