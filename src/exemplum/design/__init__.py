"""Design: every session of a study, fixed by one seed. Imports and runs without torch."""

from exemplum.design.invariants import check
from exemplum.design.schedule import make, repeated_trials
from exemplum.design.stage import load
from exemplum.design.stimuli import DesignError
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
]
