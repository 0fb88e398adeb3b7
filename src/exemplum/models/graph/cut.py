"""Cut a traced network to the part that computes chosen layers; find the shape of each layer."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.utils.fusion import fuse_conv_bn_eval

from exemplum.models.graph.convolutions import SameConvolution
from exemplum.models.graph.rewrite import ReLU, rewrite
from exemplum.models.graph.trace import TracedNetwork, concatenated, is_relu

# Their backward pass does not need their output, so a ReLU after them may overwrite it.
OVERWRITABLE = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm2d, nn.Linear)
OVERWRITABLE_FUNCTIONS = (torch.conv2d, torch.cat)
# A BatchNorm after them is folded into their weights; other subclasses may compute with other weights than they hold.
FOLDABLE = (nn.Conv2d, SameConvolution)


def cut(
    traced: TracedNetwork, layers: Sequence[str], before_relu: bool | Sequence[bool], fuse: bool = True
) -> fx.GraphModule:
    """The network up to `layers`, as a module with copied, frozen weights: input → tuple of the layers' values.

    With `before_relu`, for all layers or one by one, a layer that ends in a ReLU, or in a concatenation of ReLUs,
    returns the ReLUs' inputs. A layer may be named twice.
    With `fuse` a BatchNorm is folded into the convolution before it, and the rewrites of rewrite.py are applied.
    """
    before = [before_relu] * len(layers) if isinstance(before_relu, bool) else before_relu
    body = fx.GraphModule(traced.graph, copy.deepcopy(traced.graph.graph))
    nodes = {node.name: node for node in body.graph.nodes}
    wanted = [nodes[traced.outputs[layer].name] for layer in layers]
    wanted = [_before_relu(body, node) if asked else node for node, asked in zip(wanted, before, strict=True)]
    _drop_unused(body, wanted)
    body = copy.deepcopy(body)
    if fuse:
        _fuse_batch_norms(body)
        rewrite(body)
    _allow_in_place(body)
    body.graph.lint()
    body.recompile()
    return body.eval().requires_grad_(False)


def _before_relu(body: fx.GraphModule, node: fx.Node) -> fx.Node:
    if is_relu(body, node):
        return node.args[0]  # type: ignore[return-value]
    parts = concatenated(node)
    if not any(is_relu(body, part) for part in parts):
        return node
    befores = [_before_relu(body, part) for part in parts]
    with body.graph.inserting_after(node):
        return body.graph.call_function(torch.cat, (befores, 1))


def _drop_unused(body: fx.GraphModule, wanted: list[fx.Node]) -> None:
    """Make `wanted` the output, and erase all nodes that they do not depend on."""
    (output,) = (node for node in body.graph.nodes if node.op == "output")
    body.graph.erase_node(output)
    needed: set[fx.Node] = set()
    pending = list(wanted)
    while pending:
        node = pending.pop()
        if node not in needed:
            needed.add(node)
            pending += node.all_input_nodes
    for node in reversed(list(body.graph.nodes)):
        if node not in needed and node.op != "placeholder":
            body.graph.erase_node(node)
    body.graph.output(tuple(wanted))
    body.delete_all_unused_submodules()


def _fuse_batch_norms(body: fx.GraphModule) -> None:
    modules = dict(body.named_modules())
    for node in list(body.graph.nodes):
        if node.op != "call_module" or type(norm := modules[str(node.target)]) is not nn.BatchNorm2d:
            continue
        before = node.args[0]
        conv = modules.get(str(before.target)) if before.op == "call_module" else None
        if conv is None or type(conv) not in FOLDABLE or len(before.users) > 1 or norm.running_mean is None:
            continue
        if sum(other.target == before.target for other in body.graph.nodes) > 1:
            continue  # a convolution used twice keeps its weights
        parent, _, name = str(before.target).rpartition(".")
        setattr(body.get_submodule(parent), name, fuse_conv_bn_eval(conv, norm))
        node.replace_all_uses_with(before)
        body.graph.erase_node(node)
    body.delete_all_unused_submodules()


def _allow_in_place(body: fx.GraphModule) -> None:
    """Let a ReLU overwrite its input where nothing else needs the input."""
    modules = dict(body.named_modules())
    for node in body.graph.nodes:
        relu = modules.get(str(node.target)) if node.op == "call_module" else None
        if type(relu) is ReLU:
            before = node.args[0]
            module = modules.get(str(before.target)) if before.op == "call_module" else None
            safe = isinstance(module, OVERWRITABLE) or before.target in OVERWRITABLE_FUNCTIONS
            relu.inplace = safe and len(before.users) == 1


Shape = tuple[int, ...]


@dataclass
class Shapes:
    """Shapes of outputs for one image: of layers in the order of execution and, in a traced network, of nodes."""

    layers: dict[str, Shape] = field(default_factory=dict)
    nodes: dict[str, Shape] = field(default_factory=dict)


def probe(module: nn.Module, traced: TracedNetwork | None, channels: int, size: int, partial: bool = False) -> Shapes:
    """Run the network on one image of `size` × `size` and record all shapes.

    Errors of the network are raised; with `partial` they are not, and the shapes up to the error are returned.
    """

    def run(shapes: Shapes) -> None:
        images = torch.zeros(1, channels, size, size)
        with torch.no_grad():
            if traced is None:
                _call(module, images, shapes)
            else:
                _interpret(traced, images, shapes)

    shapes = Shapes()
    try:  # fake tensors have shapes and no values
        with FakeTensorMode(allow_non_fake_inputs=True), _without_log():
            run(shapes)
    except Exception:  # a run with real values shows whether the network is at fault
        shapes = Shapes()
        with suppress(Exception) if partial else nullcontext():
            run(shapes)
    return shapes


@contextmanager
def _without_log() -> Iterator[None]:
    """Suppress torch's log, which would show a traceback for each size that a network does not accept."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    earlier = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = earlier


def _interpret(traced: TracedNetwork, images: Tensor, shapes: Shapes) -> None:
    try:
        _Recorder(traced.graph, shapes.nodes).run(images)
    finally:
        found = {name: shapes.nodes.get(node.name) for name, node in traced.outputs.items()}
        shapes.layers.update({name: shape for name, shape in found.items() if shape})


class _Recorder(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, shapes: dict[str, Shape]) -> None:
        super().__init__(module)
        self.shapes = shapes
        self.extra_traceback = False

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.shapes[n.name] = tuple(value.shape)
        return value


def _call(module: nn.Module, images: Tensor, shapes: Shapes) -> None:
    calls: dict[str, list[Shape | None]] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            calls.setdefault(name, []).append(tuple(output.shape) if isinstance(output, Tensor) else None)

        return hook

    handles = [part.register_forward_hook(note(name)) for name, part in module.named_modules() if name]
    try:
        module(images)
    finally:
        for handle in handles:
            handle.remove()
        shapes.layers.update({name: given[0] for name, given in calls.items() if len(given) == 1 and given[0]})
