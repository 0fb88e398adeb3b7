"""Networks with their preprocessing, layers and units, and the reading of activations."""

from exemplum.models.errors import ModelError, ShapeError, WeightsError
from exemplum.models.loading import load
from exemplum.models.model import Layer, Model
from exemplum.models.network import Network
from exemplum.models.preprocessing import Preprocessing
from exemplum.models.reader import Reader
from exemplum.models.units import table

__all__ = [
    "Layer", "Model", "ModelError", "Network", "Preprocessing", "Reader", "ShapeError", "WeightsError", "load", "table",
]  # fmt: skip
