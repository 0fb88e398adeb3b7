"""One number a unit for every image of a corpus, and the index of extremes and quantiles over it."""

from exemplum.index.activations import POOLINGS, pool
from exemplum.index.build import build
from exemplum.index.index import ActivationIndex

__all__ = ["POOLINGS", "ActivationIndex", "build", "pool"]
