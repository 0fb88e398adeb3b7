"""Networks with their preprocessing, layers and units, and the reading of activations."""

from exemplum.models.layout import ShapeError
from exemplum.models.loading import load
from exemplum.models.model import Layer, Model, ModelError
from exemplum.models.network import Network
from exemplum.models.preprocessing import Preprocessing
from exemplum.models.reader import Reader

__all__ = ["Layer", "Model", "ModelError", "Network", "Preprocessing", "Reader", "ShapeError", "load"]
