"""From an activation map to one number a unit."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

CACHED = 2**19  # numbers, 2 MB in float32


def channel(maps: Tensor) -> Tensor:
    """Average maps over space in float32: (images, channels, h, w) → (images, channels). Raises ValueError if not 4-D.

    The result has the dtype of the maps, or float32 if theirs is a smaller one.
    """
    _check(maps)
    if maps.dtype.itemsize >= torch.float32.itemsize:
        return maps.mean((2, 3))
    if maps.device.type != "cpu":
        return maps.mean((2, 3), dtype=torch.float32)
    # torch sums bfloat16 at a quarter of the speed of float32; a copy of a few images stays in the processor's cache
    few = max(1, CACHED // max(1, maps[:1].numel()))
    return torch.cat([part.float().mean((2, 3)) for part in maps.split(few)])


def neuron(maps: Tensor) -> Tensor:
    """Take the centre of maps: (images, channels, h, w) → (images, channels). Raises ValueError if not 4-D.

    The centre of an even side is the later of the two middle positions (h // 2), as in Lucid.
    """
    _check(maps)
    return maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]


POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {"channel": channel, "neuron": neuron}


def pool(maps: Tensor, objective: str) -> Tensor:
    """The activation of every unit by the objective's name, `channel` or `neuron`."""
    return POOLINGS[objective](maps)


def _check(maps: Tensor) -> None:
    if maps.ndim != 4:
        raise ValueError(f"activation maps are (images, channels, h, w), got shape {tuple(maps.shape)}")
