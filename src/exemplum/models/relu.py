"""ReLU whose gradient can be redirected, as Lucid does in the first steps of a feature visualization."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class ReLU(nn.Module):
    """min(max(x, 0), ceiling).

    While `redirect` is not None the gradient is that of `redirected_relu`, for the images that it marks, (n,) or (1,).
    `inplace` says that nothing else needs the input, so that it may be overwritten.
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
    """ReLU, (n, …) → (n, …), that lets a gradient through to images for which it has none.

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
        # tensor by tensor, not only where needed: asking would stall a GPU
        keep = (true != 0).flatten(1).any(1) | ~marked
        return torch.where(keep.view(-1, *[1] * (x.ndim - 1)), true, gradient.masked_fill(useless, 0)), None, None
