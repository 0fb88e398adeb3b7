"""Names as readers see them."""

from __future__ import annotations

import re

NETWORKS = {"embedded": "the embedded InceptionV1"}  # by the name that loads them


def network_name(load: str) -> str:
    """A network as readers know it, by what study.toml loads.

    >>> network_name("embedded"), network_name("timm:resnet50")
    ('the embedded InceptionV1', 'timm:resnet50')
    """
    return NETWORKS.get(load, load)


def label(name: str) -> str:
    """An observer's or a method's name as readers see it.

    >>> label("colour_histogram"), label("folder:pictures/mine")
    ('colour histogram', 'mine')
    """
    last = [part for part in re.split(r"[:/\\]", name) if part][-1:]
    return (last[0] if last else name).replace("_", " ")
