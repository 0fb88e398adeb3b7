"""Bilinear reading of images at any places, and its gradient, which torch works out slowly on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from exemplum.compiled import compiled


def read(images: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Images (n, channels, height, width), all at the same places, (h, w) each in pixels → (n, channels, h, w).

    Places outside are read at the border.
    """
    if images.device.type != "cpu" or images.dtype != torch.float32:
        return _read(images, y, x)
    result: Tensor = _Reading.apply(images, y, x)
    return result


def _read(images: Tensor, y: Tensor, x: Tensor) -> Tensor:
    count, channels, height, width = images.shape
    # all images share the places: as channels of one image, weights and addresses are worked out once;
    # in as many parts as divide them and keep the processors busy, since torch runs one thread an image
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
        return _read(images, y, x)

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
