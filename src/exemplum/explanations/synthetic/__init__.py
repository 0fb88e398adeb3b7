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
    """Feature visualizations: pictures that are optimized to activate a unit, of the method `synthetic`.

    A table `[explanations.NAME]` with `method = "synthetic"` has the same keys; those it leaves out are taken from
    here.
    """

    recipe: Name | dict[str, Any] = "borowski2021"
    """How pictures are made: `borowski2021`, `lucid`, `imi2024`, `maco`, `maco-wide`, a TOML file, or a table
    `[synthetic.recipe]` with a `base` and what differs from it."""
    steps: int | None = Field(None, ge=1, le=1_000_000)
    """The last step, counted from 0, so there are `steps` + 1 updates; the recipe's if left out (`borowski2021`: 2560,
    so 2,561 updates)."""
    size: Pixels | None = None
    """Side of the picture, in pixels, as the network accepts it; the model's input size if left out."""
    diversity: Literal["auto", "recipe", "spread"] | Annotated[float, Field(ge=0, le=1e9)] = "auto"
    """Diversity weight. `recipe`: the recipe's, which suits Lucid's InceptionV1; `spread`: in proportion to the
    standard deviation of the unit's activation over the corpus; `auto`: `recipe` for networks whose inputs have Lucid's
    range, else `spread`."""
    precision: Precision = "auto"
    """Precision of the network; `auto` is bfloat16 where that is fast, else float32."""
    snapshots: Annotated[tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...], Once] = (0, 4, 48)
    """Steps after which the picture is saved too, besides the last; none of them after it."""


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["objectives", "parametrizations", "transforms"],
    submod_attrs={
        "recipes": ["RECIPES", "Recipe", "recipe"],
        "visualization": ["Visualization", "Visualizations", "visualize"],
    },
)
__all__ += ["SyntheticSection"]
