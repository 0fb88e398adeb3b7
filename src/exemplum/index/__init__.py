"""One number per unit for every image of a corpus, and the index of extremes and quantiles over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import lazy_loader
from pydantic import Field, field_validator, model_validator

from exemplum.records import Unit
from exemplum.study import Names, Precision, Section, once

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
    layers: Names = ()  # the model's own choice if empty
    choose: str = Field(
        "one per branch",
        pattern=r"^(one|[1-9][0-9]{0,4}) per (branch|layer)$|^none$",
        description="none, one per branch, one per layer, or N per branch or layer with N from 1 to 99999",
    )
    hand_picked: Names = ()  # mixed4a:17, …
    # units for practice and catch trials; the protocol's if not given
    practice: int | None = Field(None, ge=1, le=10_000)

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
    relu: Literal["before", "after"] = "before"  # activations before or after the layer's ReLU
    # spatial mean, centre or maximum of the map, or the class token of a vision transformer's layer
    objective: Literal["channel", "neuron", "max", "cls"] = "channel"
    keep: int = Field(300, ge=1, le=10_000)  # highest and lowest images kept of every unit
    # images whose activations give the quantiles; exact for corpora up to this size
    sample: int = Field(4096, ge=1, le=100_000)
    batch: int = Field(32, ge=1, le=4096)  # images per forward pass
    # of the pass over all images; extremes are measured again in float32. auto: whichever is faster
    # (docs/reference/activation-index.md)
    precision: Precision = "auto"


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
