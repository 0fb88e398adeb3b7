"""Networks with preprocessing, layers and units, and modules that read their activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from exemplum.study import Name, Pixels, Section

if TYPE_CHECKING:
    from exemplum.models.files import (
        OWN as OWN,
        SUFFIXES as SUFFIXES,
        ModelError as ModelError,
        WeightsError as WeightsError,
        check_weights as check_weights,
        embedded_layers as embedded_layers,
        no_layer as no_layer,
    )
    from exemplum.models.loading import load as load
    from exemplum.models.model import Layer as Layer, Model as Model, table as table
    from exemplum.models.network import (
        Network as Network,
        Preprocessing as Preprocessing,
        ShapeError as ShapeError,
    )
    from exemplum.models.reader import Lanes as Lanes, Reader as Reader, unjoined as unjoined


class ModelSection(Section):
    load: Name = "embedded"  # embedded, inceptionv1, torchvision:NAME, timm:NAME, package.module:factory
    weights: Name | None = None  # DEFAULT, a file, or none: random weights (seeded)
    input_size: Pixels | None = None  # the model's own if not given


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "files": ["OWN", "SUFFIXES", "ModelError", "WeightsError", "check_weights", "embedded_layers", "no_layer"],
        "loading": ["load"],
        "model": ["Layer", "Model", "table"],
        "network": ["Network", "Preprocessing", "ShapeError"],
        "reader": ["Lanes", "Reader", "unjoined"],
    },
)
__all__ += ["ModelSection"]
