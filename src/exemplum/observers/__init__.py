"""Machine observers: they answer the same trials as people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import lazy_loader
from pydantic import Field

from exemplum.study import Name, Names, Pixels, Section, Share

if TYPE_CHECKING:
    from exemplum.observers.observer import (
        Chance as Chance,
        Ideal as Ideal,
        Observer as Observer,
        ObserverError as ObserverError,
        UnableError as UnableError,
        observe as observe,
    )
    from exemplum.observers.occlusion import OcclusionCue as OcclusionCue
    from exemplum.observers.registry import load as load
    from exemplum.observers.similarity import Similarity as Similarity
    from exemplum.observers.simulated import Simulated as Simulated


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
    # whose features are compared; auto: efficientnet-lite0, or embedded where that is the tested network
    model: Name = "auto"
    weights: Name | None = None
    input_size: Pixels | None = None  # the model's own if not given; 128 for efficientnet-lite0 by auto
    layer: Name | None = None  # every default layer of that model if not given
    same_network: bool = False  # whether the model may be the tested network, or have weights in common with it


class ObserversSection(Section):
    run: Names = ("ideal", "chance", "similarity")
    simulated: SimulatedSection = SimulatedSection()
    similarity: SimilaritySection = SimilaritySection()


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "observer": ["Chance", "Ideal", "Observer", "ObserverError", "UnableError", "observe"],
        "occlusion": ["OcclusionCue"],
        "registry": ["load"],
        "similarity": ["Similarity"],
        "simulated": ["Simulated"],
    },
)
__all__ += ["ObserversSection", "SimilaritySection", "SimulatedSection"]
