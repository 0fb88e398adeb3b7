"""Recipes: everything that decides what a synthetic picture looks like, as data by name."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from exemplum import store
from exemplum.errors import UserError, did_you_mean
from exemplum.explanations.synthetic.transforms import Jitter, Rotate, Scale, Transform


@dataclass(frozen=True)
class Recipe:
    """How pictures are made. Lengths are in pixels at the recipe's own size; `at` scales them to another."""

    name: str
    size: int  # side of the finished picture
    pad: int  # margin on each side of the canvas, cropped from the finished picture
    transforms: tuple[Transform, ...]
    steps: int  # the last step; steps are counted from 0, so there are steps + 1 updates
    images: int = 10  # pictures a unit and pole, made together
    parametrization: str = "fourier"  # fourier or pixel
    decay: float = 1.0  # power of the frequency by which amplitudes fall
    sd: float = 0.01  # standard deviation of the start
    learning_rate: float = 0.05  # Adam
    diversity: float = 100.0  # weight of the likeness between a unit's pictures, which is subtracted
    redirected_steps: int = 16  # first steps with redirected ReLU gradients

    @property
    def updates(self) -> int:
        return self.steps + 1

    @property
    def canvas(self) -> int:
        return self.size + 2 * self.pad

    @property
    def digest(self) -> str:
        """Hash of all that the recipe says."""
        return store.digest(asdict(self), [type(transform).__name__ for transform in self.transforms])

    def at(self, size: int) -> Recipe:
        """The same recipe for pictures of another size: margin and jitter keep their share of the side."""
        ratio = size / self.size
        # to the nearest whole pixel, halves up; a jitter that was there stays
        scaled = {length: max(1, math.floor(length * ratio + 0.5)) for length in self._lengths()}
        transforms = tuple(Jitter(scaled[t.pixels]) if isinstance(t, Jitter) else t for t in self.transforms)
        return replace(self, size=size, pad=scaled.get(self.pad, 0), transforms=transforms)

    def with_(self, **changes: Any) -> Recipe:
        """The same recipe with some fields changed."""
        return replace(self, **changes)

    def _lengths(self) -> Iterable[int]:
        return {self.pad, *(t.pixels for t in self.transforms if isinstance(t, Jitter))} - {0}


# Borowski, Zimmermann et al. (2021), after Olah et al. (2017): Lucid's render_vis with thresholds=(2560,)
BOROWSKI2021 = Recipe(
    name="borowski2021",
    size=224,
    pad=16,
    transforms=(
        Jitter(16), Scale((1.0, 0.975, 1.025, 0.95, 1.05)), Rotate(tuple(range(-5, 6))), Jitter(8),
    ),
    steps=2560,
)  # fmt: skip

# Lucid's defaults: param.image(128), transform.standard_transforms, thresholds=(512,)
LUCID = Recipe(
    name="lucid",
    size=128,
    pad=12,
    transforms=(
        Jitter(8), Scale(tuple(1 + (i - 5) / 50 for i in range(11))), Rotate((*range(-10, 11), *5 * (0,))), Jitter(4),
    ),
    steps=512,
    images=1,
    diversity=0.0,
)  # fmt: skip

RECIPES = {recipe.name: recipe for recipe in (BOROWSKI2021, LUCID)}


def recipe(name: str) -> Recipe:
    """A recipe by name. Raises UserError with close matches."""
    try:
        return RECIPES[name]
    except KeyError:
        raise UserError(f"there is no recipe {name!r}{did_you_mean(name, RECIPES)}") from None
