"""Choose a network's layers, and find the branch of each channel and the channel axis of each output."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from torch import Tensor, fx, nn

from exemplum.models.graph.trace import TracedNetwork, concatenated, is_relu, is_within
from exemplum.models.network import Network, ShapeError

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


def useful(module: nn.Module, readable: Iterable[str]) -> list[str]:
    """The readable modules, in order, that are blocks, or have weights and are not inside a block.

    A block is a composite module whose class occurs several times in the network. Weights of normalizations do not
    count.
    """
    found = set(_walk(module, "", _recurring(module)))
    return [name for name in readable if name in found]


def stage_ends(module: nn.Module, layers: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The last block of each stage; a stage is a sequence of blocks.

    If the network has one sequence only, its stages are the runs of blocks whose outputs have the same shape; all
    blocks if that is one run. All layers if there is no sequence. `shapes` has the shape of each layer's output.
    """
    classes = _recurring(module)
    stages: dict[str, list[str]] = {}
    for name in layers:
        parent = name.rpartition(".")[0]
        if _is_block(module.get_submodule(name), classes) and type(module.get_submodule(parent)) in CONTAINERS:
            stages.setdefault(parent, []).append(name)
    # modules between stages are not part of one
    stages = {name: row for name, row in stages.items() if not any(other.startswith(f"{name}.") for other in stages)}
    if len(stages) == 1:
        (blocks,) = stages.values()
        runs = [list(run) for _, run in groupby(blocks, key=shapes.__getitem__)]
        return blocks if len(runs) == 1 else [run[-1] for run in runs]
    return [row[-1] for row in stages.values()] or list(layers)


def _recurring(module: nn.Module) -> set[type[nn.Module]]:
    """Classes of composite modules that occur more than once."""
    counts = Counter(type(part) for part in module.modules() if part is not module and any(part.children()))
    return {kind for kind, count in counts.items() if count > 1 and kind not in CONTAINERS}


def _walk(module: nn.Module, name: str, recurring: set[type[nn.Module]]) -> Iterable[str]:
    if type(module) in recurring or (name and not any(module.children()) and _weighs(module)):
        yield name
    if type(module) not in recurring or _is_stage(module, recurring):
        for part, child in module.named_children():
            yield from _walk(child, f"{name}.{part}" if name else part, recurring)


def _weighs(leaf: nn.Module) -> bool:
    return any(True for _ in leaf.parameters()) and not isinstance(leaf, NORMS)


def _is_block(module: nn.Module, recurring: set[type[nn.Module]]) -> bool:
    """Whether it is more than a convolution with its normalization and activation."""
    parts = (part for part in module.modules() if not isinstance(part, NORMS))
    return type(module) in recurring and sum(any(True for _ in part.parameters(recurse=False)) for part in parts) > 1


def _is_stage(module: nn.Module, recurring: set[type[nn.Module]]) -> bool:
    """Whether it contains a sequence of blocks of one class."""
    rows = [row for row in (module, *module.children()) if isinstance(row, CONTAINERS)]
    counts = [Counter(type(part) for part in row.children() if _is_block(part, recurring)) for row in rows]
    return any(count > 1 for row in counts for count in row.values())


# The paper's names of the towers, for blocks whose towers are these, in this order.
TOWERS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("1x1", "3x3", "5x5", "pool_reduce"): ("1x1", "3x3", "5x5", "pool"),  # Exemplum's InceptionV1
    ("branch1", "branch2", "branch3", "branch4"): ("1x1", "3x3", "5x5", "pool"),  # torchvision's GoogLeNet
}


def channel_branches(traced: TracedNetwork, layer: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, range]:
    """Branch → its channels, in channel order; empty if the layer's output is not a concatenation.

    `shapes` has the shape of every node. A branch is named after the module that computes it; `pool` if that is only a
    pooling, `input` if it comes from before the layer.
    """
    node = traced.outputs[layer]
    if is_relu(traced.graph, node):
        node = node.all_input_nodes[0]
    parts = concatenated(node)
    names = tuple(_name(traced, layer, part) for part in parts)
    found: dict[str, range] = {}
    start = 0
    for name, part in zip(TOWERS.get(names, names), parts, strict=True):
        channels = shapes[part.name][1]
        unique = name if name not in found else f"{name}_{len(found)}"
        found[unique] = range(start, start + channels)
        start += channels
    return found


