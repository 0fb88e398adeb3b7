"""Activation maps of units at the size of the image."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import torch

from exemplum.index.activations import Relu
from exemplum.index.pooling import layer_read
from exemplum.models import Grid, Model, Reader
from exemplum.runtime import hardware

READERS = 4  # layers whose readers are kept, each with a copy of the weights


@dataclass
class HeatmapReader:
    """Reads the maps of units; networks cut to the last few layers are kept."""

    model: Model
    relu: Relu
    objective: str
    readers: OrderedDict[str, Reader] = field(default_factory=OrderedDict)

    def heatmap(self, layer: str, channel: int, image: np.ndarray) -> np.ndarray:
        """The unit's map for an image as the network sees it, uint8 (size, size, c), as float32 (size, size)."""
        name = layer_read(layer, self.objective)
        reader = self._reader(name)
        inputs = torch.tensor(image, device=reader.device).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            plane = reader(inputs)[name][0, channel].float().cpu().numpy()
        return enlarged(plane, self.model.grid(name))

    def _reader(self, name: str) -> Reader:
        if name not in self.readers:
            self.readers[name] = self.model.reader([name], relu=self.relu, device=hardware.device())
        self.readers.move_to_end(name)
        while len(self.readers) > READERS:
            self.readers.popitem(last=False)
        return self.readers[name]


def enlarged(plane: np.ndarray, grid: Grid) -> np.ndarray:
    """A map, (h, w), at the size of the image, (size, size): bilinear between the centres of cells, constant beyond.

    A map without places is its mean everywhere.
    """
    if not grid.is_spatial:
        return np.full((grid.size, grid.size), plane.mean(), np.float32)
    weights = [
        _weights((np.arange(grid.size) - first) / stride, cells)
        for first, stride, cells in zip(grid.first, grid.stride, grid.cells, strict=True)
    ]
    return (weights[0] @ plane @ weights[1].T).astype(np.float32)


def _weights(places: np.ndarray, cells: int) -> np.ndarray:
    """The weight of each cell at places that are given in cells, (places, cells)."""
    clipped = np.clip(places, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(clipped[:, None] - np.arange(cells)))
