"""The network page: scores of every unit as one HTML file."""

from exemplum.scores.page.labels import NETWORKS
from exemplum.scores.page.network import About, Found, write

__all__ = ["NETWORKS", "About", "Found", "write"]
