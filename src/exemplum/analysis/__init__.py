"""Statistics: importers, estimates with intervals, comparisons, models and verdicts. Imports without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import lazy_loader
from pydantic import BeforeValidator, Field, model_validator

from exemplum.records import ALL
from exemplum.study import Name, Once, Section

if TYPE_CHECKING:
    from exemplum.analysis.machines.planned import Machine as Machine
    from exemplum.analysis.reproduction import reproduce as reproduce
    from exemplum.analysis.simulate import Spread as Spread


def _named(given: Any) -> Any:
    """The name in trials of the window above a share of the images: 0.95."""
    return f"{given:g}" if isinstance(given, float) and 0 < given < 1 else given


Difficulty = Annotated[Name, BeforeValidator(_named)]  # as trials name it: extreme, 0.95, …


class AnalysisSection(Section):
    """What the verdict is about, and how it is reached."""

    bootstrap: int = Field(10_000, ge=1, le=1_000_000)
    """Number of resamples of the intervals `percentile` and `bca`."""
    margin: float = Field(0.05, gt=0, lt=0.5)
    """Differences in accuracy below this count as equivalent: 0.05 is five percentage points."""
    primary: Literal["new_units", "these_units"] = "new_units"
    """The population that the verdict is about: new participants and new units like these, or new participants and
    these units."""
    difficulty: Difficulty = ALL
    """The trials that the verdict is about: `all`, of all difficulties of the queries together, or the name of one of
    the study's difficulties, as in `extreme` or 0.95."""
    secondary: Annotated[tuple[Literal["new_units", "these_units", "scheme", "difficulty"], ...], Once] = ()
    """Further claims that are declared in advance: the other population (not the primary), each scheme, or each (other)
    difficulty."""

    @model_validator(mode="after")
    def _declares_each_claim_once(self) -> AnalysisSection:
        if self.primary in self.secondary:
            raise ValueError(f"secondary cannot hold {self.primary!r}, which is the primary")
        return self

    def concerns(self, by: str, group: str, several: bool) -> bool:
        """Whether the primary claims are about these trials; `several`: whether there are several difficulties."""
        one = several and self.difficulty != ALL
        return (by, group) == ("difficulty", self.difficulty) if one else by == "all"

    def role(self, by: str, population: str, concerned: bool) -> str:
        """Whether a claim is primary, secondary or exploratory; `concerned`: whether it is about those trials."""
        if concerned and population == self.primary:
            return "primary"
        return "secondary" if (population if concerned else by) in self.secondary else "exploratory"


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "machines.planned": ["Machine"],
        "reproduction": ["reproduce"],
        "simulate": ["Spread"],
    },
)
__all__ += ["AnalysisSection"]
