"""Rewrites of a traced network for speed, and a ReLU with redirected gradients, as Lucid uses in the first steps."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from exemplum.models.graph.convolutions import (
    DepthwiseConvolution,
    FirstConvolution,
    first_convolution,
    is_depthwise,
    is_first,
)
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
        if self.ceiling < math.inf:  # in place, the backward pass keeps the result, which the next layer keeps anyway
            return F.hardtanh_(x, 0.0, self.ceiling) if self.inplace else F.hardtanh(x, 0.0, self.ceiling)
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
    _convolutions(body)


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


def _convolutions(body: fx.GraphModule) -> None:
    tensors = dict(body.named_parameters())
    for node in body.graph.nodes:
        if node.op == "call_module" and type(conv := body.get_submodule(str(node.target))) is nn.Conv2d:
            plain = conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
            if plain and is_first(conv.weight, conv.stride, conv.dilation, conv.groups):
                conv.__class__ = FirstConvolution
            elif plain and is_depthwise(conv):
                conv.__class__ = DepthwiseConvolution
        elif node.target is torch.conv2d and len(node.args) == len(CONVOLUTION) and not node.kwargs:
            _, weight, _, stride, padding, dilation, groups = node.args
            known = tensors.get(str(weight.target))
            if known is not None and not isinstance(padding, str) and is_first(known, stride, dilation, groups):
                node.target = first_convolution
