"""Show where a unit responds in an image: by a crop, a heatmap laid over the image, or a spotlight.

Images are uint8 (size, size, 3), activation maps float (size, size), as `index.enlarged` gives them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter

from exemplum.records import Pole

Box = tuple[int, int, int, int]  # top, left, bottom, right, in pixels; the last two are the first ones outside


def box_around(centre: tuple[float, float], side: int, size: int) -> Box:
    """The square of this side around a centre (y, x), moved as far as it needs to lie within `size` × `size` pixels.

    >>> box_around((40.0, 95.0), 24, 96)
    (28, 72, 52, 96)
    """
    top, left = (min(max(round(place + 0.5 - side / 2), 0), size - side) for place in centre)
    return top, left, top + side, left + side


def crop(image: np.ndarray, box: Box) -> np.ndarray:
    """The part of the image in the box, enlarged to the image's size (Lanczos)."""
    top, left, bottom, right = box
    size = image.shape[1::-1]
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, box=(left, top, right, bottom)))


COLORMAP = "inferno"  # rises evenly in lightness, for colour-blind people as well
OPACITY = 0.5


def heatmap(image: np.ndarray, activations: np.ndarray, low: float, high: float) -> np.ndarray:
    """The map in colours from black (`low` or less) over red to pale yellow (`high` or more), half transparent."""
    strength = np.clip((activations - low) / max(high - low, 1e-12), 0, 1)
    colours = _colours()[np.rint(strength * 255).astype(int)]
    return np.rint((1 - OPACITY) * image + OPACITY * colours).astype(np.uint8)


@cache
def _colours() -> np.ndarray:
    """The colormap in 256 steps, float (256, 3) from 0 to 255."""
    from matplotlib import colormaps  # late: it takes a third of a second

    return np.asarray(colormaps[COLORMAP](np.arange(256))[:, :3] * 255)


STRONG = 0.6  # of the way from the typical level to the map's extreme: 0.5 lit most of deep layers' images
REACH, SOFTNESS = 1 / 32, 1 / 24  # of the size: margin around the strong region, and blur of its edge
DIMMED = 0.3  # brightness outside


def spotlight(image: np.ndarray, activations: np.ndarray, level: float, pole: Pole) -> np.ndarray:
    """The image at full brightness where the map is strong, and dimmed elsewhere, with a soft edge between."""
    size = len(image)
    reached = distance_transform_edt(~strong(activations, level, pole)) <= REACH * size
    light = gaussian_filter(reached.astype(float), SOFTNESS * size, mode="nearest")[..., None]
    return np.rint(image * (DIMMED + (1 - DIMMED) * light)).astype(np.uint8)


def strong(activations: np.ndarray, level: float, pole: Pole) -> np.ndarray:
    """Where a map is above the unit's typical level by at least 60 % of what its maximum is: bool, as the map.

    For the pole min: below it by at least 60 % of what its minimum is. If no cell is beyond that level, the map's own
    median is the level; a map that is the same everywhere is strong everywhere.
    """
    sign = 1 if pole is Pole.MAX else -1
    values, typical = sign * activations, sign * level
    if values.max() <= typical:
        typical = float(np.median(values))
    return np.asarray(values - typical >= STRONG * (values.max() - typical))
