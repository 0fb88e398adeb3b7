"""Trace a network into a graph, and find the node of each layer and the value before its ReLU."""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

from exemplum.models.graph.convolutions import SameConvolution
from exemplum.models.graph.rewrite import ReLU

# Modules of torch that contain layers to read, so they are traced into.
BLOCKS = (nn.TransformerEncoder, nn.TransformerDecoder, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
# In evaluation these return their input.
IDLE = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
IDLE_FUNCTIONS = {"dropout", "dropout2d", "stochastic_depth", "drop_path"}
RELU_FUNCTIONS = {F.relu, F.relu_, torch.relu, torch.relu_}
IN_PLACE = {
    operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
    operator.itruediv: operator.truediv, operator.iand: operator.and_, operator.ior: operator.or_,
}  # fmt: skip


@dataclass(frozen=True)
class TracedNetwork:
    """A traced network. Every ReLU is a `rewrite.ReLU`, nothing is done in place, identities are removed."""

    graph: fx.GraphModule
    outputs: dict[str, fx.Node]  # each module that is called once and returns one tensor → its output, in order


def trace(module: nn.Module, images: Tensor) -> TracedNetwork | None:
    """Trace a network in evaluation mode; None if it cannot be traced (its forward depends on values or types).

    Also None if it has forward hooks, which a rewritten graph would lose, or if graph and network differ for `images`,
    (n, channels, h, w), normalized or not.
    """
    if any(part._forward_hooks or part._forward_pre_hooks for part in module.modules()):
        return None
    tracer = _Tracer()
    try:
        graph = tracer.trace(module)
    except Exception:  # a user's forward may raise anything for a proxy: such networks are read with hooks
        return None
    traced = fx.GraphModule(module, graph)
    replaced = dict(_normalize(traced))
    outputs = {}
    for name, nodes in tracer.results.items():
        node = nodes[0]
        while node in replaced:
            node = replaced[node]
        if len(nodes) == 1 and node.op not in ("placeholder", "get_attr"):
            outputs[name] = node
    traced.recompile()
    if not _agrees(traced, module, images):
        return None
    order = {node: k for k, node in enumerate(graph.nodes)}
    return TracedNetwork(traced, dict(sorted(outputs.items(), key=lambda item: order[item[1]])))


def _agrees(traced: fx.GraphModule, module: nn.Module, images: Tensor) -> bool:
    """Whether the graph computes the same: if a forward depends on types, tracing may take another branch."""
    with torch.no_grad():
        try:
            expected = module(images)
        except Exception:  # reported with its reason when shapes are probed
            return True
        try:
            given = traced(images)
        except Exception:  # the graph of another branch may raise anything
            return False
    pairs = [tree_leaves(value) for value in (given, expected)]
    return len(pairs[0]) == len(pairs[1]) and all(_close(a, b) for a, b in zip(*pairs, strict=True))


def _close(given: object, expected: object) -> bool:
    if not isinstance(given, Tensor) or not isinstance(expected, Tensor):
        return not isinstance(expected, Tensor)
    # the same operations in the same precision, up to the order of sums
    scale = float(expected.abs().nan_to_num(0, 0).max()) if expected.numel() else 0.0
    return given.shape == expected.shape and torch.allclose(given, expected, 1e-3, 1e-4 * scale, equal_nan=True)


def is_relu(traced: fx.GraphModule, node: fx.Node) -> bool:
    return node.op == "call_module" and isinstance(traced.get_submodule(str(node.target)), ReLU)


def is_within(node: fx.Node, layer: str) -> bool:
    """Whether a node is computed inside a module."""
    return any(path == layer for path, _ in node.meta.get("nn_module_stack", {}).values())


def concatenated(node: fx.Node) -> list[fx.Node]:
    """The inputs of a concatenation over channels, nested ones flattened; empty for any other node."""
    if node.op != "call_function" or node.target not in (torch.cat, torch.concat):
        return []
    axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", node.kwargs.get("axis", 0))
    if axis not in (1, -3):
        return []
    parts: Any = node.args[0] if node.args else node.kwargs["tensors"]
    return [leaf for part in parts for leaf in concatenated(part) or [part]]


class _Tracer(fx.Tracer):
    """Records the output of each module."""

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[str, list[fx.Node]] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if _is_untraceable(m):
            return True
        return type(m) not in BLOCKS and super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        result = super().call_module(m, forward, args, kwargs)
        if isinstance(result, fx.Proxy):
            self.results.setdefault(self.path_of_module(m), []).append(result.node)
        return result


def _is_untraceable(module: nn.Module) -> bool:
    """Whether timm marks the module as one that cannot be traced, because its padding depends on the image's size.

    Its normalizations with an activation are marked too, but they can be traced, and their activation must be found.
    """
    layers = sys.modules.get("timm.layers")  # if it is not loaded, this is no module of timm
    return layers is not None and not any(module.children()) and layers.is_notrace_module(type(module))


def _normalize(traced: fx.GraphModule) -> Iterator[tuple[fx.Node, fx.Node]]:
    """Rewrite the graph as described in `TracedNetwork`. Returns each removed node with its successor."""
    for node in list(traced.graph.nodes):
        if _is_idle(traced, node):
            successor = node.args[0]
        elif (ceiling := _relu_ceiling(traced, node)) is not None:
            name = f"relu_{node.name}"
            traced.add_submodule(name, ReLU(ceiling))
            with traced.graph.inserting_before(node):
                successor = traced.graph.call_module(name, (node.args[0] if node.args else node.kwargs["input"],))
            successor.meta = dict(node.meta)
        elif (module := _replacement(traced, node)) is not None:
            name = f"{node.name}_as_module"
            traced.add_submodule(name, module)
            with traced.graph.inserting_before(node):
                successor = traced.graph.call_module(name, (node.args[0],))
            successor.meta = dict(node.meta)
        else:
            _out_of_place(traced, node)
            continue
        node.replace_all_uses_with(successor)
        traced.graph.erase_node(node)
        yield node, successor


def _is_idle(traced: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(traced.get_submodule(str(node.target)), IDLE)
    return node.op == "call_function" and getattr(node.target, "__name__", "") in IDLE_FUNCTIONS


def _relu_ceiling(traced: fx.GraphModule, node: fx.Node) -> float | None:
    """The upper limit of this ReLU (infinity, or 6); None if the node is not a ReLU."""
    if node.op == "call_module":
        module = traced.get_submodule(str(node.target))
        return {nn.ReLU: torch.inf, nn.ReLU6: 6.0}.get(type(module))
    if node.op == "call_function":
        return torch.inf if node.target in RELU_FUNCTIONS else 6.0 if node.target is F.relu6 else None
    return torch.inf if node.op == "call_method" and node.target in ("relu", "relu_") else None


def _replacement(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """The module that does what a node of timm's does, in a form that `cut` can fold and speed up."""
    if node.op == "call_module":
        module = traced.get_submodule(str(node.target))
        return SameConvolution.of(module) if type(module).__name__ == "Conv2dSame" else None
    return _batch_norm(traced, node) if node.target is F.batch_norm else None


BATCH_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")


def _batch_norm(traced: fx.GraphModule, node: fx.Node) -> nn.BatchNorm2d | None:
    """F.batch_norm with fixed statistics, as a module that shares its tensors."""
    given: dict[str, Any] = dict(zip(BATCH_NORM, node.args, strict=False)) | dict(node.kwargs)
    tensors = [given.get(name) for name in BATCH_NORM[1:5]]
    if given.get("training") or not all(isinstance(each, fx.Node) and each.op == "get_attr" for each in tensors):
        return None
    mean, variance, weight, bias = (operator.attrgetter(str(each.target))(traced) for each in tensors)  # type: ignore[union-attr]
    module = nn.BatchNorm2d(len(mean), eps=given.get("eps", 1e-5)).eval()
    module.running_mean, module.running_var, module.weight, module.bias = mean, variance, weight, bias
    return module


def _out_of_place(traced: fx.GraphModule, node: fx.Node) -> None:
    if node.op == "call_module" and getattr(module := traced.get_submodule(str(node.target)), "inplace", False):
        module = copy.copy(module)
        module.inplace = False  # type: ignore[assignment]
        node.target = f"{node.name}_out_of_place"
        traced.add_submodule(node.target, module)
    elif node.op == "call_function":
        node.target = IN_PLACE.get(node.target, node.target)  # type: ignore[arg-type]
        if node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}
    elif node.op == "call_method" and node.target in ("add_", "sub_", "mul_", "div_", "clamp_", "sigmoid_", "tanh_"):
        node.target = str(node.target).rstrip("_")
