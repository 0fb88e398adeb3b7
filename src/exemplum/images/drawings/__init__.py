"""Drawn images of known make-up: families of textures, things and small scenes."""

from exemplum.images.drawings import nature, patterns, surfaces
from exemplum.images.drawings.fields import SIZE
from exemplum.images.drawings.registry import FAMILIES, Drawing, Family, drawing

__all__ = ["FAMILIES", "SIZE", "Drawing", "Family", "drawing", "nature", "patterns", "surfaces"]
