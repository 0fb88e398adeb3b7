"""Figures: functions from tables to matplotlib axes, and the catalogue of figures in a report."""

from exemplum.report.figures.catalogue import PLOTS, Plot, figure
from exemplum.report.style import save

__all__ = ["PLOTS", "Plot", "figure", "save"]
