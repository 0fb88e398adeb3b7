"""Figures: functions from tables to matplotlib axes, and the catalogue of those that a report shows."""

from exemplum.report.figures.catalogue import PLOTS, Plot, figure
from exemplum.report.style import save

__all__ = ["PLOTS", "Plot", "figure", "save"]
