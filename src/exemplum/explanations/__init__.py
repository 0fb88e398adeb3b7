"""Explanation methods: what gives a unit its reference pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import lazy_loader
from pydantic import Field

from exemplum.records import Pole, Unit
from exemplum.study.config import Name, Names, Section

if TYPE_CHECKING:
    from exemplum.explanations.request import (
        Exemplar as Exemplar,
        ExplanationMethod as ExplanationMethod,
        Picture as Picture,
        Request as Request,
    )


class StimuliSection(Section):
    # folder:PATH of finished stimuli: UNIT/channel_N/{natural,optimized}_images/{max,min}_K.png
    load: Name = Field(pattern=r"^folder:.", description="folder:PATH, the folder of the finished stimuli")
    rotate: bool = False  # every image is the query in one of k + 1 batches, instead of the most extreme in one batch


class ExplanationsSection(Section):
    # natural, synthetic, folder:PATH, package.module:name, a registered name
    methods: Annotated[Names, Field(min_length=1)] = ("natural", "synthetic")
    batches: int = Field(20, ge=1, le=1000)  # how many sets of natural images the extremes of a unit are dealt into


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "request": ["Exemplar", "ExplanationMethod", "Picture", "Request"],
    },
)
__all__ += ["ExplanationsSection", "Pole", "StimuliSection", "Unit"]
