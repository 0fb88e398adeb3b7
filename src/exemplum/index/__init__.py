"""One number per unit for every image of a corpus, and the index of extremes and quantiles over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import lazy_loader
from pydantic import Field, field_validator, model_validator

from exemplum.records import Unit
from exemplum.study import Accepts, Names, Precision, Section, once

if TYPE_CHECKING:
    from exemplum.index.activations import (
        Measurer as Measurer,
        decode_batches as decode_batches,
        images_held as images_held,
        measurer as measurer,
    )
    from exemplum.index.build import build_index as build_index
    from exemplum.index.heatmaps import enlarged as enlarged
    from exemplum.index.index import (
        UNATTACHED as UNATTACHED,
        ActivationIndex as ActivationIndex,
        Exemplars as Exemplars,
    )
    from exemplum.index.pooling import POOLINGS as POOLINGS, layer_read as layer_read, pool as pool


class UnitsSection(Section):
    """Which units are indexed, and which of them the study tests."""

    layers: Names = ()
    """The layers that are indexed, and that units are drawn from; if empty, the model's default layers and its
    dictionaries."""
    choose: Annotated[
        str,
        Field(pattern=r"^(one|[1-9][0-9]{0,4}) per (branch|layer)$|^none$"),
        Accepts("none, one per branch, one per layer, or N per branch or layer with N from 1 to 99999"),
    ] = "one per branch"
    """How many units are drawn at random, by `seed`: `one per branch`, `one per layer`, or a number as in `3 per
    layer`; `none` leaves the units to `hand_picked`. Dead and rare units are never drawn."""
    hand_picked: Names = ()
    """Units to test besides those that are drawn, as in `mixed4a:17`. They must exist and not be dead.

    The layer of such a unit is indexed too, but no other unit is drawn from it."""
    practice: int | None = Field(None, ge=1, le=10_000)
    """Number of units for practice and catch trials; in the protocol's proportion to the main units if left out."""

    @model_validator(mode="after")
    def _chooses_some(self) -> UnitsSection:
        if self.choose == "none" and not self.hand_picked:
            raise ValueError("choose = 'none' chooses no unit: name some in hand_picked, or choose 'one per branch'")
        return self

    @field_validator("hand_picked")
    @classmethod
    def _are_units(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        once(tuple(Unit.parse(name) for name in names))  # mixed4a:17 and mixed4a:017 are the same
        return names


class IndexSection(Section):
    """What is measured of every unit over the corpus."""

    relu: Literal["before", "after"] = "before"
    """Whether activations are those before or after the layer's ReLU."""
    objective: Literal["channel", "neuron", "max", "cls"] = "channel"
    """What of a unit's map is its activation: the spatial mean (`channel`), the centre (`neuron`), the maximum (`max`),
    or the class token of a vision transformer's layer (`cls`)."""
    keep: int = Field(300, ge=1, le=10_000)
    """How many of the highest and of the lowest images are kept for every unit.

    At least as many as one batch of queries and references takes: 10 with 9 references per pole."""
    sample: int = Field(4096, ge=1, le=100_000)
    """Number of images from which quantiles are computed; exact for corpora up to this size."""
    batch: int = Field(32, ge=1, le=4096)
    """Images per forward pass."""
    precision: Precision = "auto"
    """Precision of the pass over all images; `auto` is whichever is faster. The extremes are always measured again in
    float32."""


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "activations": ["Measurer", "decode_batches", "images_held", "measurer"],
        "build": ["build_index"],
        "heatmaps": ["enlarged"],
        "index": ["UNATTACHED", "ActivationIndex", "Exemplars"],
        "pooling": ["POOLINGS", "layer_read", "pool"],
    },
)
__all__ += ["IndexSection", "UnitsSection"]
