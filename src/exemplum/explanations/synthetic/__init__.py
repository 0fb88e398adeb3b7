"""Feature visualizations (Olah et al. 2017): images optimized to activate a unit, by recipes as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import lazy_loader
from pydantic import Field

from exemplum.study import Name, Once, Pixels, Precision, Section

if TYPE_CHECKING:
    from exemplum.explanations.synthetic import (
        objectives as objectives,
        parametrizations as parametrizations,
        transforms as transforms,
    )
    from exemplum.explanations.synthetic.recipes import RECIPES as RECIPES, Recipe as Recipe, recipe as recipe
    from exemplum.explanations.synthetic.visualization import (
        Visualization as Visualization,
        Visualizations as Visualizations,
        visualize as visualize,
    )


class SyntheticSection(Section):
    recipe: Name | dict[str, Any] = "borowski2021"  # a name, a TOML file, or a table: base = NAME and what differs
    # number of the last step, counted from 0, so there are steps + 1 updates; the recipe's if not given
    steps: int | None = Field(None, ge=1, le=1_000_000)
    size: Pixels | None = None  # of the picture; the model's input size if not given
    # diversity weight: a number; recipe: the recipe's, which suits Lucid's InceptionV1; spread: in proportion to the
    # standard deviation of the unit's activation over the corpus; auto: recipe for inputs of Lucid's range, else spread
    diversity: Literal["auto", "recipe", "spread"] | Annotated[float, Field(ge=0, le=1e9)] = "auto"
    precision: Precision = "auto"  # of the network; auto: bfloat16 where that is fast, else float32
    # steps after which the picture is saved too, besides the last
    snapshots: Annotated[tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...], Once] = (0, 4, 48)


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["objectives", "parametrizations", "transforms"],
    submod_attrs={
        "recipes": ["RECIPES", "Recipe", "recipe"],
        "visualization": ["Visualization", "Visualizations", "visualize"],
    },
)
__all__ += ["SyntheticSection"]
