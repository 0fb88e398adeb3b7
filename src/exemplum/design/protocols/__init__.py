"""Protocols by name."""

from exemplum.design.protocols.base import DesignError, Protocol, Scheme
from exemplum.design.protocols.borowski2021_1 import BOROWSKI2021_1
from exemplum.design.protocols.borowski2021_2 import BOROWSKI2021_2
from exemplum.errors import did_you_mean

PROTOCOLS = {protocol.name: protocol for protocol in (BOROWSKI2021_1, BOROWSKI2021_2)}


def protocol(name: str) -> Protocol:
    """The protocol of this name. Raises DesignError naming close matches if there is none."""
    if name not in PROTOCOLS:
        raise DesignError(f"there is no protocol {name!r}{did_you_mean(name, PROTOCOLS)}")
    return PROTOCOLS[name]


__all__ = ["PROTOCOLS", "DesignError", "Protocol", "Scheme", "protocol"]
