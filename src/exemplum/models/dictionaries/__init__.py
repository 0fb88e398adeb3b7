"""Dictionaries of features over a layer: directions, sparse autoencoders and modules; their files, and training one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from exemplum.models.dictionaries.dictionary import (
        Dictionary as Dictionary,
        directions as directions,
        of_module as of_module,
        sae as sae,
    )
    from exemplum.models.dictionaries.loading import load as load
    from exemplum.models.dictionaries.training import train_dictionary as train_dictionary

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "dictionary": ["Dictionary", "directions", "of_module", "sae"],
        "loading": ["load"],
        "training": ["train_dictionary"],
    },
)
