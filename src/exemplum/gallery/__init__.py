"""The gallery: a static site to look at every unit of a network, with its images, scores and neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from exemplum.gallery.build import build as build
    from exemplum.gallery.serving import serve as serve

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"build": ["build"], "serving": ["serve"]})
