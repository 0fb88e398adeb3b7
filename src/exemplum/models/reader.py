"""Reading the activation maps of chosen layers, differentiably, in one forward pass that stops at the deepest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exemplum.models.layout import Layout
from exemplum.models.preprocessing import Normalize
from exemplum.models.relu import ReLU

MOST_SHAPES = 64  # of images: a recipe's sizes times the numbers of images that are left in a batch


class Reader(nn.Module):
    """RGB images in [0, 1], (n, 3, h, w) → {layer: maps (n, channels, h, w)}.

    Normalizes inside; gradients flow to the images, none to the weights. `body` takes the normalized images and
    returns one tensor a layer; `layouts` say how each is turned into maps. Tokens without a known grid are
    (n, channels, tokens, 1), vectors (n, channels, 1, 1). Maps have the dtype of the body. Images of another size
    than `fixed_size` are resized to it, if it is not None.
    """

    def __init__(
        self, normalize: Normalize, body: nn.Module, layouts: Mapping[str, Layout], fixed_size: int | None = None
    ) -> None:
        super().__init__()
        self.normalize, self.body, self.layouts, self.fixed_size = normalize, body, dict(layouts), fixed_size
        self._compiled: Callable[[Tensor], Sequence[Tensor]] | None = None
        self._redirecting = False

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        if self.fixed_size and images.shape[-2:] != (self.fixed_size, self.fixed_size):
            images = F.interpolate(images, (self.fixed_size, self.fixed_size), mode="bilinear")
        height, width = images.shape[-2:]
        inputs = self.normalize(images).contiguous(memory_format=torch.channels_last)
        values = self.body(inputs) if self._compiled is None or self._redirecting else self._compiled(inputs)
        layouts = self.layouts.items()
        return {name: layout.maps(value, height, width) for (name, layout), value in zip(layouts, values, strict=True)}

    def compile_body(self, **options: Any) -> None:
        """Compile the network, anew for each shape of images that comes; `options` are torch.compile's.

        On a GPU each shape becomes a CUDA graph, which is started at once instead of layer by layer. What comes while
        gradients are redirected is not compiled.
        """
        from torch._dynamo import config  # late: it takes a second

        config.recompile_limit = max(config.recompile_limit, MOST_SHAPES)
        self._compiled = torch.compile(self.body, dynamic=False, **{"mode": "reduce-overhead", **options})

    @property
    def device(self) -> torch.device:
        """Where the network is, and so where images go."""
        return self.normalize.mean.device  # of the network as well, which may have no parameters

    @contextmanager
    def redirected_relu(self, images: Tensor | None = None) -> Iterator[None]:
        """Within, ReLUs pass gradients as `models.relu.redirected_relu` does, to the images marked, or to all."""
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
