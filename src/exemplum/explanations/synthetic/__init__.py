"""Feature visualizations (Olah et al. 2017): images optimized to activate a unit, by recipes as data."""

from exemplum.explanations.synthetic.recipes import RECIPES, Recipe, recipe
from exemplum.explanations.synthetic.visualize import Visualization, visualize

__all__ = ["RECIPES", "Recipe", "Visualization", "recipe", "visualize"]
