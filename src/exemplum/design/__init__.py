"""Design: every session of a study, fixed by one seed. Imports and runs without torch."""

from exemplum.design.errors import DesignError
from exemplum.design.invariants import check
from exemplum.design.repeats import repeated_trials
from exemplum.design.responses import rows
from exemplum.design.schedule import make
from exemplum.design.stage import load
from exemplum.protocols import PROTOCOLS, Protocol, Scheme, protocol

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
