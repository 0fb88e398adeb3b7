"""Pages of one HTML file: the template and the style that they share, embedded pictures, and numbers as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from exemplum.pages.embedding import data_uri as data_uri, embedded as embedded, packed as packed
    from exemplum.pages.numbers import (
        SPACE as SPACE,
        UNDEFINED as UNDEFINED,
        count as count,
        interval as interval,
        listed as listed,
        number as number,
        percent as percent,
        points as points,
        undefined as undefined,
    )  # fmt: skip
    from exemplum.pages.rendering import render as render

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "embedding": ["data_uri", "embedded", "packed"],
        "numbers": [
            "SPACE", "UNDEFINED", "count", "interval", "listed", "number", "percent", "points", "undefined",
        ],
        "rendering": ["render"],
    },
)  # fmt: skip
