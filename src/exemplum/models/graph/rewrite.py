"""Rewrites of a traced network for speed, and a ReLU with redirected gradients, as Lucid uses in the first steps."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable

from exemplum.models.graph.maxpool import max_pool


class ReLU(nn.Module):
    """min(max(x, 0), ceiling).

    While `redirect` is not None the gradient is that of `redirected_relu`, for the images that it marks, (n,) or (1,).
    `inplace` means that nothing else needs the input, so it may be overwritten.
    """

    redirect: Tensor | None

    def __init__(self, ceiling: float = math.inf, inplace: bool = False) -> None:
        super().__init__()
        self.ceiling, self.inplace, self.redirect = ceiling, inplace, None

    def forward(self, x: Tensor) -> Tensor:
        if self.redirect is not None:
            return redirected_relu(x, self.ceiling, self.redirect)
        if self.ceiling < math.inf:
            return torch.clamp(x, 0, self.ceiling)
        return torch.relu_(x) if self.inplace else torch.relu(x)

    def extra_repr(self) -> str:
        return f"ceiling={self.ceiling}"


def redirected_relu(x: Tensor, ceiling: float = math.inf, images: Tensor | None = None) -> Tensor:
    """ReLU, (n, …) → (n, …), that passes the gradient on for images whose true gradient is zero.

    For an image whose true gradient is zero at every position, the incoming gradient dL/dy passes, except
    where a step downhill would push x further out of reach: x < 0 and dL/dy > 0 (or x > ceiling and dL/dy < 0).
    L is minimized. Other images get the true gradient, and so do those that `images`, (n,) true or false, does not
    mark. Source: Lucid, misc/redirected_relu_grad.py (Olah et al. 2017).
    """
    marked = torch.ones(1, dtype=torch.bool, device=x.device) if images is None else images
    result: Tensor = _RedirectedReLU.apply(x, marked, ceiling)
    return result


class _RedirectedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, marked: Tensor, ceiling: float) -> Tensor:
        ctx.save_for_backward(x, marked)
        ctx.ceiling = ceiling
        return torch.clamp(x, 0, ceiling) if ceiling < math.inf else torch.relu(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x, marked), (gradient,) = ctx.saved_tensors, gradients
        below, above = x < 0, x > ctx.ceiling
        true = gradient.masked_fill(below | above, 0)
        useless = (below & (gradient > 0)) | (above & (gradient < 0))
        # computed for all tensors, not only where needed: the check would stall a GPU
        keep = (true != 0).flatten(1).any(1) | ~marked
        return torch.where(keep.view(-1, *[1] * (x.ndim - 1)), true, gradient.masked_fill(useless, 0)), None, None


POOLING = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")
CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


def rewrite(body: fx.GraphModule) -> None:
    """Apply every rewrite, in place."""
    _max_pools(body)
    _first_convolutions(body)


class PooledReLU(ReLU):
    """ReLU and max-pooling in exchanged order: both are monotonic, and the ReLU then has a quarter of the work.

    While the gradient is redirected the network's own order is used, since then it matters.
    """

    def __init__(self, relu: ReLU, pool: nn.MaxPool2d) -> None:
        super().__init__(relu.ceiling, inplace=True)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        if self.redirect is not None:
            return self.pool(super().forward(x))
        if self.ceiling == math.inf:
            return max_pool(x, self.pool, relu=True)
        return super().forward(max_pool(x, self.pool))


class MaxPool(nn.MaxPool2d):
    """Max-pooling without a ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return max_pool(x, self)


def _max_pools(body: fx.GraphModule) -> None:
    modules = dict(body.named_modules())
    for node in list(body.graph.nodes):
        if (pool := _max_pool(node, modules)) is None:
            continue
        before = node.args[0]
        relu = modules.get(str(before.target)) if before.op == "call_module" else None
        if type(relu) is ReLU and len(before.users) == 1:
            name = f"{node.name}_of_relu"
            body.add_submodule(name, PooledReLU(relu, pool))
            node.op, node.target, node.args, node.kwargs = "call_module", name, before.args, {}
            body.graph.erase_node(before)
        else:
            name, pool.__class__ = f"{node.name}_alone", MaxPool
            body.add_submodule(name, pool)
            node.op, node.target, node.args, node.kwargs = "call_module", name, (before,), {}
    body.delete_all_unused_submodules()


