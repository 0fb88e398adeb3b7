"""Read the activation maps of chosen layers, differentiably, in one forward pass that stops at the deepest.

Cores that share every layer wait for one another at its end. With lanes, each core takes its own images through all
layers, without waiting and with its images in its cache. Images are independent, so the result is the same except for
rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

from exemplum.models.dictionaries.encoders import ModuleEncoder
from exemplum.models.graph.rewrite import ReLU
from exemplum.models.graph.trace import concatenated
from exemplum.models.layers import Layout
from exemplum.models.network import Normalize

MOST_SHAPES = 64  # of images: a recipe's sizes times the possible numbers of images in a batch


class Reader(nn.Module):
    """RGB images in [0, 1], (n, 3, h, w) → {layer: maps (n, channels, h, w)}.

    Normalizes inside; gradients flow to the images, none to the weights. `body` takes the normalized images and
    returns one tensor per layer; `layouts` convert each to maps, and `encoders` those of a dictionary's layer to the
    maps of its features. Tokens without a known grid are (n, channels, tokens, 1), vectors (n, channels, 1, 1). Maps
    have the dtype of the body. Images of another size than `fixed_size` are resized to it, if it is not None.
    """

    def __init__(
        self,
        normalize: Normalize,
        body: nn.Module,
        layouts: Mapping[str, Layout],
        fixed_size: int | None = None,
        encoders: Mapping[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.normalize, self.body, self.layouts, self.fixed_size = normalize, body, dict(layouts), fixed_size
        self.encoders = dict(encoders or {})
        self._held = nn.ModuleList(self.encoders.values())  # so that they are moved with the reader
        self._compiled: Callable[[Tensor], Sequence[Tensor]] | None = None
        self._redirecting = False

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        if self.fixed_size and images.shape[-2:] != (self.fixed_size, self.fixed_size):
            images = F.interpolate(images, (self.fixed_size, self.fixed_size), mode="bilinear")
        height, width = images.shape[-2:]
        inputs = self.normalize(images).contiguous(memory_format=torch.channels_last)
        values = self.body(inputs) if self._compiled is None or self._redirecting else self._compiled(inputs)
        found = {}
        for (name, layout), value in zip(self.layouts.items(), values, strict=True):
            maps = layout.maps(value, height, width)
            found[name] = self.encoders[name](maps) if name in self.encoders else maps
        return found

    def compile_body(self, **options: Any) -> None:
        """Compile the network, once for each shape of images; `options` are torch.compile's.

        On a GPU each shape becomes a CUDA graph, which is launched at once instead of layer by layer. Passes with
        redirected gradients are not compiled.
        """
        from torch._dynamo import config  # late: it takes a second

        config.recompile_limit = max(config.recompile_limit, MOST_SHAPES)
        self._compiled = torch.compile(self.body, dynamic=False, **{"mode": "reduce-overhead", **options})

    @property
    def device(self) -> torch.device:
        """The device of the network, and so of the images."""
        return self.normalize.mean.device  # the network itself may have no parameters

    @contextmanager
    def redirected_relu(self, images: Tensor | None = None) -> Iterator[None]:
        """Within, ReLUs have the gradient of `rewrite.redirected_relu`, for marked images, or for all."""
        marked = torch.ones(1, dtype=torch.bool, device=self.device) if images is None else images
        relus = [module for module in self.body.modules() if isinstance(module, ReLU)]
        try:
            self._redirecting = True
            for relu in relus:
                relu.redirect = marked
            yield
        finally:
            self._redirecting = False
            for relu in relus:
                relu.redirect = None


RELUS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
IN_PLACE = {
    Tensor.__iadd__: torch.add, Tensor.__isub__: torch.sub, Tensor.__imul__: torch.mul,
    Tensor.add_: torch.add, Tensor.sub_: torch.sub, Tensor.mul_: torch.mul,
}  # fmt: skip


class HookedBody(nn.Module):
    """A network's input → the values of `layers`, as from `cut.cut`, read with hooks from the unchanged network."""

    def __init__(self, module: nn.Module, layers: Sequence[str], before_relu: Sequence[bool]) -> None:
        super().__init__()
        self.module = module
        self.layers, self.before_relu = tuple(layers), tuple(before_relu)
        self.relus = nn.ModuleDict({"relu": ReLU(), "relu6": ReLU(6.0)})

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        values: dict[str, Tensor] = {}
        handles = [
            self.module.get_submodule(name).register_forward_hook(self._keep(name, values))
            for name in dict.fromkeys(self.layers)
        ]
        tape = _InputRecorder(self.relus)
        try:
            with tape:
                self.module(inputs)
        except _AllLayersRead:
            pass
        finally:
            for handle in handles:
                handle.remove()
        asked = zip(self.layers, self.before_relu, strict=True)
        return tuple(tape.before_relu(values[name]) if before else values[name] for name, before in asked)

    def _keep(self, name: str, values: dict[str, Tensor]) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            values[name] = output
            if len(values) == len(set(self.layers)):
                raise _AllLayersRead

        return hook


