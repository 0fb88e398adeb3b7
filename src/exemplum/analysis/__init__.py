"""Statistics: importers, estimates with intervals, comparisons, models and verdicts. Imports without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader
from pydantic import Field

from exemplum.study.config import Section

if TYPE_CHECKING:
    from exemplum.analysis.reproduction import reproduce as reproduce


class AnalysisSection(Section):
    bootstrap: int = Field(10_000, ge=1, le=1_000_000)
    margin: float = Field(0.05, gt=0, lt=0.5)  # differences in accuracy below this count as equivalent


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "reproduction": ["reproduce"],
    },
)
__all__ += ["AnalysisSection"]
