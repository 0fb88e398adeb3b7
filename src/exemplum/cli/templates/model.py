"""A model: a bank of filters for edges, which needs no training. Put your own network in its place.

`exemplum run` calls `network` without arguments. study.toml names it in [model] load.
docs/reference/models.md says which outputs of layers can be read.
"""

import math

import torch
from torch import Tensor, nn

from exemplum.models import Network, Preprocessing

ORIENTATIONS, WAVELENGTHS, SIZE = 8, (4.0, 8.0), 13  # pixels


class EdgeFilters(nn.Module):
    """How much contrast an image has of each orientation and wavelength: the energy of two Gabor filters."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(3, 2 * ORIENTATIONS * len(WAVELENGTHS), SIZE, padding=SIZE // 2, bias=False)
        self.energy = Energy()
        with torch.no_grad():
            self.filters.weight[:] = gabors()
        # weights of your own: self.load_state_dict(torch.load("weights.pt", weights_only=True))

    def forward(self, images: Tensor) -> Tensor:
        """Images as Preprocessing leaves them, (n, 3, height, width), to maps: (n, channels, height, width)."""
        maps: Tensor = self.energy(self.filters(images))
        return maps


class Energy(nn.Module):
    """√(even² + odd²) of pairs of filters that differ by a quarter of a wavelength."""

    def forward(self, maps: Tensor) -> Tensor:
        even, odd = maps.chunk(2, dim=1)
        return (even.square() + odd.square() + 1e-6).sqrt()


def gabors() -> Tensor:
    """Even filters, then odd ones: (2 × orientations × wavelengths, 3, SIZE, SIZE). Each has mean 0."""
    places = torch.arange(SIZE) - SIZE // 2
    y, x = torch.meshgrid(places, places, indexing="ij")
    found = []
    for shift in (0.0, math.pi / 2):
        for wavelength in WAVELENGTHS:
            for angle in torch.arange(ORIENTATIONS) * math.pi / ORIENTATIONS:
                across = x * angle.cos() + y * angle.sin()
                window = torch.exp(-(x.square() + y.square()) / (2 * (0.4 * wavelength) ** 2))
                wave = window * torch.cos(2 * math.pi * across / wavelength - shift)
                wave = wave - window * wave.sum() / window.sum()
                found.append(wave / wave.abs().sum() / 3)
    return torch.stack(found)[:, None].expand(-1, 3, -1, -1)


def network() -> Network:
    """The network, and how its images are prepared: resized, cropped to size × size, and normalized."""
    return Network(EdgeFilters(), Preprocessing(size=64, resize=64, mean=(0.5,) * 3, std=(0.25,) * 3))
