"""What an optimized image is to do: a score an image, maximized; objectives add and scale.

An objective takes activation maps by layer, each (images, channels, h, w), and gives a score an image, (images,).
Scores are summed over images, never averaged, so that no image's gradient depends on how many share its batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from exemplum.records import Unit

Maps = Mapping[str, Tensor]


@dataclass(frozen=True)
class Objective:
    """A score an image, and the layers that it reads."""

    score: Callable[[Maps], Tensor]
    layers: frozenset[str]

    def __call__(self, maps: Maps) -> Tensor:
        return self.score(maps)

    def __add__(self, other: Objective) -> Objective:
        return Objective(lambda maps: self(maps) + other(maps), self.layers | other.layers)

    def __mul__(self, weight: float) -> Objective:
        return Objective(lambda maps: weight * self(maps), self.layers)

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return self * -1.0

    def __sub__(self, other: Objective) -> Objective:
        return self + -other


def channel(unit: Unit) -> Objective:
    """Spatial mean of the unit's map."""
    return Objective(lambda maps: maps[unit.layer][:, unit.channel].float().mean((1, 2)), frozenset({unit.layer}))


def neuron(unit: Unit) -> Objective:
    """Centre of the unit's map; of an even side the later of the two middle positions (h // 2), as in Lucid."""

    def score(maps: Maps) -> Tensor:
        plane = maps[unit.layer][:, unit.channel]
        return plane[:, plane.shape[1] // 2, plane.shape[2] // 2].float()

    return Objective(score, frozenset({unit.layer}))


def direction(layer: str, vector: Tensor) -> Objective:
    """Spatial mean of the map's projection onto a vector over channels, (channels,)."""
    return Objective(lambda maps: maps[layer].float().mean((2, 3)) @ vector, frozenset({layer}))


def diversity(layer: str, views: int = 1) -> Objective:
    """How alike each image's texture in the layer is to the other images': Σ_{j≠i} ⟨G_i, G_j⟩; subtract it.

    G_i = A_iᵀA_i of unit L2 norm, A_i the image's map as positions × channels (Olah et al. 2017; Lucid's `diversity`
    is the sum of these over images, divided by their number). Of an image that the network sees in several views, which
    follow one another, A_i has the positions of all; the score is given once a view.
    """

    def score(maps: Maps) -> Tensor:
        split = maps[layer].unflatten(0, (-1, views)).flatten(3)  # (images, views, channels, positions)
        return _likeness(split.transpose(2, 3).flatten(1, 2)).repeat_interleave(views)

    return Objective(score, frozenset({layer}))


def _likeness(rows: Tensor) -> Tensor:
    """Cosines of each image's Gram matrix with the others', summed: (images, positions, channels) → (images,)."""
    images, positions, channels = rows.shape
    # ⟨A_iᵀA_i, A_jᵀA_j⟩ = ‖A_iA_jᵀ‖²: whichever has the smaller matrices
    if images * positions < channels:
        stacked = rows.flatten(0, 1)
        products = (stacked @ stacked.T).float().square().view(images, positions, images, positions).sum((1, 3))
    else:
        grams = _Gram.apply(rows).flatten(1)
        products = (grams @ grams.T).float()
    # normalized afterwards, so that the large matrices are read once
    norms = products.diagonal().clamp_min(1e-24).sqrt()
    cosines = products / (norms[:, None] * norms[None, :])
    return cosines.sum(1) - cosines.diagonal()


class _Gram(torch.autograd.Function):
    """XᵀX, whose gradient is X(D + Dᵀ); D is symmetric here, so that one product is enough."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return rows.transpose(1, 2) @ rows

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (rows,), (gradient,) = ctx.saved_tensors, gradients
        return 2 * (rows @ gradient)


def jointly(objectives: Sequence[Objective], counts: Sequence[int]) -> Objective:
    """Several objectives in one batch: the first `counts[0]` images belong to `objectives[0]`, and so on."""

    def score(maps: Maps) -> Tensor:
        # split, not sliced: its gradient is put together once, and not filled up with zeros for each objective
        parts = {layer: torch.split(maps[layer], list(counts)) for layer in layers}
        return torch.cat(
            [
                objective({layer: parts[layer][place] for layer in objective.layers})
                for place, objective in enumerate(objectives)
            ]
        )

    layers = frozenset().union(*(objective.layers for objective in objectives))
    return Objective(score, layers)
