"""Exports that others expect: a study as a Psych-DS dataset. Imports without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import lazy_loader
from pydantic import AfterValidator

from exemplum.study import Names, Section, Text, web_address

if TYPE_CHECKING:
    from exemplum.export.dataset import write as write


class DatasetSection(Section):
    """What the exported dataset says of itself, and the study cannot know."""

    authors: Names = ()
    license: Text = ""  # of the data: CC0-1.0, CC-BY-4.0, …
    citation: Text = ""  # how to cite the data
    funder: Text = ""
    url: Annotated[Text, AfterValidator(web_address)] = ""  # where the data are published
    doi: Text = ""


__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"dataset": ["write"]})
__all__ += ["DatasetSection"]
