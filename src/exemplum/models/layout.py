"""Which axis of a layer's output is channels, and the output as maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from exemplum.models.errors import ShapeError
from exemplum.models.network import Network


@dataclass(frozen=True)
class Layout:
    """How the output of one layer is read: its channel axis and, for tokens, how many lead the grid (class token)."""

    layer: str
    ndim: int
    axis: int
    prefix: int = 0

    def maps(self, value: Tensor, height: int, width: int) -> Tensor:
        """An output for images of `height` × `width` → (n, channels, h, w).

        Vectors (n, c) become (n, c, 1, 1). Tokens lose their prefix and take the grid that has the images' aspect,
        or become (n, c, tokens, 1) where there is none. Raises ShapeError if the output has another number of axes.
        """
        if value.ndim != self.ndim:
            raise ShapeError(f"layer {self.layer} gave shape {tuple(value.shape)}, but {self.ndim} axes are declared")
        if value.ndim == 2:
            return value[:, :, None, None]
        value = value.movedim(self.axis, 1)
        if value.ndim == 4:
            return value
        return _grid(value, self.prefix, height, width)


def layout(network: Network, layer: str, shape: tuple[int, ...], larger: tuple[int, ...] | None = None) -> Layout:
    """The layout of a layer whose output for one square image has `shape`.

    What the network declares counts; vectors and square maps speak for themselves, and where a map has as many
    channels as pixels a side, its shape for `larger` images decides. Tokens (3 axes) never speak for themselves.
    Raises ShapeError, naming layer and shape, where the channel axis cannot be told, or the first is not the images.
    """
    if shape[:1] != (1,):
        raise ShapeError(
            f"layer {layer} gives shape {shape} for one image: its first axis is not the images (docs/models.md); "
            f"choose another layer"
        )
    if len(shape) == 2:
        return Layout(layer, 2, 1)
    if len(shape) == 3 and network.token_axis is not None:
        return Layout(layer, 3, network.token_axis % 3, network.prefix_tokens)
    if len(shape) == 4 and network.map_axis is not None:
        return Layout(layer, 4, network.map_axis % 4)
    if len(shape) == 4 and len(axes := _channel_axes(shape) & _channel_axes(larger or shape)) == 1:
        return Layout(layer, 4, axes.pop())
    raise ShapeError(
        f"layer {layer} gives shape {shape}: which axis is channels is not known; choose another layer, or declare it "
        f"with models.Network (docs/models.md)"
    )


def _channel_axes(shape: tuple[int, ...]) -> set[int]:
    """The axes of (n, a, b, c) that can be channels, if the other two are the sides of a square."""
    return ({1} if shape[2] == shape[3] else set()) | ({3} if shape[1] == shape[2] else set())


def _grid(tokens: Tensor, prefix: int, height: int, width: int) -> Tensor:
    """(n, c, tokens) → (n, c, h, w) without the prefix, where there is one; or (n, c, tokens, 1)."""
    for lead in (prefix, 0):  # patches are embedded before a class token joins them
        count = tokens.shape[2] - lead
        rows = math.isqrt(count * height // width) if count > 0 else 0
        if rows and count % rows == 0 and rows * width == count // rows * height:
            return tokens[:, :, lead:].unflatten(2, (rows, count // rows))
    return tokens.unsqueeze(3)
