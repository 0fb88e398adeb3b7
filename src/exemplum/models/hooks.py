"""Reading networks that cannot be traced: hooks for the length of one call, which ends at the deepest layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from exemplum.models.relu import ReLU

RELUS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
IN_PLACE = {
    Tensor.__iadd__: torch.add, Tensor.__isub__: torch.sub, Tensor.__imul__: torch.mul,
    Tensor.add_: torch.add, Tensor.sub_: torch.sub, Tensor.mul_: torch.mul,
}  # fmt: skip


class HookedBody(nn.Module):
    """A network's input → the values of `layers`, as `cutting.cut` gives them. The network itself stays as it is."""

    def __init__(self, module: nn.Module, layers: Sequence[str], before_relu: bool) -> None:
        super().__init__()
        self.module = module
        self.layers, self.before_relu = tuple(layers), before_relu
        self.relus = nn.ModuleDict({"relu": ReLU(), "relu6": ReLU(6.0)})

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        values: dict[str, Tensor] = {}
        handles = [
            self.module.get_submodule(name).register_forward_hook(self._keep(name, values)) for name in self.layers
        ]
        tape = _Tape(self.relus)
        try:
            with tape:
                self.module(inputs)
        except _Done:
            pass
        finally:
            for handle in handles:
                handle.remove()
        if self.before_relu:
            values = {name: tape.before_relu(value) for name, value in values.items()}
        return tuple(values[name] for name in self.layers)

    def _keep(self, name: str, values: dict[str, Tensor]) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            values[name] = output
            if len(values) == len(self.layers):
                raise _Done

        return hook


class _Done(BaseException):
    """All layers are read. No `except Exception` of a foreign forward may catch it."""


class _Tape(TorchFunctionMode):
    """Notes what went into each ReLU and each concatenation, and keeps operations from overwriting that."""

    def __init__(self, relus: nn.ModuleDict) -> None:
        super().__init__()
        self.relus = relus
        self.inputs: dict[int, tuple[Tensor, Tensor]] = {}  # id of a ReLU's output → the output (kept alive), its input
        self.parts: dict[int, tuple[Tensor, Sequence[Tensor]]] = {}

    def before_relu(self, value: Tensor) -> Tensor:
        """What entered the ReLU, or the concatenation of ReLUs, that gave this value; else the value."""
        if id(value) in self.inputs:
            return self.inputs[id(value)][1]
        if id(value) in self.parts:
            return torch.cat([self.before_relu(part) for part in self.parts[id(value)][1]], 1)
        return value

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if kind := _kind(func, kwargs):
            value = self.relus[kind](before := args[0] if args else kwargs["input"])
            self.inputs[id(value)] = (value, before)
            return value
        value = IN_PLACE.get(func, func)(*args, **kwargs)
        if func in (torch.cat, torch.concat) and value.ndim == 4 and _axis(args, kwargs) in (1, -3):
            self.parts[id(value)] = (value, args[0] if args else kwargs["tensors"])
        return value


def _kind(func: Any, kwargs: Mapping[str, Any]) -> str | None:
    if func in RELUS:
        return "relu"
    is_relu6 = func is F.hardtanh and (kwargs.get("min_val"), kwargs.get("max_val")) == (0, 6)  # so nn.ReLU6 calls it
    return "relu6" if func is F.relu6 or is_relu6 else None


def _axis(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return args[1] if len(args) > 1 else kwargs.get("dim", 0)
