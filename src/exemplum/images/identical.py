"""Images that are the same but for their file: another name, format, quality, size, or mirrored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

SIDE = 16  # pixels of a thumbnail
SAME = 6.0  # grey levels, root mean square: half a million pairs of different photographs are 20 or more apart
SAME_SHARE = 0.3  # of the image's own standard deviation: smooth images all look alike at this size


def thumbnail(image: np.ndarray) -> np.ndarray:
    """uint8 (h, w, 3) → uint8 (SIDE, SIDE, 3)."""
    return np.asarray(Image.fromarray(image).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))


def identical(some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> np.ndarray:
    """Which thumbnails show the same image, mirrored or not: bool (some, others)."""
    if not len(some) or not len(others):
        return np.zeros((len(some), len(others)), dtype=bool)
    first, second = np.stack(some).astype(np.float32), np.stack(others).astype(np.float32)
    apart = np.minimum(_apart(first, second), _apart(first[:, :, ::-1], second))
    spread = np.minimum.outer(first.std(axis=(1, 2, 3)), second.std(axis=(1, 2, 3)))
    # two flat images of one colour are the same image, though they have no spread
    return (apart <= SAME) & ((apart <= SAME_SHARE * spread) | (apart == 0))


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Root mean square difference of every two: (first, second)."""
    one, two = first.reshape(len(first), -1).astype(np.float64), second.reshape(len(second), -1).astype(np.float64)
    square = (one**2).sum(1)[:, None] + (two**2).sum(1)[None] - 2 * one @ two.T
    return np.sqrt(np.maximum(square, 0) / one.shape[1])
