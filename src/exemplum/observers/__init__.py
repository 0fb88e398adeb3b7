"""Machine observers: they answer the same trials as people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import lazy_loader
from pydantic import Field

from exemplum.study.config import Name, Names, Section, Share

if TYPE_CHECKING:
    from exemplum.observers.observer import (
        Observer as Observer,
        ObserverError as ObserverError,
        UnableError as UnableError,
    )
    from exemplum.observers.registry import load as load


class SimulatedSection(Section):
    # by condition (catch, METHOD, METHOD SCHEME or none), before lapses
    accuracy: dict[Name, Annotated[float, Field(gt=0, lt=1)]] = Field(
        {"natural": 0.92, "synthetic": 0.82, "none": 0.46}
    )
    bias: float = Field(0.0, ge=-3, le=3)  # criterion in d′ units; above 0 prefers the top
    lapse: Share = 0.0  # share of trials answered at random
    spread: float = Field(0.3, ge=0, le=10)  # standard deviation over observers, in d′ units
    rt_median_ms: float = Field(3500.0, gt=0, le=1_000_000)
    rt_sigma: float = Field(0.5, ge=0, le=5)  # of ln RT


class SimilaritySection(Section):
    model: Name = "embedded"
    weights: Name | None = None
    layer: Name | None = None  # every default layer of that model but the tested one if not given


class ObserversSection(Section):
    run: Names = ("ideal", "chance", "similarity")
    simulated: SimulatedSection = SimulatedSection()
    similarity: SimilaritySection = SimilaritySection()


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "observer": ["Observer", "ObserverError", "UnableError"],
        "registry": ["load"],
    },
)
__all__ += ["ObserversSection", "SimilaritySection", "SimulatedSection"]
