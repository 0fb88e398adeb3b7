"""A network whose one layer holds more concepts than it has channels, and images that show a few of them each.

An image is a grid of cells; a cell shows two of the concepts' patterns, which are orthogonal, at random strengths. The
layer gives each concept a direction of its own; these directions overlap (superposition).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

import exemplum as ex

CONCEPTS, CHANNELS, CELL, GRID, ACTIVE = 48, 24, 8, 4, 2
SIDE = CELL * GRID


@dataclass(frozen=True)
class PlantedConcepts:
    """Patterns in pixels, directions in the layer, images, and the strength of each concept in each image's cells."""

    patterns: np.ndarray  # (concepts, CELL, CELL, 3), orthonormal
    directions: np.ndarray  # (concepts, channels), of unit length
    images: list[np.ndarray]  # uint8 (SIDE, SIDE, 3)
    strengths: np.ndarray  # (images, GRID, GRID, concepts)


def planted(images: int, seed: int = 0) -> PlantedConcepts:
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((3 * CELL * CELL, CONCEPTS)))[0]
    patterns = basis.T.reshape(CONCEPTS, CELL, CELL, 3)
    directions = rng.standard_normal((CONCEPTS, CHANNELS))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    strengths = np.zeros((images, GRID, GRID, CONCEPTS))
    for cell in np.ndindex(strengths.shape[:3]):
        strengths[cell][rng.choice(CONCEPTS, ACTIVE, replace=False)] = rng.uniform(0.5, 1.5, ACTIVE)
    cells = 0.5 + np.einsum("nijc,chwk->nihjwk", strengths, patterns)
    pixels = (cells.reshape(images, SIDE, SIDE, 3).clip(0, 1) * 255).round().astype(np.uint8)
    return PlantedConcepts(patterns, directions, list(pixels), strengths)


def network() -> ex.Network:
    """The network, as a factory for study.toml: it depends on the seed alone."""
    made = planted(1)
    layer = nn.Conv2d(3, CHANNELS, CELL, CELL)
    with torch.no_grad():
        weight = np.einsum("cd,chwk->dkhw", made.directions, made.patterns)
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.zero_()
        layer.bias.copy_(-layer(torch.full((1, 3, CELL, CELL), 0.5))[0, :, 0, 0])  # grey shows nothing
    preprocessing = ex.Preprocessing(size=SIDE, resize=SIDE, mean=(0.0,) * 3, std=(1.0,) * 3)
    return ex.Network(nn.Sequential(layer), preprocessing)
