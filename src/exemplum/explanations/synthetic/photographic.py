"""Squares of the photographs that the package has, for what is typical of photographs."""

from __future__ import annotations

import numpy as np
from PIL import Image

from exemplum.images.photographs import photograph

# of things as people see them: not of the sky, of tissue or of printed pages
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
