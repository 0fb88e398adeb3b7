"""Names as readers see them."""

from __future__ import annotations

import re

NETWORKS = {"embedded": "the embedded InceptionV1"}  # by the name that loads them


def label(name: str) -> str:
    """An observer's or a method's name as readers see it.

    >>> label("colour_histogram"), label("folder:pictures/mine")
    ('colour histogram', 'mine')
    """
    last = [part for part in re.split(r"[:/\\]", name) if part][-1:]
    return (last[0] if last else name).replace("_", " ")
