"""Transforms applied to images: the image is resampled once, whatever the chain.

A chain is followed from the last transform to the first, and one bilinear resampling reads the places found. That
equals resampling after every transform as long as only one of them (scaling, or crops) leaves the pixel grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from exemplum.explanations.synthetic.transforms import Crops, Drawn, Draws, OwnTransform, Places, Transform, sizes
from exemplum.runtime.hardware import compiled


def apply(chain: Sequence[Transform], draws: Draws, images: Tensor) -> Tensor:
    """Transform square images, (images, channels, size, size), with one draw shared by all.

    Crops, which can only come last, make `count` images of each: (images · count, channels, side, side).
    """
    for of_caller, part in groupby(zip(chain, draws, strict=True), key=lambda pair: isinstance(pair[0], OwnTransform)):
        pairs = list(part)
        images = _own(pairs, images) if of_caller else _resampled(pairs, images)
    return images


def _own(pairs: Sequence[tuple[Any, Drawn]], images: Tensor) -> Tensor:
    for each, drawn in pairs:
        images = each.images(images, drawn)
    return images


def _resampled(pairs: Sequence[tuple[Any, Drawn]], images: Tensor) -> Tensor:
    """Images after transforms that are maps of coordinates, resampled once."""
    chain, draws = (tuple(part) for part in zip(*pairs, strict=True))
    steps = sizes(chain, draws, images.shape[2])
    count = chain[-1].count if isinstance(chain[-1], Crops) else 1
    rows, columns = (torch.arange(n, dtype=torch.float32, device=images.device) for n in (count * steps[-1], steps[-1]))
    places = Places(*torch.meshgrid(rows, columns, indexing="ij"))
    for each, drawn, size in reversed(list(zip(chain, draws, steps, strict=False))):
        places = each.back(places, size, drawn)
    read = read_bilinear(images, places.y, places.x)
    if places.inside is not None:
        read = read * places.inside
    number, channels = images.shape[:2]
    split = read.view(number, channels, count, steps[-1], steps[-1])
    return split.transpose(1, 2).reshape(number * count, channels, steps[-1], steps[-1])


def read_bilinear(images: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Images (n, channels, height, width), all at the same places, (h, w) each in pixels → (n, channels, h, w).

    Places outside are read at the border.
    """
    if images.device.type != "cpu" or images.dtype != torch.float32:
        return _read_bilinear(images, y, x)
    result: Tensor = _Reading.apply(images, y, x)
    return result


def _read_bilinear(images: Tensor, y: Tensor, x: Tensor) -> Tensor:
    count, channels, height, width = images.shape
    # all images share the places: as channels of one image, weights and addresses are computed once; in as many parts
    # as divide them and keep the processors busy, since torch runs one thread per image
    parts = _parts(count * channels, images.device)
    planes = images.reshape(parts, -1, height, width)
    grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], -1)
    grid = grid.expand(parts, *grid.shape)
    found = F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return found.reshape(count, channels, *found.shape[2:])


def _parts(planes: int, device: torch.device) -> int:
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    return max(parts for parts in range(1, threads + 1) if planes % parts == 0)


class _Reading(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, y: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(y, x)
        ctx.shape = images.shape
        return _read_bilinear(images, y, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (y, x), (gradient,) = ctx.saved_tensors, gradients
        height, width = ctx.shape[2:]
        y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
        top, left = y.floor().clamp_max(height - 2), x.floor().clamp_max(width - 2)
        first = (top * width + left).to(torch.int64)
        planes = np.zeros((ctx.shape[0] * ctx.shape[1], height * width), np.float32)
        lines = gradient.reshape(len(planes), -1).numpy()
        _scatter(lines, *(part.flatten().numpy() for part in (first, y - top, x - left)), width, planes)
        return torch.from_numpy(planes).view(ctx.shape), None, None


@compiled
def _scatter(gradient, first, down, right, width, planes):  # type: ignore[no-untyped-def]
    """Add gradients, (planes, places), to the four pixels around each place: the first, and those right and below."""
    one, row = np.uint64(1), np.uint64(width)  # unsigned: negative indices, which count from the end, are not asked for
    for plane in range(planes.shape[0]):
        pixels, values = planes[plane], gradient[plane]
        for place in range(values.size):
            pixel = np.uint64(first[place])
            low = down[place] * values[place]
            high = values[place] - low
            pixels[pixel] += high - right[place] * high
            pixels[pixel + one] += right[place] * high
            pixels[pixel + row] += low - right[place] * low
            pixels[pixel + row + one] += right[place] * low
