"""Exemplum: does a picture that is said to explain a unit help anyone predict what the unit does?"""

from importlib.metadata import version

__version__ = version("exemplum")
