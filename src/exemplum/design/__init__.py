"""Design: every session of a study, fixed by one seed. Imports and runs without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import lazy_loader
from pydantic import Field

from exemplum.protocols import PROTOCOLS, Factor, Protocol, Scheme, protocol
from exemplum.study import Name, Once, Section

if TYPE_CHECKING:
    from exemplum.design.assignment import Assignment as Assignment, sheared as sheared, trials_of as trials_of
    from exemplum.design.counterbalancing import (
        STRATEGIES as STRATEGIES,
        generator as generator,
        shuffled as shuffled,
    )
    from exemplum.design.duration import minutes as minutes
    from exemplum.design.invariants import check as check
    from exemplum.design.leakage import (
        RESEMBLES as RESEMBLES,
        Fault as Fault,
        StimulusIdentity as StimulusIdentity,
        compare as compare,
        faults_of_any_batch as faults_of_any_batch,
        identities as identities,
    )
    from exemplum.design.schedule import make as make, repeated_trials as repeated_trials
    from exemplum.design.stage import load as load
    from exemplum.design.stimuli import DesignError as DesignError


class DesignSection(Section):
    """The sessions of the study. In an interleaved protocol, "per condition" is per participant."""

    protocol: Name = "borowski2021-1"
    """The design by name: `borowski2021-1`, `borowski2021-2`, `quick` or `imi2023`."""
    participants: int = Field(10, ge=1, le=10_000)
    """Number of schedules; one participant receives each."""
    practice: int | None = Field(None, ge=0, le=1000)
    """Practice trials per condition; the protocol's number if left out."""
    blocks: int | None = Field(None, ge=1, le=1000)
    """Main blocks per condition with references; the protocol's number if left out."""
    catch: int | None = Field(None, ge=0, le=1000)
    """Catch trials per main block; the protocol's number if left out."""
    repeated: int | None = Field(None, ge=0, le=1000)
    """Repeated trials per condition; the protocol's number if left out."""
    main: int | None = Field(None, ge=1, le=1000)
    """Of an interleaved protocol (`quick`, `imi2023`): main trials per participant; the protocol's number if left
    out."""
    between: Annotated[tuple[Literal["method", "scheme", "difficulty"], ...], Once] | None = None
    """Of an interleaved protocol: the factors whose levels are seen by different participants; the protocol's if left
    out."""


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "assignment": ["Assignment", "sheared", "trials_of"],
        "counterbalancing": ["STRATEGIES", "generator", "shuffled"],
        "duration": ["minutes"],
        "invariants": ["check"],
        "leakage": ["RESEMBLES", "Fault", "StimulusIdentity", "compare", "faults_of_any_batch", "identities"],
        "schedule": ["make", "repeated_trials"],
        "stage": ["load"],
        "stimuli": ["DesignError"],
    },
)
__all__ += ["PROTOCOLS", "DesignSection", "Factor", "Protocol", "Scheme", "protocol"]
