"""What shape each layer has: one forward pass without arithmetic, or with it where a network needs values."""

from __future__ import annotations

from collections.abc import Callable
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


def probe(module: nn.Module, traced: Traced | None, channels: int, size: int) -> Shapes:
    """Run the network on one image of `size` × `size` and note all shapes. What the network raises passes."""

    def run() -> Shapes:
        images = torch.zeros(1, channels, size, size)
        with torch.no_grad():
            return _called(module, images) if traced is None else _interpreted(traced, images)

    return _without_arithmetic(run) or run()


def _without_arithmetic(run: Callable[[], Shapes]) -> Shapes | None:
    """Run on fake tensors, which have shapes and no values; None if that fails, for whatever reason."""
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            return run()
    except Exception:  # the run with values tells whether the network is at fault
        return None


def _interpreted(traced: Traced, images: Tensor) -> Shapes:
    recorder = _Recorder(traced.graph)
    recorder.run(images)
    shapes = {name: recorder.shapes.get(node.name) for name, node in traced.outputs.items()}
    return Shapes({name: shape for name, shape in shapes.items() if shape}, recorder.shapes)


class _Recorder(fx.Interpreter):
    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.shapes: dict[str, Shape] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.shapes[n.name] = tuple(value.shape)
        return value


def _called(module: nn.Module, images: Tensor) -> Shapes:
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
    return Shapes({name: shapes[0] for name, shapes in calls.items() if len(shapes) == 1 and shapes[0]})
