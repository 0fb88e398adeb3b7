"""Feature visualizations (Olah et al. 2017): images optimized to activate a unit, by recipes as data."""

from exemplum.explanations.synthetic.recipes import RECIPES, Recipe, recipe

__all__ = ["RECIPES", "Recipe", "recipe"]
