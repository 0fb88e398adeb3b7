"""Studies: the folder and its settings, what is stale, frozen or hidden, and the pipeline of stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from exemplum.study.config import (
    Name,
    Names,
    Once,
    Pixels,
    Precision,
    Seconds,
    Section,
    Share,
    StudyError,
    Text,
    check_order,
    once,
    parse,
    web_address,
)
from exemplum.study.folder import DATABASE, IDENTITY_FILE, STAGES, Study, new_identity, taken_back, versions
from exemplum.study.toml_files import Accepts

if TYPE_CHECKING:
    from exemplum.study.blinding import Recruitment as Recruitment, Status as Status
    from exemplum.study.config import Config as Config
    from exemplum.study.locks import ServerLock as ServerLock
    from exemplum.study.pipeline import Stage as Stage

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "blinding": ["Recruitment", "Status"],
        "config": ["Config"],  # made of the sections of all rooms
        "locks": ["ServerLock"],
        "pipeline": ["Stage"],
    },
)
__all__ += [
    "DATABASE", "IDENTITY_FILE", "STAGES", "Accepts", "Name", "Names", "Once", "Pixels", "Precision", "Seconds",
    "Section", "Share", "Study", "StudyError", "Text", "check_order", "new_identity", "once", "parse", "taken_back",
    "versions", "web_address",
]  # fmt: skip
