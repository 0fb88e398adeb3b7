"""Effective receptive fields: the part of an image on which a cell of a layer's maps depends in practice.

Receptive fields of deep layers are larger than the image, but the middle of a field counts most (Luo et al. 2016).
The gradient of the central cell is measured for a few images of noise with the spectrum of photographs, so that the
field is a property of the network alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from exemplum.models.grids import Grid
from exemplum.runtime import hardware

if TYPE_CHECKING:
    from exemplum.models.model import Model

# images at least, and per branch; of the embedded network's branches, sides by other images differ by 7 % at most
# (standard deviation), and those by 16 photographs by a tenth
IMAGES, TURNS = 8, 4
SHARE = 0.9  # of the squared gradient within the field
CONTRAST = 0.25  # standard deviation of the noise
STRIDES = 3  # side of a field of which nothing is known, in distances between cells


def effective_fields(model: Model, layers: Iterable[str]) -> dict[str, np.ndarray]:
    """Layer → side in pixels of each channel's effective receptive field, float (channels,).

    It is the side of the smallest square around a cell's centre that holds 90 % of the squared gradient, measured once
    per branch at the central cell. A token's is its patch. Without a gradient it is the receptive field, and if that is
    not known, three times the distance between cells.
    """
    grids = {name: model.grid(name) for name in layers}
    measured = {name: grid for name, grid in grids.items() if grid.is_spatial and not grid.is_patches}
    energies = _energies(model, measured) if measured else {}
    found = {}
    for name, grid in grids.items():
        known = np.isfinite(grid.field).all()
        found[name] = np.full(model.layer(name).channels, max(grid.field) if known else STRIDES * max(grid.stride))
        for branch, channels in _branches(model, name).items():
            energy = energies.get((name, branch), np.zeros(0))
            if energy.any():
                found[name][channels.start : channels.stop] = _side(energy, grid)
    return found


def _branches(model: Model, name: str) -> Mapping[str, range]:
    layer = model.layer(name)
    return layer.branches or {"": range(layer.channels)}


def _energies(model: Model, grids: Mapping[str, Grid]) -> dict[tuple[str, str], np.ndarray]:
    """(layer, branch) → squared gradient of the central cell, (size, size), averaged over images."""
    bases = {name: model.base(name) for name in grids}  # the features of a dictionary depend on all of its layer
    reader = model.reader(bases.values(), device=hardware.device())
    branches = {name: _branches(model, name) for name in grids}
    found = {(name, branch): np.zeros((model.input_size,) * 2) for name in grids for branch in branches[name]}
    rng = np.random.default_rng(0)
    most = max(map(len, branches.values()))
    for number in range(max(IMAGES, TURNS * most)):  # one by one: with gradients an image takes much memory
        image = torch.from_numpy(noise(model.channels, model.input_size, rng)).to(reader.device)[None].requires_grad_()
        read = reader(image)
        for name, base in bases.items():
            # the branches take turns
            branch, channels = list(branches[name].items())[number % len(branches[name])]
            maps = read[base][0] if name != base else read[base][0, channels.start : channels.stop]
            centre = maps[:, maps.shape[1] // 2, maps.shape[2] // 2]
            # with random signs the squared gradient of the sum is, on average, the sum of squared gradients
            signs = torch.from_numpy(rng.choice([-1.0, 1.0], len(centre))).to(centre)
            if centre.requires_grad:
                gradient = torch.autograd.grad(centre @ signs, image, retain_graph=True)[0]
                energy = gradient[0].square().sum(0).cpu().numpy()
                found[name, branch] += energy / max(float(energy.sum()), np.finfo(np.float32).tiny)
    return found


def noise(channels: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """An image, float32 (channels, size, size) in [0, 1], with amplitudes in inverse proportion to frequency."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = np.inf
    real, imaginary = rng.normal(size=(2, channels, *frequency.shape)) / frequency
    image = np.fft.irfft2(real + 1j * imaginary, (size, size))
    image *= CONTRAST / image.std((1, 2), keepdims=True)
    return np.clip(0.5 + image, 0, 1).astype(np.float32)


def _side(energy: np.ndarray, grid: Grid) -> float:
    """Side of the smallest square around the central cell that holds `SHARE` of the energy."""
    rows, columns = (
        np.abs(np.arange(grid.size) - (first + stride * (cells // 2)))
        for first, stride, cells in zip(grid.first, grid.stride, grid.cells, strict=True)
    )
    distance = np.maximum.outer(rows, columns).ravel()
    order = np.argsort(distance)
    cumulated = np.cumsum(energy.ravel()[order])
    return 2 * float(distance[order][np.searchsorted(cumulated, SHARE * cumulated[-1])]) + 1