class _AllLayersRead(BaseException):
    """Raised when all layers are read; a BaseException, so that `except Exception` in a forward does not catch it."""


class _InputRecorder(TorchFunctionMode):
    """Records the inputs of ReLUs and concatenations, and prevents in-place operations from overwriting them."""

    def __init__(self, relus: nn.ModuleDict) -> None:
        super().__init__()
        self.relus = relus
        self.inputs: dict[int, tuple[Tensor, Tensor]] = {}  # id of a ReLU's output → the output (kept alive), its input
        self.parts: dict[int, tuple[Tensor, Sequence[Tensor]]] = {}

    def before_relu(self, value: Tensor) -> Tensor:
        """The input of the ReLU, or of the concatenated ReLUs, that returned this value; else the value."""
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
    is_relu6 = func is F.hardtanh and (kwargs.get("min_val"), kwargs.get("max_val")) == (0, 6)  # called by nn.ReLU6
    return "relu6" if func is F.relu6 or is_relu6 else None


def _axis(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return args[1] if len(args) > 1 else kwargs.get("dim", 0)


def unjoined(reader: Reader) -> Reader:
    """The same maps without a copy: if only the reader uses a layer's concatenation, its branches are returned instead,
    named LAYER/0, LAYER/1, … in the order of the channels.
    """
    body = reader.body
    if not isinstance(body, fx.GraphModule):
        return reader
    (output,) = (node for node in body.graph.nodes if node.op == "output")
    values: list[fx.Node] = []
    layouts: dict[str, Layout] = {}
    for (name, layout), node in zip(reader.layouts.items(), output.args[0], strict=True):
        whole = name in reader.encoders or (layout.ndim, layout.axis) != (4, 1) or len(node.users) > 1
        parts = [] if whole else concatenated(node)
        values += parts or [node]
        layouts |= {f"{name}/{place}": layout for place in range(len(parts))} or {name: layout}
    body.graph.erase_node(output)
    body.graph.output(tuple(values))
    body.graph.eliminate_dead_code()
    body.graph.lint()
    body.recompile()
    return Reader(reader.normalize, body, layouts, reader.fixed_size, reader.encoders).eval()


Function = Callable[..., Iterable[Tensor]]


class Lanes:
    """Threads that each take some images through a whole step: as many as torch uses; with a GPU only the caller's."""

    def __init__(self, reader: Reader) -> None:
        """Lanes for a reader and for what comes before and after it."""
        # a network that is read with hooks stores their results in itself, so only one thread can use it; a module of
        # the user's may do so too
        shared = isinstance(reader.body, fx.GraphModule) and not any(
            isinstance(encoder, ModuleEncoder) for encoder in reader.encoders.values()
        )
        divides = reader.device.type == "cpu" and shared
        self.count = torch.get_num_threads() if divides else 1
        self.pool = ThreadPoolExecutor(self.count, initializer=torch.set_num_threads, initargs=(1,))

    def __call__(self, function: Function, *images: Tensor) -> tuple[Tensor, ...]:
        """The results of `function`, tensors with one row per image, for all images; gradients flow to the images.

        `images` are one tensor or more; each lane gets a part of each.
        """
        lanes = min(self.count, *map(len, images))
        return tuple(function(*images)) if lanes == 1 else tuple(_Spread.apply(function, self.pool, lanes, *images))

    def map(self, function: Callable[[Tensor], tuple[Tensor, ...]], images: Tensor) -> tuple[Tensor, ...]:
        """The results of `function`, tensors with one row per image, for all images; without gradients."""
        if min(self.count, len(images)) <= 1:
            return function(images)
        return tuple(map(torch.cat, zip(*self.pool.map(function, images.chunk(self.count)), strict=True)))


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, function: Function, pool: ThreadPoolExecutor, lanes: int, *images: Tensor
    ) -> tuple[Tensor, ...]:
        def forward(*parts: Tensor) -> tuple[list[Tensor], list[Tensor]]:
            own = [part.detach().requires_grad_() for part in parts]
            return own, list(function(*own))

        ctx.pool, ctx.done = pool, list(pool.map(forward, *(tensor.tensor_split(lanes) for tensor in images)))
        return tuple(map(torch.cat, zip(*(found for _, found in ctx.done), strict=True)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        counts = zip(*([len(tensor) for tensor in found] for _, found in ctx.done), strict=True)
        shares = zip(*(whole.split(own) for whole, own in zip(gradients, counts, strict=True)), strict=True)
        own = zip(*ctx.pool.map(_backward, ctx.done, shares), strict=True)
        return None, None, None, *map(torch.cat, own)


def _backward(done: tuple[list[Tensor], list[Tensor]], gradients: Sequence[Tensor]) -> Sequence[Tensor]:
    own, found = done
    return torch.autograd.grad(found, own, gradients)
