"""From a picture to a network's input: geometry on bytes, normalization on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from exemplum.models.errors import ShapeError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2, as Pillow and torchvision make grey of RGB
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Preprocessing:
    """How a network wants its pictures.

    The short side is resized to `resize` pixels, the central `size` × `size` cut out, and values in [0, 1]
    become (x − mean) / std, channel by channel.
    """

    size: int
    resize: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    interpolation: Literal["bilinear", "bicubic", "lanczos"] = "bilinear"

    @classmethod
    def to_range(cls, size: int, resize: int, low: float, high: float, channels: int = 3) -> Preprocessing:
        """[0, 1] is mapped linearly to [low, high]: Lucid's InceptionV1 takes −117 to 138."""
        scale = 1 / (high - low)
        return cls(size, resize, (-low * scale,) * channels, (scale,) * channels)

    def resized(self, size: int) -> Preprocessing:
        """The same framing at another input size."""
        return replace(self, size=size, resize=max(size, round(self.resize * size / self.size)))

    def crop(self, image: np.ndarray) -> np.ndarray:
        """Resize the short side and cut out the centre: uint8 (h, w, c) → uint8 (size, size, c).

        The geometry and the filters (antialiased) are those of torchvision's Resize and CenterCrop on Pillow images.
        """
        height, width = image.shape[:2]
        image = _resize(image, *_short_side(height, width, self.resize), FILTERS[self.interpolation])
        top, left = (round((side - self.size) / 2) for side in image.shape[:2])
        return np.ascontiguousarray(image[top : top + self.size, left : left + self.size])

    def fit(self, picture: np.ndarray) -> np.ndarray:
        """A picture made to be shown, whole: uint8 (h, w, c) → uint8 (size, size, c).

        One of the network's size stays as it is, others are resized; what is not square loses its longer ends.
        """
        return replace(self, resize=self.size).crop(picture)


class Normalize(nn.Module):
    """Pictures in [0, 1], (n, c, h, w) → a network's input. RGB pictures for a one-channel network become grey.

    Computes in float32 and returns `dtype`; differentiable. Raises ShapeError if the channels do not fit.
    """

    def __init__(self, preprocessing: Preprocessing, channels: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.channels, self.dtype = channels, dtype
        self.mean: Tensor
        self.scale: Tensor
        self.luma: Tensor
        self.register_buffer("mean", _per_channel(preprocessing.mean, channels), persistent=False)
        self.register_buffer("scale", 1 / _per_channel(preprocessing.std, channels), persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if images.ndim != 4:
            raise ShapeError(f"images must be (n, channels, h, w), got shape {tuple(images.shape)}")
        images = images.float()
        if images.shape[1] == 3 and self.channels == 1:
            images = (images * self.luma).sum(1, keepdim=True)
        if images.shape[1] != self.channels:
            raise ShapeError(
                f"the network takes images of {self.channels} channels, got {images.shape[1]}; "
                f"for RGB pictures put a module before it that makes its input of them (docs/models.md)"
            )
        if not images.is_contiguous(memory_format=torch.channels_last):
            return ((images - self.mean) * self.scale).to(self.dtype)
        # channels last: a row of pixels at a time, or the innermost loop is only as long as there are channels
        rows, width = images.permute(0, 2, 3, 1).flatten(2), images.shape[3]
        mean, scale = (values.flatten().repeat(width) for values in (self.mean, self.scale))
        normalized = ((rows - mean) * scale).to(self.dtype)
        return normalized.unflatten(2, (width, self.channels)).permute(0, 3, 1, 2)


def _per_channel(values: Sequence[float], channels: int) -> Tensor:
    """One value a channel; where there are not as many values as channels, their mean for each."""
    if len(values) != channels:
        values = [sum(values) / len(values)] * channels
    return torch.tensor(values, dtype=torch.float32).view(1, channels, 1, 1)


def _short_side(height: int, width: int, size: int) -> tuple[int, int]:
    """Height and width once the short side is `size`; the long one is cut to whole pixels, as torchvision does."""
    if height <= width:
        return size, int(size * width / height)
    return int(size * height / width), size


def _resize(image: np.ndarray, height: int, width: int, resample: Image.Resampling) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    if image.shape[2] == 3:
        return np.asarray(Image.fromarray(image).resize((width, height), resample))
    planes = [Image.fromarray(image[..., k]).resize((width, height), resample) for k in range(image.shape[2])]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)
