"""How much a unit's pictures are held apart: the weight of their likeness, given, in proportion or searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from exemplum.activations import ActivationIndex
from exemplum.errors import UserError
from exemplum.explanations.synthetic import searching
from exemplum.explanations.synthetic.jobs import Job
from exemplum.explanations.synthetic.making import Made, Setup, optimize
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.models import Model
from exemplum.records import Pole, Unit

LUCID_SPAN = 255  # inputs of Lucid's InceptionV1 lie in −117 … 138
# Chosen on the embedded network: pictures differ, and still lie beyond the best exemplar (docs/synthesis.md)
SPREAD = 3.0

Wanted = float | Literal["auto", "recipe", "spread"]


def weighted(
    setup: Setup, units: Sequence[Unit], poles: Sequence[Pole], recipe: Recipe, wanted: Wanted,
    index: ActivationIndex | None,
) -> Iterator[Made]:  # fmt: skip
    """The pictures of all units and poles, held apart as `wanted`; a unit's follow one another.

    `auto` searches the weight if the recipe says so. Raises UserError if there is no index to search by.
    """
    jobs = [
        Job(unit, pole, recipe, setup.seed, setup.objective, diversity(wanted, setup.model, index, unit, recipe))
        for unit in units
        for pole in poles
    ]
    if not recipe.searches or wanted != "auto":
        yield from optimize(setup, jobs)
        return
    if index is None:
        raise UserError(f"recipe {recipe.name} searches the diversity by an index: give one, or a number as diversity")
    folder = setup.folder / "search" if setup.folder else None
    once = replace(setup, snapshots=())
    make = searching.remembered(lambda tried: optimize(once, tried), folder, setup.model)
    judge = searching.beyond(setup, index)
    yield from searching.search(jobs, make, judge, recipe.searches)
    searching.forget(folder)


def diversity(wanted: Wanted, model: Model, index: ActivationIndex | None, unit: Unit, recipe: Recipe) -> float:
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
