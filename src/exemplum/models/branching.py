"""Which channels of a layer come from which of its branches: a layer that ends in a concatenation has some."""

from __future__ import annotations

from collections.abc import Mapping

from torch import fx

from exemplum.models.tracing import Traced, concatenated, is_relu, is_within

# The paper's names of the towers, for blocks whose towers are these, in this order.
TOWERS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("1x1", "3x3", "5x5", "pool_reduce"): ("1x1", "3x3", "5x5", "pool"),  # exemplum's InceptionV1
    ("branch1", "branch2", "branch3", "branch4"): ("1x1", "3x3", "5x5", "pool"),  # torchvision's GoogLeNet
}


def branches(traced: Traced, layer: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, range]:
    """Branch → its channels, in channel order; empty if the layer's output is no concatenation.

    `shapes` has the shape of every node. A branch has the name of the part of the layer it is computed by; `pool`
    if that is a bare pooling, `input` if it comes from before the layer.
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


def _name(traced: Traced, layer: str, part: fx.Node) -> str:
    """The child of the layer that computes a part: the one before the part's ReLU if both are children."""
    if not is_within(part, layer):
        return "input"
    for node in [*part.all_input_nodes[:1], part] if is_relu(traced.graph, part) else [part]:
        for name, output in traced.outputs.items():
            if output is node and name.startswith(f"{layer}."):
                return name.removeprefix(f"{layer}.").partition(".")[0]
    return "pool" if "pool" in str(node.target) else "part"
