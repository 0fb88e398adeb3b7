"""How the numbers that are optimized become an RGB image: pixels, or a Fourier spectrum, with decorrelated colour."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

# Square root of the covariance of natural RGB values over ImageNet (Lucid, optvis/param/color.py)
COLOR = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
COLOR_NORMALIZED = COLOR / COLOR.norm(dim=0).max()


def to_rgb(decorrelated: Tensor) -> Tensor:
    """Decorrelated colour, (images, 3, h, w), to RGB in (0, 1); of other numbers of channels only the sigmoid."""
    if decorrelated.shape[1] != 3:
        return decorrelated.sigmoid()
    # einsum over 3 channels as three sums: a matrix product this narrow would be slower
    red, green, blue = decorrelated.unbind(1)
    rows = [m[0] * red + m[1] * green + m[2] * blue for m in COLOR_NORMALIZED.tolist()]
    return torch.stack(rows, 1).sigmoid()


def fourier_start(channels: int, size: int, generators: list[torch.Generator], sd: float) -> Tensor:
    """Random spectra, one a generator: (images, channels, size, size // 2 + 1, 2), real and imaginary ~ N(0, sd²).

    An odd size has one more column, which is cropped from the image.
    """
    width = size // 2 + 1 + size % 2
    shape = (channels, size, width, 2)
    return torch.stack([torch.randn(shape, generator=generator) * sd for generator in generators])


def fourier_image(spectrum: Tensor, size: int, decay: float) -> Tensor:
    """RGB images in (0, 1), (images, channels, size, size), of spectra that `fourier_start` shaped.

    Amplitudes are divided by max(f, 1/size)^decay, f in cycles a pixel, so that all frequencies learn alike; the
    inverse transform is orthonormal and divided by 4 (Olah et al. 2017; Lucid's `fft_image`).
    """
    scale = _scale(size, spectrum.shape[3], decay, spectrum.device)
    planes = torch.fft.irfft2(torch.view_as_complex(spectrum * scale), s=(size, size + size % 2), norm="ortho")
    return to_rgb(planes[..., :size] / 4)


@cache
def _scale(size: int, columns: int, decay: float, device: torch.device) -> Tensor:
    frequencies = torch.fft.fftfreq(size)
    f = (frequencies[:, None] ** 2 + frequencies[None, :columns] ** 2).sqrt()
    return (1.0 / f.clamp_min(1.0 / size) ** decay)[..., None].to(device)


def pixel_start(channels: int, size: int, generators: list[torch.Generator], sd: float) -> Tensor:
    """Random pixels before the sigmoid, (images, channels, size, size) ~ N(0, sd²), one image a generator."""
    shape = (channels, size, size)
    return torch.stack([torch.randn(shape, generator=generator) * sd for generator in generators])


def pixel_image(pixels: Tensor) -> Tensor:
    """RGB images in (0, 1) of decorrelated pixels."""
    return to_rgb(pixels)