def read_before(traced: TracedNetwork, layer: str) -> str:
    """What `relu = "before"` reads of a layer, in words.

    `input of its ReLU6` if it ends in one, or in a concatenation of some; `output, then ReLU6` if nothing but a ReLU
    takes its output, which is then the value before the ReLU as well; `output` for any other layer.
    """
    node = traced.outputs[layer]
    ends = [part for part in (concatenated(node) or [node]) if is_relu(traced.graph, part)]
    if ends:
        return f"input of its {_relu_name(traced, ends[0])}"
    if node.users and all(is_relu(traced.graph, user) for user in node.users):
        return f"output, then {_relu_name(traced, next(iter(node.users)))}"
    return "output"


def _relu_name(traced: TracedNetwork, node: fx.Node) -> str:
    ceiling = traced.graph.get_submodule(str(node.target)).ceiling
    return "ReLU" if ceiling == math.inf else f"ReLU{ceiling:g}"


def _name(traced: TracedNetwork, layer: str, part: fx.Node) -> str:
    """The child of the layer that computes a part: the one before the part's ReLU if both are children."""
    if not is_within(part, layer):
        return "input"
    for node in [*part.all_input_nodes[:1], part] if is_relu(traced.graph, part) else [part]:
        for name, output in traced.outputs.items():
            if output is node and name.startswith(f"{layer}."):
                return name.removeprefix(f"{layer}.").partition(".")[0]
    return "pool" if "pool" in str(node.target) else "part"


@dataclass(frozen=True)
class Layout:
    """The axes of a layer's output: channel axis and, for tokens, how many come before the grid (class token).

    With `only_class` the maps are those of the class token alone.
    """

    layer: str
    ndim: int
    axis: int
    prefix: int = 0
    only_class: bool = False

    def maps(self, value: Tensor, height: int, width: int) -> Tensor:
        """An output for images of `height` × `width` → (n, channels, h, w).

        Vectors (n, c) and class tokens become (n, c, 1, 1). Tokens lose their prefix and become a grid with the images'
        aspect ratio, or (n, c, tokens, 1) if there is none. Raises ShapeError if the output has another number of axes.
        """
        if value.ndim != self.ndim:
            raise ShapeError(
                f"layer {self.layer} returned shape {tuple(value.shape)}, but {self.ndim} axes are "
                "expected, as for the first image"
            )
        if value.ndim == 2:
            return value[:, :, None, None]
        value = value.movedim(self.axis, 1)
        if value.ndim == 4:
            return value
        return value[:, :, :1, None] if self.only_class else _grid(value, self.prefix, height, width)

    def has_prefix(self, shape: tuple[int, ...], height: int, width: int) -> bool:
        """Whether tokens of this shape are a prefix and a grid for images of `height` × `width`."""
        return self.ndim == 3 and self.prefix > 0 and _lead(shape[3 - self.axis], self.prefix, height, width) > 0


def layout(network: Network, layer: str, shape: tuple[int, ...], larger: tuple[int, ...] | None = None) -> Layout:
    """The layout of a layer whose output for one square image has `shape`.

    Declarations of the network come first. Vectors and square maps are unambiguous, unless a map has as many channels
    as pixels per side; then its shape for `larger` images decides. Tokens (3 axes) must be declared. Raises ShapeError,
    naming layer and shape, if the channel axis is unknown, or if the first axis is not the images.
    """
    if shape[:1] != (1,):
        raise ShapeError(
            f"layer {layer} gives shape {shape} for one image: its first axis is not the images "
            "(docs/reference/models.md); "
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
        f"layer {layer} gives shape {shape}: it is not known which axis is the channels; choose another layer, or "
        f"declare the axis with models.Network (docs/reference/models.md)"
    )


def _channel_axes(shape: tuple[int, ...]) -> set[int]:
    """The axes of (n, a, b, c) that can be channels, if the other two are the sides of a square."""
    return ({1} if shape[2] == shape[3] else set()) | ({3} if shape[1] == shape[2] else set())


def _grid(tokens: Tensor, prefix: int, height: int, width: int) -> Tensor:
    """(n, c, tokens) → (n, c, h, w) without the prefix, if the tokens form a grid; else (n, c, tokens, 1)."""
    lead = _lead(tokens.shape[2], prefix, height, width)
    if lead < 0:
        return tokens.unsqueeze(3)
    rows = _rows(tokens.shape[2] - lead, height, width)
    return tokens[:, :, lead:].unflatten(2, (rows, -1))


def _lead(tokens: int, prefix: int, height: int, width: int) -> int:
    """How many tokens come before the grid; -1 if there is none."""
    # patches are embedded before a class token joins them
    return next((lead for lead in (prefix, 0) if _rows(tokens - lead, height, width)), -1)


def _rows(patches: int, height: int, width: int) -> int:
    """The rows of a grid of so many patches with the images' aspect ratio; 0 if there is none."""
    rows = math.isqrt(patches * height // width) if patches > 0 else 0
    return rows if rows and patches % rows == 0 and rows * width == patches // rows * height else 0
