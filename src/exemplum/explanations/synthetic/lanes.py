"""A batch's pass through the network on a CPU: each core takes some of the images through all of it.

Cores that share every layer wait for one another at its end; with a lane each they do not, and their images stay in
their caches. Gradients of images are independent of each other, so the result is the same but for rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, fx
from torch.autograd.function import once_differentiable

from exemplum.models import Reader


class Lanes:
    """A reader whose images are spread over as many threads as torch may use."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        # a network that is read with hooks holds what they find in itself, and so serves one thread
        divides = reader.device.type == "cpu" and isinstance(reader.body, fx.GraphModule)
        self.count = torch.get_num_threads() if divides else 1
        self.pool = ThreadPoolExecutor(self.count, initializer=torch.set_num_threads, initargs=(1,))

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """As the reader: images (n, channels, h, w) → maps by layer."""
        if min(self.count, len(images)) == 1:
            return self.reader(images)
        return dict(zip(self.reader.layouts, _Spread.apply(images, self), strict=True))

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Of some images, cut off from what they came from: themselves, and their maps."""
        own = images.detach().requires_grad_()
        return own, list(self.reader(own).values())

    @staticmethod
    def backward(done: tuple[Tensor, list[Tensor]], gradients: Sequence[Tensor]) -> Tensor:
        own, maps = done
        torch.autograd.backward(maps, gradients)
        assert own.grad is not None
        return own.grad


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, lanes: Lanes) -> tuple[Tensor, ...]:
        ctx.lanes, ctx.done = lanes, list(lanes.pool.map(lanes.forward, images.chunk(lanes.count)))
        return tuple(torch.cat(parts) for parts in zip(*(maps for _, maps in ctx.done), strict=True))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        counts = [len(own) for own, _ in ctx.done]
        shares = zip(*(gradient.split(counts) for gradient in gradients), strict=True)
        return torch.cat(list(ctx.lanes.pool.map(ctx.lanes.backward, ctx.done, shares))), None
