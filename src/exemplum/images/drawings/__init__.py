"""Drawn images of known make-up: families of textures, things and small scenes."""

from exemplum.images.drawings import (
    animals,
    landscapes,
    machines,
    nature,
    objects,
    patterns,
    scenes,
    surfaces,
)
from exemplum.images.drawings.fields import SIZE
from exemplum.images.drawings.registry import FAMILIES, Drawing, Family, drawing

__all__ = [
    "FAMILIES", "SIZE", "Drawing", "Family", "animals", "drawing", "landscapes", "machines", "nature", "objects",
    "patterns", "scenes", "surfaces",
]  # fmt: skip
