"""Networks with their preprocessing, layers and units, and the reading of activations."""

from exemplum.models.loading import load
from exemplum.models.model import Layer, Model, table
from exemplum.models.network import ModelError, Network, Preprocessing, ShapeError, WeightsError
from exemplum.models.reader import Reader

__all__ = [
    "Layer", "Model", "ModelError", "Network", "Preprocessing", "Reader", "ShapeError", "WeightsError", "load", "table",
]  # fmt: skip
