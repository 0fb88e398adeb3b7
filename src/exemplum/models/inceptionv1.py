"""InceptionV1 (GoogLeNet; Szegedy et al. 2015) with the layer names of the feature-visualization papers.

One class serves the full network as released by Google for TensorFlow and used in Lucid (`stem="lucid"`), and the
half-width network of this package (`stem="small"`). All convolutions have biases, no BatchNorm.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BRANCHES = ("1x1", "3x3", "5x5", "pool")
# Channels of 1x1, 3x3 bottleneck, 3x3, 5x5 bottleneck, 5x5, pool: table 1 of the paper.
GOOGLENET = {
    "mixed3a": (64, 96, 128, 16, 32, 32),
    "mixed3b": (128, 128, 192, 32, 96, 64),
    "mixed4a": (192, 96, 208, 16, 48, 64),
    "mixed4b": (160, 112, 224, 24, 64, 64),
    "mixed4c": (128, 128, 256, 24, 64, 64),
    "mixed4d": (112, 144, 288, 32, 64, 64),
    "mixed4e": (256, 160, 320, 32, 128, 128),
    "mixed5a": (256, 160, 320, 32, 128, 128),
    "mixed5b": (384, 192, 384, 48, 128, 128),
}
# The released network departs from the paper in two places, so that mixed4a has 508 channels.
LUCID = GOOGLENET | {"mixed4a": (192, 96, 204, 16, 48, 64), "mixed5a": (256, 160, 320, 48, 128, 128)}
POOLED = ("mixed4a", "mixed5a")  # blocks that follow a max pool


class InceptionV1(nn.Module):
    """RGB (n, 3, h, w), normalized → logits (n, classes).

    `width` scales the channels of every Inception block. `stem="lucid"` has TensorFlow's padding and local response
    normalization; `stem="small"` is a stride-4 stem of 32, 32 and 96 channels for images of about 96 pixels.
    """

    def __init__(self, width: float = 1.0, stem: Literal["lucid", "small"] = "lucid", classes: int = 1008) -> None:
        super().__init__()
        self.stem = stem
        if stem == "lucid":
            self.conv2d0, self.conv2d1, self.conv2d2 = Conv(3, 64, 7, 2, same=True), Conv(64, 64, 1), Conv(64, 192, 3)
        else:
            self.conv2d0, self.conv2d1, self.conv2d2 = Conv(3, 32, 5, 2), Conv(32, 32, 1), Conv(32, 96, 3)
        channels = self.conv2d2.out_channels
        self.mixed = tuple(GOOGLENET)
        for name, widths in (LUCID if stem == "lucid" else GOOGLENET).items():
            block = Mixed(channels, *(int(channels * width) for channels in widths))
            self.add_module(name, block)
            channels = block.channels
        self.softmax2 = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self._stem(x)
        for name in self.mixed:
            if name in POOLED:
                x = self._pool(x)
            x = self.get_submodule(name)(x)
        return self.softmax2(x.mean((2, 3)))

    def _stem(self, x: Tensor) -> Tensor:
        x = self.conv2d0(x)
        if self.stem == "lucid":
            x = _normalize_locally(self._pool(x))
        x = self.conv2d2(self.conv2d1(x))
        if self.stem == "lucid":
            x = _normalize_locally(x)
        return self._pool(x)

    def _pool(self, x: Tensor) -> Tensor:
        if self.stem == "lucid":
            return F.max_pool2d(_pad_same(x, 3, -torch.inf), 3, 2)
        return F.max_pool2d(x, 3, 2, 1)


class Mixed(nn.Module):
    """An Inception block: four towers side by side, (n, inputs, h, w) → (n, channels, h, w).

    `branches` maps each tower to its channels.
    """

    def __init__(
        self, inputs: int, one: int, three_bottleneck: int, three: int, five_bottleneck: int, five: int, pool: int
    ) -> None:
        super().__init__()
        self.add_module("1x1", Conv(inputs, one, 1))
        self.add_module("3x3_bottleneck", Conv(inputs, three_bottleneck, 1))
        self.add_module("3x3", Conv(three_bottleneck, three, 3))
        self.add_module("5x5_bottleneck", Conv(inputs, five_bottleneck, 1))
        self.add_module("5x5", Conv(five_bottleneck, five, 5))
        self.add_module("pool_reduce", Conv(inputs, pool, 1))
        ends = torch.tensor([0, one, three, five, pool]).cumsum(0).tolist()
        self.branches = {name: range(*ends[k : k + 2]) for k, name in enumerate(BRANCHES)}
        self.channels: int = ends[-1]

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([tower(before) for tower, before in self._towers(x)], 1)

    def pre_relu(self, x: Tensor) -> Tensor:
        """The block's output before the ReLUs, towers in the same order: the units of the study."""
        return torch.cat([tower.pre_relu(before) for tower, before in self._towers(x)], 1)

    def _towers(self, x: Tensor) -> list[tuple[Conv, Tensor]]:
        """The last convolution of each tower, with its input."""
        tower: dict[str, Conv] = dict(self.named_children())  # type: ignore[arg-type]
        return [
            (tower["1x1"], x),
            (tower["3x3"], tower["3x3_bottleneck"](x)),
            (tower["5x5"], tower["5x5_bottleneck"](x)),
            (tower["pool_reduce"], F.max_pool2d(x, 3, 1, 1)),
        ]


class Conv(nn.Conv2d):
    """A convolution and its ReLU; `same` pads a stride of 2 as TensorFlow does."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, same: bool = False) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=0 if same else kernel // 2)
        self.same = same

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.pre_relu(x))

    def pre_relu(self, x: Tensor) -> Tensor:
        return super().forward(_pad_same(x, self.kernel_size[0], 0.0) if self.same else x)


def _pad_same(x: Tensor, kernel: int, value: float) -> Tensor:
    """TensorFlow's SAME padding for a stride of 2: the odd pixel is added at the right and at the bottom."""
    height, width = kernel - 2 + x.shape[-2] % 2, kernel - 2 + x.shape[-1] % 2
    return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2), value=value)


def _normalize_locally(x: Tensor) -> Tensor:
    # The released graph: depth_radius 4, bias 1, alpha 1e-4 / 9, beta 0.5; PyTorch divides alpha by the size itself.
    return F.local_response_norm(x, size=9, alpha=1e-4, beta=0.5, k=1.0)
