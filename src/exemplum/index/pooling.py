"""Objectives of the index: one activation per unit of its map, and the cell of the map that it stems from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from exemplum.models import class_token
from exemplum.runtime.hardware import compiled

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


def maximum(maps: Tensor) -> Tensor:
    """Take the maximum of maps: (images, channels, h, w) → (images, channels). Raises ValueError if not 4-D."""
    _check(maps)
    return maps.amax((2, 3))


POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "channel": channel, "neuron": neuron, "max": maximum,
    "cls": channel,  # of maps of a single cell: those of class tokens
}  # fmt: skip


def layer_read(layer: str, objective: str) -> str:
    """The layer whose maps an objective pools: with `cls` the layer's class token."""
    return class_token(layer) if objective == "cls" else layer


def pool(maps: Tensor, objective: str) -> Tensor:
    """The activation of every unit by the objective's name: `channel`, `neuron`, `max` or `cls`.

    For `cls` the maps are those of the layer's class token (`layer_read`).
    """
    return POOLINGS[objective](maps)


def _check(maps: Tensor) -> None:
    if maps.ndim != 4:
        raise ValueError(f"activation maps are (images, channels, h, w), got shape {tuple(maps.shape)}")


NOWHERE = -1  # of a map that is the same everywhere, as one of a single cell is
FEW_CELLS = torch.iinfo(torch.int16).max


def cells(maps: Tensor, objective: str) -> Tensor:
    """The cell of each map that makes an image an extreme: (images, channels, h, w) → (images, channels, 2).

    Cells are numbered row by row, the first of equal ones counts, and a map that is the same everywhere has none:
    NOWHERE. First for the pole max, then for min: the maximum and the minimum of the map with the objective `channel`,
    twice the centre with `neuron`, twice the maximum with `max`.
    """
    _check(maps)
    height, width = maps.shape[2:]
    dtype = torch.int16 if height * width <= FEW_CELLS else torch.int32
    if objective == "neuron":
        centre = NOWHERE if height * width == 1 else height // 2 * width + width // 2
        return torch.full((*maps.shape[:2], 2), centre, dtype=dtype, device=maps.device)
    found = _extreme_cells(maps).to(dtype)
    return found[..., :1].expand_as(found) if objective == "max" else found


def _extreme_cells(maps: Tensor) -> Tensor:
    """Cells of the maximum and the minimum, int32 (images, channels, 2)."""
    if maps.device.type != "cpu" or maps.dtype != torch.float32:
        flat = maps.flatten(2)
        (high, highest), (low, lowest) = flat.max(2), flat.min(2)
        return torch.stack([highest, lowest], 2).masked_fill((high == low)[..., None], NOWHERE).int()
    # torch searches a maximum number by number; where channels lie side by side, many are compared at a time
    lines = maps.detach().permute(0, 2, 3, 1).flatten(1, 2).contiguous().numpy()
    found = np.empty((2, len(lines), lines.shape[2]), np.int32)
    _search(lines, *found)
    return torch.from_numpy(found).movedim(0, 2)


@compiled
def _search(lines, highest, lowest):  # type: ignore[no-untyped-def]
    """Of values (images, cells, channels), the first cell of each map's maximum and minimum, (images, channels)."""
    for image in range(lines.shape[0]):
        x, highs, lows = lines[image], highest[image], lowest[image]
        high, low = x[0].copy(), x[0].copy()
        highs[:] = 0
        lows[:] = 0
        for cell in range(1, x.shape[0]):
            values, here = x[cell], np.int32(cell)
            for k in range(high.size):
                value = values[k]
                highs[k] = here if value > high[k] else highs[k]
                high[k] = value if value > high[k] else high[k]
                lows[k] = here if value < low[k] else lows[k]
                low[k] = value if value < low[k] else low[k]
        for k in range(high.size):
            if high[k] == low[k]:
                highs[k] = lows[k] = NOWHERE
