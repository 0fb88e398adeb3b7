"""Random geometry before every step, as maps of coordinates: resampling.py applies a chain of transforms to images.

A transform draws its parameters, gives the size of its output, and maps a pixel of its output to a place in its input.
Recipes are made of transforms, so torch is imported only to transform images: a recipe is checked without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from exemplum.errors import UserError, shown

if TYPE_CHECKING:
    from torch import Tensor

# Lucid computes radians as 3.14 · degrees / 180
LUCID_PI = 3.14
# Sizes repeat after so many steps, so that images that began a multiple of it apart fit into one batch
CYCLE = 64

Drawn = tuple[float, ...]


@dataclass(frozen=True)
class Places:
    """Where output pixels lie in the input, in pixels, (h, w) each, and which of them lie inside it."""

    y: Tensor
    x: Tensor
    inside: Tensor | None = None

    def within(self, inside: Tensor) -> Tensor:
        return inside if self.inside is None else inside & self.inside


@dataclass(frozen=True)
class Jitter:
    """Crop to a side that is `pixels` shorter, at a uniform offset from 0 to `pixels` in each direction."""

    pixels: int

    def draw(self, rng: np.random.Generator, progress: float) -> Drawn:  # noqa: ARG002
        return tuple(rng.integers(0, self.pixels + 1, 2).tolist())

    def size(self, size: int, drawn: Drawn) -> int:  # noqa: ARG002
        return size - self.pixels

    def back(self, places: Places, size: int, drawn: Drawn) -> Places:  # noqa: ARG002
        return Places(places.y + drawn[0], places.x + drawn[1], places.inside)


@dataclass(frozen=True)
class Scale:
    """Resize, bilinear without antialiasing, by one of `factors`; the size really changes."""

    factors: tuple[float, ...]

    def draw(self, rng: np.random.Generator, progress: float) -> Drawn:  # noqa: ARG002
        return (self.factors[rng.integers(len(self.factors))],)

    def size(self, size: int, drawn: Drawn) -> int:
        return int(np.float32(drawn[0]) * np.float32(size))  # in float32, as Lucid: 1.05 · 240 is 251

    def back(self, places: Places, size: int, drawn: Drawn) -> Places:
        ratio = size / self.size(size, drawn)
        y, x = ((p + 0.5) * ratio - 0.5 for p in (places.y, places.x))
        # beyond the outermost pixel centres the edge is repeated
        return Places(y.clamp(0, size - 1), x.clamp(0, size - 1), places.inside)


@dataclass(frozen=True)
class Rotate:
    """Rotate about the centre by one of `degrees`, nearest neighbour, black where nothing was."""

    degrees: tuple[float, ...]

    def draw(self, rng: np.random.Generator, progress: float) -> Drawn:  # noqa: ARG002
        return (self.degrees[rng.integers(len(self.degrees))],)

    def size(self, size: int, drawn: Drawn) -> int:  # noqa: ARG002
        return size

    def back(self, places: Places, size: int, drawn: Drawn) -> Places:
        angle, centre = LUCID_PI * drawn[0] / 180, (size - 1) / 2
        cos, sin = np.cos(angle), np.sin(angle)
        y, x = places.y - centre, places.x - centre
        row, column = (cos * y + sin * x + centre).round(), (cos * x - sin * y + centre).round()
        inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
        return Places(row, column, places.within(inside))


@dataclass(frozen=True)
class Crops:
    """`count` square crops of the image, each scaled to `side`, black outside of it (Fel et al. 2023).

    Their sides are N(mean, 0.05²) of the image's, from 0.05 to all of it. The mean changes over the
    steps from `share[0]` to `share[1]`. Centres are N(0.5, 0.15²). The output stacks the crops vertically.
    """

    count: int
    share: tuple[float, float]
    side: int  # pixels

    def draw(self, rng: np.random.Generator, progress: float) -> Drawn:
        mean = self.share[0] + progress * (self.share[1] - self.share[0])
        centres = rng.normal(0.5, 0.15, (2, self.count))
        sides = rng.normal(mean, 0.05, self.count).clip(0.05, 1.0)
        return tuple(np.concatenate([*(centres - sides / 2), sides]).tolist())  # tops, lefts, sides

    def size(self, size: int, drawn: Drawn) -> int:  # noqa: ARG002
        return self.side

    def back(self, places: Places, size: int, drawn: Drawn) -> Places:
        import torch  # late: it takes seconds

        boxes = torch.tensor(drawn, device=places.y.device).view(3, self.count)
        top, left, side = boxes.repeat_interleave(self.side, 1)[..., None]
        step = side * (size - 1) / (self.side - 1)
        y = top * (size - 1) + (places.y % self.side) * step
        x = left * (size - 1) + places.x * step
        inside = (y >= 0) & (y <= size - 1) & (x >= 0) & (x <= size - 1)
        return Places(y, x, places.within(inside))


@dataclass(frozen=True)
class OwnTransform:
    """A function of the caller's, images (n, channels, size, size) → images of another size, but square.

    It runs with torch's random numbers seeded by the step, so that all images can share one draw.
    """

    function: Callable[..., Any]  # not [[Tensor], Tensor], which pydantic would look up

    def draw(self, rng: np.random.Generator, progress: float) -> Drawn:  # noqa: ARG002
        return (float(rng.integers(2**31)),)

    def size(self, size: int, drawn: Drawn) -> int:  # noqa: ARG002
        return size  # what it returns is not known before it runs

    def images(self, images: Tensor, drawn: Drawn) -> Tensor:
        """The transformed images. Raises UserError if the function returns anything else."""
        import torch  # late: it takes seconds

        # torch's generator is shared by all threads, and each thread may transform some of the images
        with _SEEDED, torch.random.fork_rng():
            torch.manual_seed(int(drawn[0]))
            found = self.function(images)
        if found.ndim != 4 or found.shape[:2] != images.shape[:2] or found.shape[2] != found.shape[3]:
            raise UserError(
                f"a transform gave shape {tuple(found.shape)} of {tuple(images.shape)}; it must keep the images and "
                "their channels, and give squares"
            )
        return found


_SEEDED = Lock()
Transform = Jitter | Scale | Rotate | Crops | OwnTransform
Draws = tuple[Drawn, ...]
KNOWN = "{jitter = PIXELS}, {scale = [FACTORS]}, {rotate = [DEGREES]}, {crops = COUNT, share = [A, B], side = PIXELS}"


def transform(given: Any) -> Transform:
    """The transform that a table of a recipe describes: `{jitter = 16}`, `{scale = […]}`, `{rotate = […]}`,
    `{crops = 32, share = [0.5, 0.05], side = 224}`.

    Raises ValueError for any other table.
    """
    match given:
        case Jitter() | Scale() | Rotate() | Crops() | OwnTransform():
            return given
        case _ if callable(given) and not isinstance(given, type):
            return OwnTransform(given)
        case {"jitter": pixels, **rest} if not rest:
            return Jitter(_whole("jitter", pixels, 1, 1024))
        case {"scale": [*factors], **rest} if not rest and factors:
            return Scale(tuple(float(_number("scale", factor, 0.1, 10)) for factor in factors))
        case {"rotate": [*degrees], **rest} if not rest and degrees:
            return Rotate(tuple(_number("rotate", angle, -360, 360) for angle in degrees))
        case {"crops": count, "share": [*ends], "side": side, **rest} if not rest and len(ends) == 2:
            first, last = (float(_number("share", end, 0.01, 1)) for end in ends)
            return Crops(_whole("crops", count, 1, 1024), (first, last), _whole("side", side, 8, 2048))
    raise ValueError(f"{shown(given)} is not a transform; known: {KNOWN}")


def _number(name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:  # NaN neither
        raise ValueError(f"{name} takes numbers from {least} to {most} (got {shown(value)})")
    return value


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{name} takes a whole number from {least} to {most} (got {shown(value)})")
    return int(_number(name, value, least, most))


def draw(chain: Sequence[Transform], seed: int, step: int, steps: int) -> Draws:
    """The draws of every transform at this step of `steps`. They depend on nothing but the arguments."""
    progress = step / max(1, steps)
    resizing = (Scale, OwnTransform)
    return tuple(
        each.draw(np.random.default_rng([seed, place, step % CYCLE if isinstance(each, resizing) else step]), progress)
        for place, each in enumerate(chain)
    )


def sizes(chain: Sequence[Transform], draws: Draws, size: int) -> list[int]:
    """Side of the image before the first transform, between, and after the last."""
    steps = [size]
    for each, drawn in zip(chain, draws, strict=True):
        steps.append(each.size(steps[-1], drawn))
    return steps
