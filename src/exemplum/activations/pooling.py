"""From an activation map to one number a unit."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def channel(maps: Tensor) -> Tensor:
    """Average maps over space: (images, channels, h, w) → (images, channels). Raises ValueError if not 4-D."""
    _check(maps)
    return maps.mean((2, 3))


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
