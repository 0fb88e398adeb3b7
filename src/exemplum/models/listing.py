"""Which of a network's many modules are layers worth listing: blocks, convolutions outside of blocks, classifiers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from torch import nn

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


def useful(module: nn.Module, readable: Iterable[str]) -> list[str]:
    """Of the readable modules, in their order, those that are a block, or have weights and are in no block.

    A block is a module with parts whose class recurs in the network. Normalizations do not count as weights.
    """
    found = set(_walk(module, "", _recurring(module)))
    return [name for name in readable if name in found]


def stage_ends(module: nn.Module, layers: Sequence[str]) -> list[str]:
    """The last block of each stage, a stage being a row of blocks.

    All blocks if there is but one stage, all layers if there is none.
    """
    classes = _recurring(module)
    stages: dict[str, list[str]] = {}
    for name in layers:
        parent = name.rpartition(".")[0]
        if _is_block(module.get_submodule(name), classes) and type(module.get_submodule(parent)) in CONTAINERS:
            stages.setdefault(parent, []).append(name)
    # what stands between stages is none
    stages = {name: row for name, row in stages.items() if not any(other.startswith(f"{name}.") for other in stages)}
    if len(stages) == 1:
        return next(iter(stages.values()))
    return [row[-1] for row in stages.values()] or list(layers)


def _recurring(module: nn.Module) -> set[type[nn.Module]]:
    """Classes of modules with parts that occur more than once."""
    counts = Counter(type(part) for part in module.modules() if part is not module and any(part.children()))
    return {kind for kind, count in counts.items() if count > 1 and kind not in CONTAINERS}


def _walk(module: nn.Module, name: str, recurring: set[type[nn.Module]]) -> Iterable[str]:
    if type(module) in recurring or (name and not any(module.children()) and _weighs(module)):
        yield name
    if type(module) not in recurring or _is_stage(module, recurring):
        for part, child in module.named_children():
            yield from _walk(child, f"{name}.{part}" if name else part, recurring)


def _weighs(leaf: nn.Module) -> bool:
    return any(True for _ in leaf.parameters()) and not isinstance(leaf, NORMS)


def _is_block(module: nn.Module, recurring: set[type[nn.Module]]) -> bool:
    """Whether it is more than a convolution with its normalization and activation."""
    return type(module) in recurring and sum(not any(p.children()) and _weighs(p) for p in module.modules()) > 1


def _is_stage(module: nn.Module, recurring: set[type[nn.Module]]) -> bool:
    """Whether it holds a row of blocks of one class."""
    rows = [row for row in (module, *module.children()) if isinstance(row, CONTAINERS)]
    counts = [Counter(type(part) for part in row.children() if _is_block(part, recurring)) for row in rows]
    return any(count > 1 for row in counts for count in row.values())
