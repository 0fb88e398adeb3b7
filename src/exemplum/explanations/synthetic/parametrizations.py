"""Parametrizations: how the tensor that is optimized becomes RGB images, from pixels, a Fourier spectrum or phases.

A parametrization is two functions. One makes the random start of an image for each of several generators, the other
turns the optimized tensor into images. Colours are decorrelated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from exemplum.errors import UserError
from exemplum.images import photograph

# Square root of the covariance of natural RGB values over ImageNet (Lucid, optvis/param/color.py)
COLOR = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
COLOR_NORMALIZED = COLOR / COLOR.norm(dim=0).max()

Generators = Sequence[torch.Generator]


@dataclass(frozen=True)
class Parametrization:
    """`start(channels, size, generators, sd)` → numbers; `image(numbers, size, decay)` → RGB images in (0, 1)."""

    start: Callable[[int, int, Generators, float], Tensor]
    image: Callable[[Tensor, int, float], Tensor]

    @classmethod
    def of(cls, given: str | Parametrization) -> Parametrization:
        """The parametrization itself, or the built-in one of this name."""
        return PARAMETRIZATIONS[given] if isinstance(given, str) else given

    def check(self, channels: int, size: int, generators: Generators, sd: float, decay: float) -> None:
        """Raise UserError unless `start` gives a tensor with one row per image and `image` gives images of the size."""
        numbers = self.start(channels, size, generators, sd)
        if len(numbers) != len(generators):
            raise UserError(
                f"parametrization: start gave {len(numbers)} rows; it must give one per image ({len(generators)})"
            )
        with torch.no_grad():
            shape, owed = tuple(self.image(numbers, size, decay).shape), (len(numbers), channels, size, size)
        if shape != owed:
            raise UserError(f"parametrization: image gave shape {shape}; it must be {owed}")


def to_rgb(decorrelated: Tensor) -> Tensor:
    """Decorrelated colour, (images, 3, h, w), to RGB in (0, 1); with another number of channels, only the sigmoid."""
    if decorrelated.shape[1] != 3:
        return decorrelated.sigmoid()
    count, channels, height, width = decorrelated.shape
    matrix = COLOR_NORMALIZED.to(decorrelated.device).expand(count, 3, 3)
    return torch.bmm(matrix, decorrelated.reshape(count, channels, -1)).sigmoid().view(count, channels, height, width)


def fourier_start(channels: int, size: int, generators: Generators, sd: float) -> Tensor:
    """Random spectra, one per generator: (images, channels, size, size // 2 + 1, 2), real and imaginary ~ N(0, sd²).

    An odd size has one more column, which is cropped from the image.
    """
    return _normal((channels, size, _columns(size), 2), generators, sd)


def fourier_image(spectrum: Tensor, size: int, decay: float) -> Tensor:
    """RGB images in (0, 1), (images, channels, size, size), of spectra that `fourier_start` shaped.

    Amplitudes are divided by max(f, 1/size)^decay, f in cycles per pixel, so that all frequencies learn equally
    fast; the inverse transform is orthonormal and divided by 4 (Olah et al. 2017; Lucid's `fft_image`).
    """
    scale = _scale(size, spectrum.shape[3], decay, spectrum.device)
    planes = torch.fft.irfft2(torch.view_as_complex(spectrum * scale), s=(size, size + size % 2), norm="ortho")
    return to_rgb(planes[..., :size])


def pixel_start(channels: int, size: int, generators: Generators, sd: float) -> Tensor:
    """Random pixels before the sigmoid, (images, channels, size, size) ~ N(0, sd²), one image per generator."""
    return _normal((channels, size, size), generators, sd)


def pixel_image(pixels: Tensor, size: int, decay: float) -> Tensor:  # noqa: ARG001
    """RGB images in (0, 1) of decorrelated pixels."""
    return to_rgb(pixels)


def from_image(picture: np.ndarray) -> Parametrization:
    """Pixels that start at a picture, uint8 (h, w, 3), resized to the canvas, plus noise of the recipe's `sd`.

    >>> start = from_image(np.full((8, 8, 3), 128, np.uint8)).start(3, 4, [torch.Generator().manual_seed(0)], 0.0)
    >>> (pixel_image(start, 4, 1.0) * 255).round().unique()
    tensor([128.])
    """

    def start(channels: int, size: int, generators: Generators, sd: float) -> Tensor:
        resized = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC)
        rgb = torch.from_numpy(np.asarray(resized, np.float32) / 255).clamp(0.01, 0.99).logit().permute(2, 0, 1)
        numbers = torch.einsum("dc,chw->dhw", COLOR_NORMALIZED.inverse(), rgb) if channels == 3 else rgb
        return numbers + pixel_start(channels, size, generators, sd)

    return Parametrization(start, pixel_image)


def maco_start(channels: int, size: int, generators: Generators, sd: float) -> Tensor:
    """Random phases, (images, channels, size, size // 2 + 1) ~ N(0, sd²), one image per generator."""
    return _normal((channels, size, _columns(size)), generators, sd)


def maco_image(phases: Tensor, size: int, decay: float) -> Tensor:  # noqa: ARG001
    """RGB images in (0, 1), (images, channels, size, size), from these phases and the magnitude of photographs.

    Phases are standardized, and so is the image before its colours are converted (Fel et al. 2023).
    """
    magnitude = _magnitude(phases.shape[1], size, phases.shape[3], phases.device)
    planes = torch.fft.irfft2(torch.polar(magnitude, _standardized(phases)), s=(size, size + size % 2))
    return to_rgb(_standardized(planes[..., :size]))


PARAMETRIZATIONS = {
    "fourier": Parametrization(fourier_start, fourier_image),
    "pixel": Parametrization(pixel_start, pixel_image),
    "maco": Parametrization(maco_start, maco_image),
}


def _columns(size: int) -> int:
    return size // 2 + 1 + size % 2


def _normal(shape: tuple[int, ...], generators: Generators, sd: float) -> Tensor:
    return torch.stack([torch.randn(shape, generator=generator) * sd for generator in generators])


@cache
def _scale(size: int, columns: int, decay: float, device: torch.device) -> Tensor:
    """Factor of each frequency's real and imaginary part, with the quarter by which the image is divided."""
    frequencies = torch.fft.fftfreq(size)
    f = (frequencies[:, None] ** 2 + frequencies[None, :columns] ** 2).sqrt()
    scale = 0.25 / f.clamp_min(1.0 / size) ** decay
    return torch.stack([scale, scale], -1).to(device)  # not broadcast: torch multiplies ten times as fast


@cache
def _magnitude(channels: int, size: int, columns: int, device: torch.device) -> Tensor:
    photographs = torch.from_numpy(squares(size)).permute(0, 3, 1, 2)
    # with another number of channels, all of them get the magnitude of the brightness
    colour = COLOR_NORMALIZED.inverse() if channels == 3 else torch.full((channels, 3), 1 / 3)
    planes = torch.einsum("dc,nchw->ndhw", colour, photographs)
    planes = torch.nn.functional.pad(planes, (0, size % 2))
    found = torch.fft.rfft2(planes).abs()
    mirrored = torch.fft.rfft2(planes.flip(3)).abs()
    return torch.cat([found, mirrored]).mean(0)[..., :columns].contiguous().to(device)


def _standardized(images: Tensor) -> Tensor:
    """Each image less its mean, over its standard deviation (plus 1e-5, as in Fel et al.'s code)."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) / (images.std((1, 2, 3), keepdim=True) + 1e-5)


# photographs of things as people see them: without those of the sky, of tissue and of printed pages
NATURAL = (
    "astronaut", "brick", "camera", "chelsea", "china", "coffee", "flower", "grass", "gravel", "motorcycle", "rocket",
)  # fmt: skip


def squares(size: int) -> np.ndarray:
    """The left, middle and right square of each photograph, float32 in [0, 1], (33, size, size, 3)."""
    found = []
    for name in NATURAL:
        picture = photograph(name)
        side = min(picture.size)
        for place in (0.0, 0.5, 1.0):
            left, top = (round(place * (length - side)) for length in picture.size)
            square = picture.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BICUBIC)
            found.append(np.asarray(square, np.float32) / 255)
    return np.stack(found)
