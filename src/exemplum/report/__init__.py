"""The report: figures from tables, and a study or a reproduction as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from exemplum.report.figures.accuracy import save_power as save_power
    from exemplum.report.findings import declared_verdicts as declared_verdicts
    from exemplum.report.reproduction import write_reproduction as write_reproduction

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "figures.accuracy": ["save_power"],
        "findings": ["declared_verdicts"],
        "reproduction": ["write_reproduction"],
    },
)
