"""Which of a network's many modules are layers worth listing: blocks, convolutions outside of blocks, classifiers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from torch import nn

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


def useful(module: nn.Module, readable: Iterable[str]) -> list[str]:
    """Of the readable modules those that are a block (its class recurs in the network), or a leaf with weights that is
    in no block and no normalization. Order is kept."""
    found = set(_walk(module, "", _block_classes(module)))
    return [name for name in readable if name in found]


def stage_ends(module: nn.Module, layers: Sequence[str]) -> list[str]:
    """The last block of each stage, a stage being a container of blocks; all blocks where there is one stage; all
    layers where there are no blocks."""
    classes = _block_classes(module)
    blocks = [name for name in layers if type(module.get_submodule(name)) in classes]
    stages: dict[str, list[str]] = {}
    for name in blocks:
        parent = name.rpartition(".")[0]
        if parent and type(module.get_submodule(parent)) in (nn.Sequential, nn.ModuleList):
            stages.setdefault(parent, []).append(name)
    if len(stages) == 1:
        return next(iter(stages.values()))
    return [names[-1] for names in stages.values()] or blocks or list(layers)


def _block_classes(module: nn.Module) -> set[type[nn.Module]]:
    """Classes of modules with parts that occur more than once."""
    counts = Counter(type(part) for part in module.modules() if part is not module and any(part.children()))
    return {kind for kind, count in counts.items() if count > 1 and kind not in CONTAINERS}


def _walk(module: nn.Module, name: str, blocks: set[type[nn.Module]]) -> Iterable[str]:
    is_block = type(module) in blocks
    if is_block or (name and not any(module.children()) and _weighs(module)):
        yield name
    if not is_block or _is_stage(module, blocks):
        for part, child in module.named_children():
            yield from _walk(child, f"{name}.{part}" if name else part, blocks)


def _weighs(leaf: nn.Module) -> bool:
    return any(True for _ in leaf.parameters()) and not isinstance(leaf, NORMS)


def _is_stage(module: nn.Module, blocks: set[type[nn.Module]]) -> bool:
    """Whether a block is a stage: it holds a row of blocks of one class."""
    rows = [module, *module.children()]
    return any(
        isinstance(row, CONTAINERS)
        and max(Counter(type(c) for c in row.children() if type(c) in blocks).values(), default=0) > 1
        for row in rows
    )
