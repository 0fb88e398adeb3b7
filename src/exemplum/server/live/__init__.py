"""Going live: whether a study may begin, as far as a program can tell, and what pilots say of time and pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from exemplum.server.live.check import LiveCheck as LiveCheck, Situation as Situation, conclusion as conclusion
    from exemplum.server.live.checks import is_for_people as is_for_people, live_checks as live_checks, opened as opened

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "check": ["LiveCheck", "Situation", "conclusion"],
        "checks": ["is_for_people", "live_checks", "opened"],
    },
)
