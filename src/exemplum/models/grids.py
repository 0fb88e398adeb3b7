"""Where the cells of a layer's maps lie in the model's input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from exemplum.models.graph.fields import Field
from exemplum.models.layers import Layout


@dataclass(frozen=True)
class Grid:
    """The cells of a layer's maps and their places in an image of the model's input size, for rows and columns.

    A cell (y, x) has its centre at first + stride · (y, x), in pixels; the centre of the first pixel is 0.
    """

    cells: tuple[int, int]  # height and width of the maps
    size: int  # of the model's input, in pixels
    stride: tuple[float, float]
    first: tuple[float, float]  # centre of cell (0, 0)
    field: tuple[float, float]  # height and width of the receptive field; infinite if it is not known
    is_patches: bool = False  # whether each cell stands for its own patch of the image, as a token does

    @property
    def is_spatial(self) -> bool:
        """Whether the cells have places: a vector has none, nor have tokens that form no grid."""
        return self.cells != (1, 1) and not (self.is_patches and self.cells[1] == 1)

    def boxes(self, cells: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The places and boxes of cells that are given by number, row by row; -1 for none.

        `sides` are the boxes' in pixels; both arrays have the same shape. Returns y and x, int16 (…, 2), and top, left,
        bottom and right, int16 (…, 4), in pixels of the image, the latter two exclusive. A box is a square around the
        cell's centre, no smaller than the distance between two cells, and clipped to the image. Without a cell, y and x
        are -1, and the box is the whole image.

        >>> patches = Grid((14, 14), 224, (16, 16), (7.5, 7.5), (16, 16), is_patches=True)
        >>> place, box = patches.boxes(np.array([15, -1]), np.array([16.0, 16.0]))
        >>> place.tolist(), box.tolist()
        ([[1, 1], [-1, -1]], [[16, 16, 32, 32], [0, 0, 224, 224]])
        """
        places = np.stack(np.divmod(cells, self.cells[1]), -1)
        half = np.maximum(sides[..., None], self.stride) / 2
        centres = np.array(self.first) + np.array(self.stride) * places + 0.5  # from the edge of the image
        found = np.concatenate([np.rint(centres - half), np.rint(centres + half)], -1).clip(0, self.size)
        nowhere = cells < 0 if self.is_spatial else np.ones(cells.shape, bool)
        places[nowhere], found[nowhere] = -1, (0, 0, self.size, self.size)
        return places.astype(np.int16), found.astype(np.int16)


def grid(layout: Layout, shape: tuple[int, ...], size: int, field: Field | None) -> Grid:
    """The grid of a layer with this output for one image of `size` × `size`.

    Without a known field, and for tokens, the cells share the image evenly.
    """
    cells = tuple(layout.maps(torch.empty(shape, device="meta"), size, size).shape[2:])
    height, width = cells
    tokens = layout.ndim == 3
    if field is not None and not tokens:
        strides, firsts, sides = zip(
            *((axis.stride, (axis.low + axis.high) / 2, axis.high - axis.low + 1) for axis in field), strict=True
        )
    else:
        strides = (size / height, size / width)
        firsts = tuple((stride - 1) / 2 for stride in strides)
        sides = strides if tokens else (float("inf"), float("inf"))
    return Grid((height, width), size, _pair(strides), _pair(firsts), _pair(sides), tokens)


def _pair(values: tuple[float, ...]) -> tuple[float, float]:
    rows, columns = values
    return float(rows), float(columns)
