"""The network page: scores of every unit as one HTML file."""

from exemplum.scores.page.labels import network_name
from exemplum.scores.page.network import About, Found, write

__all__ = ["About", "Found", "network_name", "write"]
