"""How much a unit's pictures are held apart, in units of its activation."""

from __future__ import annotations

from typing import Literal

from exemplum.activations import ActivationIndex
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.models import Model
from exemplum.records import Unit

LUCID_SPAN = 255  # inputs of Lucid's InceptionV1 lie in −117 … 138
# Chosen on the embedded network: pictures differ, and still lie beyond the best exemplar (docs/synthesis.md)
SPREAD = 3.0


def diversity(
    wanted: float | Literal["auto", "recipe", "spread"],
    model: Model,
    index: ActivationIndex | None,
    unit: Unit,
    recipe: Recipe,
) -> float:
    """The weight of the likeness of a unit's pictures, in units of activation.

    Lucid's weight of 100 suits Lucid's InceptionV1, whose inputs span 255 grey levels and whose activations are as much
    larger. `spread` takes SPREAD standard deviations of the unit over the corpus for a picture just like all others;
    `auto` is the recipe's weight for inputs of Lucid's range, or without an index, and else `spread`.
    """
    if not isinstance(wanted, str):
        return wanted
    lucid = 1 / max(model.preprocessing.std) > LUCID_SPAN / 2  # the span of the inputs from black to white
    if wanted == "recipe" or not recipe.diversity or index is None or (wanted == "auto" and lucid):
        return recipe.diversity
    std = float(index.units.iloc[index.row(unit)]["std"])
    return SPREAD * std / max(1, recipe.images - 1)
