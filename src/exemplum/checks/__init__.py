"""Checks: a leakage audit of a finished design. Reading its table needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from exemplum.checks.audit import audit as audit
    from exemplum.checks.finding import Finding as Finding, Verdict as Verdict
    from exemplum.checks.summary import Line as Line, conclusion as conclusion, counts as counts, lines as lines
    from exemplum.checks.table import current as current, made as made

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "audit": ["audit"],
        "finding": ["Finding", "Verdict"],
        "summary": ["Line", "conclusion", "counts", "lines"],
        "table": ["current", "made"],
    },
)
