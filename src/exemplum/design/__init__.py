"""Design: every session of a study, fixed by one seed. Imports and runs without torch."""

from exemplum.design.invariants import check
from exemplum.design.protocols import PROTOCOLS, DesignError, Protocol, Scheme, protocol
from exemplum.design.repeats import repeated_trials
from exemplum.design.responses import rows
from exemplum.design.schedule import make
from exemplum.design.stage import load

__all__ = [
    "PROTOCOLS",
    "DesignError",
    "Protocol",
    "Scheme",
    "check",
    "load",
    "make",
    "protocol",
    "repeated_trials",
    "rows",
]
