"""Simulated people, who take part through the server's own interface: what `exemplum rehearse` sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from exemplum.server.simulated.crowd import (
        CATCH as CATCH,
        Crowd as Crowd,
        Manner as Manner,
        accuracies as accuracies,
    )
    from exemplum.server.simulated.visit import RehearsalError as RehearsalError
    from exemplum.server.simulated.visits import (
        SimulatedVisit as SimulatedVisit,
        began_ms as began_ms,
        visits as visits,
    )

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "crowd": ["CATCH", "Crowd", "Manner", "accuracies"],
        "visit": ["RehearsalError"],
        "visits": ["SimulatedVisit", "began_ms", "visits"],
    },
)
