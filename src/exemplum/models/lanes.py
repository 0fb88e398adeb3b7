"""Work on many images on a CPU: each core takes some of them through all of it.

Cores that share every layer wait for one another at its end; with a lane each they do not, and their images stay in
their caches. Images do not depend on each other, so the result is the same but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, fx
from torch.autograd.function import once_differentiable

from exemplum.models.reader import Reader

Function = Callable[..., Iterable[Tensor]]


class Lanes:
    """As many threads as torch may use; one, the caller's own, beside a GPU."""

    def __init__(self, reader: Reader) -> None:
        """Lanes for a reader and for what comes before and after it."""
        # a network that is read with hooks holds what they find in itself, and so serves one thread
        divides = reader.device.type == "cpu" and isinstance(reader.body, fx.GraphModule)
        self.count = torch.get_num_threads() if divides else 1
        self.pool = ThreadPoolExecutor(self.count, initializer=torch.set_num_threads, initargs=(1,))

    def __call__(self, function: Function, *images: Tensor) -> tuple[Tensor, ...]:
        """What `function` finds, tensors with a row an image, of all images; gradients flow to them.

        `images` are one tensor or more; each lane gets some of each.
        """
        lanes = min(self.count, *map(len, images))
        return tuple(function(*images)) if lanes == 1 else tuple(_Spread.apply(function, self.pool, lanes, *images))

    def map(self, function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """What `function` finds of all images; without gradients."""
        if min(self.count, len(images)) <= 1:
            return function(images)
        return torch.cat(list(self.pool.map(function, images.chunk(self.count))))


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
