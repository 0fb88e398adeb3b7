"""Drawn images of known make-up: families of textures, things and small scenes."""

from exemplum.images.drawings import animals, landscapes, machines, nature, objects, patterns, scenes, surfaces
from exemplum.images.drawings.families import FAMILIES, Drawing, Family, drawing, fingerprint
from exemplum.images.drawings.looks import SIZE

__all__ = [
    "FAMILIES", "SIZE", "Drawing", "Family", "animals", "drawing", "fingerprint", "landscapes", "machines", "nature",
    "objects", "patterns", "scenes", "surfaces",
]  # fmt: skip
