"""What a paper needs of a study with people: methods in words, participant flow, exclusions, scripts that refit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from exemplum.report.paper.files import (
        FOLDER as FOLDER,
        SCRIPTS as SCRIPTS,
        Paper as Paper,
        script as script,
        write as write,
    )
    from exemplum.report.paper.participants import Flow as Flow, flow as flow
    from exemplum.report.paper.rules import by_rule as by_rule

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "files": ["FOLDER", "SCRIPTS", "Paper", "script", "write"],
        "participants": ["Flow", "flow"],
        "rules": ["by_rule"],
    },
)
