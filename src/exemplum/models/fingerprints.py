"""Hashes of modules: weights, architecture, and the source of the classes that are the user's."""

from __future__ import annotations

import hashlib
import inspect
import re
from contextlib import suppress

import torch
from torch import nn

LIBRARIES = ("torch", "torchvision", "timm", "exemplum")


def fingerprint(module: nn.Module, *declared: object, source: str = "") -> str:
    """A hash of weights and architecture, and of what else is declared, the same in every process: 16 hex digits.

    Classes that belong to no library count with their own source, since a forward may change without any change in
    names and weights. `source` is a hash of other code that it depends on.
    """
    architecture = re.sub(r" at 0x[0-9a-f]+", "", repr(module))
    sha = hashlib.sha256(repr((architecture, *declared)).encode())
    sha.update((_own_source(module) + source).encode())
    for key, tensor in sorted(module.state_dict().items()):
        sha.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return sha.hexdigest()[:16]


def _own_source(module: nn.Module) -> str:
    """Source of the classes of a network's modules that belong to no library, as far as it can be read."""
    found = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in map(type, module.modules())}
    sources = []
    for name, kind in sorted(found.items()):
        if name.partition(".")[0] not in LIBRARIES:
            with suppress(OSError, TypeError):  # a class of an interactive session has no source
                sources.append(inspect.getsource(kind))
    return "".join(sources)
