"""Statistics: importers, estimates with intervals, comparisons, models and verdicts. Imports without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import lazy_loader
from pydantic import Field, model_validator

from exemplum.study import Once, Section

if TYPE_CHECKING:
    from exemplum.analysis.reproduction import reproduce as reproduce
    from exemplum.analysis.simulate import Spread as Spread


class AnalysisSection(Section):
    bootstrap: int = Field(10_000, ge=1, le=1_000_000)
    margin: float = Field(0.05, gt=0, lt=0.5)  # differences in accuracy below this count as equivalent
    # the population that the verdict is about: new participants and new units like these, or new participants alone
    primary: Literal["new_units", "these_units"] = "new_units"
    # further claims that are declared in advance: the other population, or each scheme
    secondary: Annotated[tuple[Literal["new_units", "these_units", "scheme"], ...], Once] = ()

    @model_validator(mode="after")
    def _declares_each_claim_once(self) -> AnalysisSection:
        if self.primary in self.secondary:
            raise ValueError(f"secondary cannot hold {self.primary!r}, which is the primary")
        return self

    def role(self, by: str, population: str) -> str:
        """Whether a claim over all trials (`by` all) or in each scheme is primary, secondary or exploratory."""
        if by == "all" and population == self.primary:
            return "primary"
        return "secondary" if (population if by == "all" else by) in self.secondary else "exploratory"


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "reproduction": ["reproduce"],
        "simulate": ["Spread"],
    },
)
__all__ += ["AnalysisSection"]
