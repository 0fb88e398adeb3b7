"""Receptive fields: the pixels of the input that each cell of a map can depend on, from the graph.

Strides and extents multiply and add up as in Araujo, Norris & Sim (Distill 2019), for each axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from exemplum.models.graph.convolutions import SameConvolution
from exemplum.models.graph.trace import TracedNetwork

POOLS = (nn.MaxPool2d, nn.AvgPool2d)
POOL_FUNCTIONS = {F.max_pool2d, F.avg_pool2d, torch.max_pool2d, torch._C._nn.avg_pool2d}


@dataclass(frozen=True)
class Extent:
    """Along one axis: cell i of a map depends on the pixels from low + stride · i to high + stride · i."""

    stride: float = 1.0
    low: float = 0.0
    high: float = 0.0

    def slid(self, kernel: int, stride: int, padding: int, dilation: int = 1) -> Extent:
        """After a convolution or a pooling."""
        low = self.low - padding * self.stride
        return Extent(self.stride * stride, low, self.high + (dilation * (kernel - 1) - padding) * self.stride)

    def joined(self, other: Extent) -> Extent | None:
        """Of both together; None if their cells do not lie at the same distance."""
        if self.stride != other.stride:
            return None
        return Extent(self.stride, min(self.low, other.low), max(self.high, other.high))


Field = tuple[Extent, Extent]  # rows, columns
Shapes = Mapping[str, tuple[int, ...]]


def fields(traced: TracedNetwork, shapes: Shapes) -> dict[fx.Node, Field]:
    """The field of every node whose maps, (n, channels, h, w), come from convolutions, poolings and what keeps a grid.

    Nodes that depend on the whole image in another way have none. A factor per channel, as of squeeze and excitation,
    does not count. `shapes` has the shape of every node.
    """
    found: dict[fx.Node, Field] = {}
    for node in traced.graph.graph.nodes:
        field = _field(traced.graph, node, found, shapes)
        if field is not None:
            found[node] = field
    return found


def _field(graph: fx.GraphModule, node: fx.Node, found: Mapping[fx.Node, Field], shapes: Shapes) -> Field | None:
    if node.op == "placeholder":
        return Extent(), Extent()
    inputs = [given for given in node.all_input_nodes if given.op != "get_attr" and _is_grid(shapes.get(given.name))]
    if not inputs or any(given not in found for given in inputs) or not _is_grid(shapes.get(node.name)):
        return None
    if (window := _window(graph, node, shapes.get(inputs[0].name))) is not None:
        rows, columns = (extent.slid(*sizes) for extent, sizes in zip(found[inputs[0]], window, strict=True))
        return rows, columns
    if node.target is F.pad or node.target is torch._C._nn.pad:
        return _padded(node, found[inputs[0]], shapes[inputs[0].name], shapes[node.name])
    # all else is taken to work cell by cell if it keeps the grid
    if any(shapes[given.name][2:] != shapes[node.name][2:] for given in inputs):
        return None
    field = found[inputs[0]]
    for given in inputs[1:]:
        both = [mine.joined(other) for mine, other in zip(field, found[given], strict=True)]
        if both[0] is None or both[1] is None:
            return None
        field = both[0], both[1]
    return field


def _is_grid(shape: tuple[int, ...] | None) -> bool:
    return shape is not None and len(shape) == 4 and shape[2:] != (1, 1)


Window = tuple[tuple[int, ...], tuple[int, ...]]  # kernel, stride, padding, dilation of rows and of columns


def _window(graph: fx.GraphModule, node: fx.Node, shape: tuple[int, ...] | None) -> Window | None:
    """How a convolution or a pooling slides over an input of this shape; None for any other node."""
    sizes: tuple[Any, ...]
    if node.op == "call_module":
        module = graph.get_submodule(str(node.target))
        if isinstance(module, SameConvolution):
            assert shape is not None  # it is a grid
            padding = tuple(pixels // 2 for pixels in module.added(*shape[2:]))
            sizes = (module.kernel_size, module.stride, padding, module.dilation)
        elif isinstance(module, nn.Conv2d):
            sizes = (module.kernel_size, module.stride, _padding(module), module.dilation)
        elif isinstance(module, POOLS):
            sizes = (module.kernel_size, module.stride, module.padding, getattr(module, "dilation", 1))
        else:
            return None
    elif node.target in (F.conv2d, torch.conv2d):
        kernel = _kernel(graph, node.args[1] if len(node.args) > 1 else node.kwargs["weight"])
        sizes = (kernel, *(_given(node, place, name, start) for place, name, start in CONV))
    elif node.target in POOL_FUNCTIONS:
        kernel = _given(node, 1, "kernel_size", None)
        stride, padding = _given(node, 2, "stride", None), _given(node, 3, "padding", 0)
        dilation = _given(node, 4, "dilation", 1) if node.target in (F.max_pool2d, torch.max_pool2d) else 1
        sizes = (kernel, stride or kernel, padding, dilation)
    else:
        return None
    pairs = [_pair(size) for size in sizes]
    if any(pair is None for pair in pairs):
        return None
    rows, columns = (tuple(pair[axis] for pair in pairs if pair) for axis in range(2))
    return rows, columns


CONV = ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1))


def _given(node: fx.Node, place: int, name: str, otherwise: Any) -> Any:
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, otherwise)


def _pair(size: Any) -> tuple[int, int] | None:
    """Rows and columns; None for what is no number, as a size that depends on the input."""
    if isinstance(size, int):
        return size, size
    pair = tuple(size) if isinstance(size, (tuple, list)) else ()
    pair = pair * 2 if len(pair) == 1 else pair
    return pair if len(pair) == 2 and all(isinstance(value, int) for value in pair) else None


def _padding(module: nn.Conv2d) -> Any:
    """Of a convolution; "same" adds the odd pixel at the end."""
    if module.padding == "valid":
        return 0
    if module.padding == "same":
        return tuple(d * (k - 1) // 2 for k, d in zip(module.kernel_size, module.dilation, strict=True))
    return module.padding


def _kernel(graph: fx.GraphModule, weight: Any) -> Any:
    if not isinstance(weight, fx.Node) or weight.op != "get_attr":
        return None
    value: Any = graph
    for name in str(weight.target).split("."):
        value = getattr(value, name)
    return tuple(value.shape[2:])


def _padded(node: fx.Node, field: Field, before: tuple[int, ...], after: tuple[int, ...]) -> Field:
    widths = _given(node, 1, "pad", ())
    known = isinstance(widths, (tuple, list)) and len(widths) <= 4 and all(isinstance(width, int) for width in widths)
    # padding that depends on the size is TensorFlow's: the odd pixel is added at the end
    top, left = ((after[axis] - before[axis]) // 2 for axis in (2, 3))
    if known:
        left, _, top, _ = (*widths, 0, 0, 0, 0)[:4]
    return field[0].slid(1, 1, top), field[1].slid(1, 1, left)
