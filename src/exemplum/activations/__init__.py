"""One number a unit for every image of a corpus, and the index of extremes and quantiles over it."""

from exemplum.activations.build import build
from exemplum.activations.index import ActivationIndex
from exemplum.activations.pooling import POOLINGS, pool

__all__ = ["POOLINGS", "ActivationIndex", "build", "pool"]
