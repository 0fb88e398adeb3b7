"""Random geometry before every step, as maps of coordinates: the image is resampled once, whatever the chain.

A transform draws its parameters, says how the size changes, and maps a pixel of its output to a place in its input.
A chain is followed from the last transform to the first, and one bilinear resampling reads the places found. That
equals resampling after every transform as long as only one of them (here the scaling) leaves the pixel grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# Lucid computes radians as 3.14 · degrees / 180
LUCID_PI = 3.14


@dataclass(frozen=True)
class Places:
    """Where output pixels lie in the input, in pixels, (h, w) each, and which of them lie inside it."""

    y: Tensor
    x: Tensor
    inside: Tensor | None = None


@dataclass(frozen=True)
class Jitter:
    """Crop `pixels` from each side's length at a uniform offset, 0 to `pixels`."""

    pixels: int

    def draw(self, rng: np.random.Generator) -> tuple[float, ...]:
        return tuple(rng.integers(0, self.pixels + 1, 2).tolist())

    def size(self, size: int, drawn: tuple[float, ...]) -> int:  # noqa: ARG002
        return size - self.pixels

    def back(self, places: Places, size: int, drawn: tuple[float, ...]) -> Places:  # noqa: ARG002
        return Places(places.y + drawn[0], places.x + drawn[1], places.inside)


@dataclass(frozen=True)
class Scale:
    """Resize, bilinear without antialiasing, by one of `factors`; the size really changes."""

    factors: tuple[float, ...]

    def draw(self, rng: np.random.Generator) -> tuple[float, ...]:
        return (self.factors[rng.integers(len(self.factors))],)

    def size(self, size: int, drawn: tuple[float, ...]) -> int:
        return int(np.float32(drawn[0]) * np.float32(size))  # in float32, as Lucid: 1.05 · 240 is 251

    def back(self, places: Places, size: int, drawn: tuple[float, ...]) -> Places:
        ratio = size / self.size(size, drawn)
        y, x = ((p + 0.5) * ratio - 0.5 for p in (places.y, places.x))
        # beyond the outermost pixel centres the edge is repeated
        return Places(y.clamp(0, size - 1), x.clamp(0, size - 1), places.inside)


@dataclass(frozen=True)
class Rotate:
    """Rotate about the centre by one of `degrees`, nearest neighbour, black where nothing was."""

    degrees: tuple[float, ...]

    def draw(self, rng: np.random.Generator) -> tuple[float, ...]:
        return (self.degrees[rng.integers(len(self.degrees))],)

    def size(self, size: int, drawn: tuple[float, ...]) -> int:  # noqa: ARG002
        return size

    def back(self, places: Places, size: int, drawn: tuple[float, ...]) -> Places:
        angle, centre = LUCID_PI * drawn[0] / 180, (size - 1) / 2
        cos, sin = np.cos(angle), np.sin(angle)
        y, x = places.y - centre, places.x - centre
        row, column = (cos * y + sin * x + centre).round(), (cos * x - sin * y + centre).round()
        inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
        if places.inside is not None:
            inside &= places.inside
        return Places(row, column, inside)


Transform = Jitter | Scale | Rotate
Draws = tuple[tuple[float, ...], ...]


def draw(chain: Sequence[Transform], rng: np.random.Generator) -> Draws:
    """One draw of every transform's parameters."""
    return tuple(transform.draw(rng) for transform in chain)


def sizes(chain: Sequence[Transform], draws: Draws, size: int) -> list[int]:
    """Side of the image before the first transform, between, and after the last."""
    steps = [size]
    for transform, drawn in zip(chain, draws, strict=True):
        steps.append(transform.size(steps[-1], drawn))
    return steps


def apply(chain: Sequence[Transform], draws: Draws, images: Tensor) -> Tensor:
    """Transform square images, (images, channels, size, size), with one draw shared by all."""
    steps = sizes(chain, draws, images.shape[2])
    side = torch.arange(steps[-1], dtype=torch.float32, device=images.device)
    places = Places(*torch.meshgrid(side, side, indexing="ij"))
    for transform, drawn, size in reversed(list(zip(chain, draws, steps, strict=False))):
        places = transform.back(places, size, drawn)
    return _resample(images, places)


def _resample(images: Tensor, places: Places) -> Tensor:
    count, channels, height, width = images.shape
    # all images share the places: as channels of one image, weights and addresses are worked out once
    planes = images.reshape(1, count * channels, height, width)
    grid = torch.stack([2 * places.x / (width - 1) - 1, 2 * places.y / (height - 1) - 1], -1)[None]
    read = F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=True)
    if places.inside is not None:
        read = read * places.inside
    return read.reshape(count, channels, *read.shape[2:])
