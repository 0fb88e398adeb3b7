"""The units of a model as a table."""

from __future__ import annotations

import pandas as pd

from exemplum.models.model import Model


def table(model: Model) -> pd.DataFrame:
    """One row a branch of each layer (a layer without branches has one, named ""), in the order of execution.

    Columns: layer; channels, of the layer; branch; first and last, the channels of the branch; default, whether the
    layer is studied where none is named.
    """
    rows = []
    for layer in model.layers.values():
        for branch, channels in (layer.branches or {"": range(layer.channels)}).items():
            rows.append(
                (layer.name, layer.channels, branch, channels[0], channels[-1], layer.name in model.default_layers)
            )
    return pd.DataFrame(rows, columns=["layer", "channels", "branch", "first", "last", "default"])