def _max_pool(node: fx.Node, modules: dict[str, nn.Module]) -> nn.MaxPool2d | None:
    """The max-pooling module of a node, if it is one without indices."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        return module if type(module) is nn.MaxPool2d and not module.return_indices else None
    if node.target is F.max_pool2d and not node.kwargs.get("return_indices") and len(node.args) < len(POOLING):
        settings: dict[str, Any] = dict(zip(POOLING, node.args[1:], strict=False)) | dict(node.kwargs)
        return nn.MaxPool2d(**{name: value for name, value in settings.items() if name in POOLING})
    return None


class FirstConvolution(nn.Conv2d):
    """A convolution of stride 2 over few channels (an image), with a polyphase input gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return first_convolution(x, self.weight, self.bias, self.stride, self.padding)  # type: ignore[arg-type]


def first_convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: tuple[int, int], *_: object
) -> Tensor:
    """torch.conv2d of stride 2, (n, few, h, w) → (n, out, h/2, w/2), with a polyphase gradient to `x`.

    The gradient at every second row and column (one phase) is an ordinary convolution of the output's gradient with
    every second row and column of the weights. All four phases at once take half the time of a strided backward pass
    on a CPU.
    """
    if x.device.type != "cpu":
        return F.conv2d(x, weight, bias, stride, padding)
    result: Tensor = _PolyphaseGradient.apply(x, weight, bias, padding)
    return result


class _PolyphaseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.padding, ctx.shape = padding, x.shape
        return F.conv2d(x, weight, bias, 2, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (weight,), (gradient,) = ctx.saved_tensors, gradients
        before = [padding + padding % 2 for padding in ctx.padding]  # the smallest even number of rows before the image
        height, width = weight.shape[2] + before[0] - ctx.padding[0], weight.shape[3] + before[1] - ctx.padding[1]
        weight = F.pad(weight, (before[1] - ctx.padding[1], width % 2, before[0] - ctx.padding[0], height % 2))
        # (out, in, rows, 2, columns, 2) → (in · 2 · 2, out, rows, columns), mirrored
        out, channels = weight.shape[:2]
        rows, columns = weight.shape[2] // 2, weight.shape[3] // 2
        phases = weight.reshape(out, channels, rows, 2, columns, 2).permute(1, 3, 5, 0, 2, 4)
        mirrored = phases.reshape(channels * 4, out, rows, columns).flip(2, 3)
        found = F.conv2d(
            gradient, mirrored.contiguous(memory_format=torch.channels_last), None, 1, (rows - 1, columns - 1)
        )
        image = F.pixel_shuffle(found[:, :, before[0] // 2 :, before[1] // 2 :], 2)
        missing = [max(0, side - have) for side, have in zip(ctx.shape[2:], image.shape[2:], strict=True)]
        image = F.pad(image, (0, missing[1], 0, missing[0])) if any(missing) else image
        return image[:, :, : ctx.shape[2], : ctx.shape[3]], None, None, None


def _first_convolutions(body: fx.GraphModule) -> None:
    tensors = dict(body.named_parameters())
    for node in body.graph.nodes:
        if node.op == "call_module" and type(conv := body.get_submodule(str(node.target))) is nn.Conv2d:
            plain = conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
            if plain and _is_first(conv.weight, conv.stride, conv.dilation, conv.groups):
                conv.__class__ = FirstConvolution
        elif node.target is torch.conv2d and len(node.args) == len(CONVOLUTION) and not node.kwargs:
            _, weight, _, stride, padding, dilation, groups = node.args
            known = tensors.get(str(weight.target))
            if known is not None and not isinstance(padding, str) and _is_first(known, stride, dilation, groups):
                node.target = first_convolution


def _is_first(weight: Tensor, stride: object, dilation: object, groups: object) -> bool:
    few = weight.shape[1] <= 4 and weight.shape[2:] != (1, 1)
    return few and (stride, dilation, groups) == ((2, 2), (1, 1), 1)
