"""From answers to numbers: import, checks, estimates with intervals, comparisons, models. Imports without torch."""

from exemplum.analysis.reproduction import reproduce

__all__ = ["reproduce"]
