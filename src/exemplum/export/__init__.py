"""Exports that others expect: a study as a Psych-DS dataset. Imports without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import lazy_loader
from pydantic import AfterValidator

from exemplum.study import Names, Section, Text, web_address

if TYPE_CHECKING:
    from exemplum.export.dataset import write as write


class DatasetSection(Section):
    """Who made the data and under which licence, for the exported dataset: what the study cannot know."""

    authors: Names = ()
    """Who made the data."""
    license: Text = ""
    """Licence of the data, as in `CC0-1.0` or `CC-BY-4.0`; all rights are reserved if left out."""
    citation: Text = ""
    """How to cite the data."""
    funder: Text = ""
    """Who paid for the study."""
    url: Annotated[Text, AfterValidator(web_address)] = ""
    """Where the data are published: an address that begins with https:// or http://."""
    doi: Text = ""
    """DOI of the data."""


__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"dataset": ["write"]})
__all__ += ["DatasetSection"]
