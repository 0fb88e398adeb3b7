"""A dictionary: the principal components of a layer's activations. Each is a unit: components:0, components:1, …

`exemplum run` calls `components` without arguments. study.toml names it in [dictionaries.components].
docs/reference/dictionaries.md says how to load sparse autoencoders and other files without code.
"""

from pathlib import Path

import numpy as np
import torch

import exemplum as ex
from exemplum.models.dictionaries import Dictionary, directions

LAYER, COUNT = "mixed4a", 16
FILE = Path(__file__).with_name("components.npz")


def components() -> Dictionary:
    """Directions in the layer's space. It may also be an nn.Module: (positions, channels) to (positions, features)."""
    if not FILE.exists():  # kept, since they must be the same in every run; delete the file to make them again
        vectors = activations()
        np.savez(FILE, axes=principal_axes(vectors), mean=vectors.mean(0))
    with np.load(FILE) as held:
        return directions(held["axes"], mean=held["mean"])  # a feature is (x - mean) · axis


def activations(images: int = 100) -> np.ndarray:
    """The layer's values at every position of some images, after the ReLU: (positions, channels)."""
    model, corpus = ex.load("embedded"), ex.open_images("embedded", limit=images)
    reader = model.reader([LAYER], relu="after")
    shown = np.stack([model.crop(corpus.decode(row)) for row in range(len(corpus))])  # uint8 (n, size, size, 3)
    with torch.inference_mode():
        maps = reader(torch.from_numpy(shown).permute(0, 3, 1, 2) / 255)[LAYER]  # (n, channels, height, width)
    return maps.movedim(1, -1).flatten(0, 2).double().numpy()


def principal_axes(vectors: np.ndarray) -> np.ndarray:
    """The directions of greatest variance, of unit length: (COUNT, channels)."""
    _, axes = np.linalg.eigh(np.cov(vectors.T))  # columns, by rising variance
    return axes.T[::-1][:COUNT]
