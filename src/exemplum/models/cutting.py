"""From a traced network the part that gives chosen layers, and nothing past the deepest: made ready to run fast."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from exemplum.models.relu import ReLU
from exemplum.models.rewriting import rewrite
from exemplum.models.tracing import Traced, concatenated, is_relu

# Their backward does not need their output, which a ReLU after them may therefore overwrite.
OVERWRITABLE = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm2d, nn.Linear)
OVERWRITABLE_FUNCTIONS = (torch.conv2d, torch.cat)


def cut(traced: Traced, layers: Iterable[str], before_relu: bool, fuse: bool = True) -> fx.GraphModule:
    """The network up to `layers`, as a module: input → tuple of the layers' values, weights its own and frozen.

    With `before_relu` a layer that ends in a ReLU, or in a concatenation of ReLUs, gives what enters them.
    With `fuse` a BatchNorm is folded into the convolution before it, and the rewrites of rewriting.py are applied.
    """
    body = fx.GraphModule(traced.graph, copy.deepcopy(traced.graph.graph))
    nodes = {node.name: node for node in body.graph.nodes}
    wanted = [nodes[traced.outputs[layer].name] for layer in layers]
    if before_relu:
        wanted = [_before_relu(body, node) for node in wanted]
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
    """Make `wanted` the output, and erase all that they do not depend on."""
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
        if type(conv) is not nn.Conv2d or len(before.users) > 1 or norm.running_mean is None:
            continue
        if sum(other.target == before.target for other in body.graph.nodes) > 1:
            continue  # a convolution used twice keeps its weights
        parent, _, name = str(before.target).rpartition(".")
        setattr(body.get_submodule(parent), name, fuse_conv_bn_eval(conv, norm))
        node.replace_all_uses_with(before)
        body.graph.erase_node(node)
    body.delete_all_unused_submodules()


def _allow_in_place(body: fx.GraphModule) -> None:
    """Let a ReLU overwrite its input where nothing else needs that."""
    modules = dict(body.named_modules())
    for node in body.graph.nodes:
        relu = modules.get(str(node.target)) if node.op == "call_module" else None
        if type(relu) is ReLU:
            before = node.args[0]
            module = modules.get(str(before.target)) if before.op == "call_module" else None
            safe = isinstance(module, OVERWRITABLE) or before.target in OVERWRITABLE_FUNCTIONS
            relu.inplace = safe and len(before.users) == 1
