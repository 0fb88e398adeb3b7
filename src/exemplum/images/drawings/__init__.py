"""Drawn images of known make-up: families of textures, things and small scenes."""

from exemplum.images.drawings import animals, landscapes, machines, nature, objects, patterns, scenes, surfaces
from exemplum.images.drawings.fields import SIZE
from exemplum.images.drawings.registry import FAMILIES, Drawing, Family, drawing, fingerprint

__all__ = [
    "FAMILIES", "SIZE", "Drawing", "Family", "animals", "drawing", "fingerprint", "landscapes", "machines", "nature",
    "objects", "patterns", "scenes", "surfaces",
]  # fmt: skip
