"""What shape each layer has: one forward pass without arithmetic, or with it where a network needs values."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from exemplum.models.tracing import Traced

Shape = tuple[int, ...]


@dataclass
class Shapes:
    """Shapes of outputs for one image: of layers in the order of execution and, in a traced network, of nodes."""

    layers: dict[str, Shape] = field(default_factory=dict)
    nodes: dict[str, Shape] = field(default_factory=dict)


def probe(module: nn.Module, traced: Traced | None, channels: int, size: int, partial: bool = False) -> Shapes:
    """Run the network on one image of `size` × `size` and note all shapes.

    What the network raises passes; with `partial` it does not, and what was noted until then is the result.
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
    except Exception:  # a run with values tells whether it is the network's fault
        shapes = Shapes()
        with suppress(Exception) if partial else nullcontext():
            run(shapes)
    return shapes


@contextmanager
def _without_log() -> Iterator[None]:
    """A size that a network does not take is nothing to warn of: torch would log each with its traceback."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    earlier = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = earlier


def _interpret(traced: Traced, images: Tensor, shapes: Shapes) -> None:
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
