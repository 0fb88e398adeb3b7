"""Exports that others expect: a study as a Psych-DS dataset. Imports without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import lazy_loader
from pydantic import AfterValidator

from exemplum.study import Names, Section, Text

if TYPE_CHECKING:
    from exemplum.export.dataset import write as write


def _is_address(address: str) -> str:
    if address and not address.startswith(("https://", "http://")):
        raise ValueError("must be an address that begins with https:// or http://")
    return address


Address = Annotated[Text, AfterValidator(_is_address)]


class DatasetSection(Section):
    """What the exported dataset says of itself, and the study cannot know."""

    authors: Names = ()
    license: Text = ""  # of the data: CC0-1.0, CC-BY-4.0, …
    citation: Text = ""  # how to cite the data
    funder: Text = ""
    url: Address = ""  # where the data are published
    doi: Text = ""


__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"dataset": ["write"]})
__all__ += ["DatasetSection"]
