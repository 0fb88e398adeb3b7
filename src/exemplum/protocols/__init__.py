"""Protocols by name: the structure of a study as data."""

from exemplum.errors import UserError, did_you_mean
from exemplum.protocols.borowski2021 import BOROWSKI2021_1, BOROWSKI2021_2
from exemplum.protocols.definition import Factor, Protocol
from exemplum.protocols.imi2023 import IMI2023
from exemplum.protocols.quick import QUICK
from exemplum.records import Scheme

PROTOCOLS = {protocol.name: protocol for protocol in (BOROWSKI2021_1, BOROWSKI2021_2, QUICK, IMI2023)}


def protocol(name: str) -> Protocol:
    """The protocol of this name. Raises UserError naming close matches if there is none.

    >>> protocol("quick").name
    'quick'
    """
    if name not in PROTOCOLS:
        raise UserError(f"there is no protocol {name!r}{did_you_mean(name, PROTOCOLS)}")
    return PROTOCOLS[name]


__all__ = ["PROTOCOLS", "Factor", "Protocol", "Scheme", "protocol"]
