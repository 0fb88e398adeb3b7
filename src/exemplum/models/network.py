"""A module with what is needed to feed and read it: what a source of models gives."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from exemplum.models.preprocessing import Preprocessing


@dataclass(frozen=True)
class Network:
    """A network as it was built. A factory of the user's may return one to say more than the module alone does."""

    module: nn.Module
    preprocessing: Preprocessing
    channels: int = 3  # of the input images
    map_axis: int | None = None  # which axis of 4-D outputs is channels: 1 (NCHW) or 3 (NHWC); inferred if None
    token_axis: int | None = None  # which axis of 3-D outputs is channels: 2 for (n, tokens, channels); never inferred
    prefix_tokens: int = 0  # tokens before the grid of patches: 1 for a class token

    def resized(self, size: int) -> Network:
        """The same network for another input size."""
        return replace(self, preprocessing=self.preprocessing.resized(size))
