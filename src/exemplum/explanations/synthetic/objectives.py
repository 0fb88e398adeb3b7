"""Objectives: map activations to one score per image, which is maximized; they add and scale.

An objective takes activation maps by layer, each (images, channels, h, w), and gives one score per image, (images,).
Scores are summed over images, never averaged, so that no image's gradient depends on how many share its batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from exemplum.errors import UserError
from exemplum.models import class_token
from exemplum.records import Unit

Maps = Mapping[str, Tensor]


IMAGES = ":images"  # the key of what the network sees, in [0, 1]; no layer's name has a colon


@dataclass(frozen=True)
class Objective:
    """One score per image, and the layers that it reads.

    >>> channel("mixed4a:30") - 2 * diversity("mixed4a")
    Objective(channel(mixed4a:30) - 2 * diversity(mixed4a))
    """

    score: Callable[[Maps], Tensor]
    layers: frozenset[str]
    units: tuple[Unit, ...] = ()  # visualize reports the activation of the first
    name: str = "own"

    def __call__(self, maps: Maps) -> Tensor:
        return self.score(maps)

    def __repr__(self) -> str:
        return f"Objective({self.name})"

    def __add__(self, other: Objective) -> Objective:
        return Objective(
            lambda maps: self(maps) + other(maps), self.layers | other.layers, self.units + other.units,
            f"{self.name} + {other.name}",
        )  # fmt: skip

    def __mul__(self, weight: float) -> Objective:
        return Objective(lambda maps: weight * self(maps), self.layers, self.units, f"{weight:g} * {self._as_term()}")

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return self * -1.0

    def __sub__(self, other: Objective) -> Objective:
        return replace(self + -other, name=f"{self.name} - {other._as_term()}")

    def _as_term(self) -> str:
        """The name, in brackets if it is a sum."""
        return f"({self.name})" if " + " in self.name or " - " in self.name else self.name


def channel(unit: Unit | str) -> Objective:
    """Spatial mean of the unit's map."""
    unit = Unit.of(unit)
    return Objective(
        lambda maps: maps[unit.layer][:, unit.channel].float().mean((1, 2)), frozenset({unit.layer}), (unit,),
        f"channel({unit})",
    )  # fmt: skip


def neuron(unit: Unit | str) -> Objective:
    """Centre of the unit's map; of an even side the later of the two middle positions (h // 2), as in Lucid."""
    unit = Unit.of(unit)

    def score(maps: Maps) -> Tensor:
        plane = maps[unit.layer][:, unit.channel]
        return plane[:, plane.shape[1] // 2, plane.shape[2] // 2].float()

    return Objective(score, frozenset({unit.layer}), (unit,), f"neuron({unit})")


def maximum(unit: Unit | str) -> Objective:
    """Maximum of the unit's map."""
    unit = Unit.of(unit)
    return Objective(
        lambda maps: maps[unit.layer][:, unit.channel].float().amax((1, 2)), frozenset({unit.layer}), (unit,),
        f"maximum({unit})",
    )  # fmt: skip


def cls(unit: Unit | str) -> Objective:
    """The unit's value in the class token of its layer; the layer of a vision transformer must have one.

    >>> cls("blocks.3:7").layers
    frozenset({'blocks.3@cls'})
    """
    unit = Unit.of(unit)
    layer = class_token(unit.layer)
    return Objective(
        lambda maps: maps[layer][:, unit.channel, 0, 0].float(), frozenset({layer}), (unit,), f"cls({unit})"
    )


NAMED: dict[str, Callable[[Unit], Objective]] = {  # as in study.toml: [index] objective
    "channel": channel, "neuron": neuron, "max": maximum, "cls": cls,
}  # fmt: skip


def on_unit(unit: Unit | str, function: Callable[[Tensor], Tensor]) -> Objective:
    """A function of the unit's map, (images, h, w) → one score per image, (images,).

    >>> peak = on_unit("mixed4a:30", lambda plane: plane.amax((1, 2)))
    >>> peak({"mixed4a": torch.arange(2 * 31 * 4.0).view(2, 31, 2, 2)})
    tensor([123., 247.])
    """
    unit, name = Unit.of(unit), _name(function)
    return Objective(
        lambda maps: _checked(function(maps[unit.layer][:, unit.channel].float()), maps[unit.layer], name),
        frozenset({unit.layer}), (unit,), f"{name}({unit})",
    )  # fmt: skip


def on_maps(layer: str, function: Callable[[Tensor], Tensor]) -> Objective:
    """A function of the layer's maps, (images, channels, h, w) → one score per image, (images,)."""
    name = _name(function)
    return Objective(
        lambda maps: _checked(function(maps[layer].float()), maps[layer], name), frozenset({layer}),
        name=f"{name}({layer})",
    )  # fmt: skip


def on_images(function: Callable[[Tensor], Tensor]) -> Objective:
    """A function of what the network sees, (images, channels, h, w) in [0, 1] → one score per image, (images,).

    >>> darkness = on_images(lambda images: -images.mean((1, 2, 3)))
    >>> darkness({IMAGES: torch.ones(2, 3, 8, 8)})
    tensor([-1., -1.])
    """
    name = _name(function)
    return Objective(
        lambda maps: _checked(function(maps[IMAGES]), maps[IMAGES], name), frozenset({IMAGES}), name=f"{name}(images)"
    )


def total_variation() -> Objective:
    """Mean absolute difference of neighbouring pixels of what the network sees; subtract it.

    >>> total_variation()({IMAGES: torch.tensor([0.0, 0.5]).view(1, 1, 1, 2).expand(1, 3, 2, 2)})
    tensor([0.5000])
    """

    def roughness(images: Tensor) -> Tensor:
        return sum(images.diff(dim=axis).abs().mean((1, 2, 3)) for axis in (2, 3))  # type: ignore[return-value]

    return on_images(roughness)


def deep_dream(layer: str) -> Objective:
    """Mean square of the layer's maps: strengthens whatever the layer responds to already."""
    return Objective(
        lambda maps: maps[layer].float().square().mean((1, 2, 3)), frozenset({layer}), name=f"deep_dream({layer})"
    )


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__)).replace("<lambda>", "function")


def _checked(score: Any, maps: Tensor, name: str) -> Tensor:
    if not isinstance(score, Tensor) or score.shape != maps.shape[:1]:
        given = f"shape {tuple(score.shape)}" if isinstance(score, Tensor) else f"a {type(score).__name__}"
        raise UserError(f"objective {name} gave {given}; it must give one score per image, shape ({len(maps)},)")
    return score.float()


def direction(layer: str, vector: Tensor) -> Objective:
    """Spatial mean of the map's projection onto a vector over channels, (channels,)."""
    return Objective(
        lambda maps: maps[layer].float().mean((2, 3)) @ vector.to(maps[layer].device), frozenset({layer}),
        name=f"direction({layer})",
    )  # fmt: skip


def diversity(layer: str, views: int = 1) -> Objective:
    """How alike each image's texture in the layer is to the other images': Σ_{j≠i} ⟨G_i, G_j⟩; subtract it.

    G_i = A_iᵀA_i of unit L2 norm, A_i the image's map as positions × channels (Olah et al. 2017; Lucid's `diversity`
    is the sum of these over images, divided by their number). If the network sees an image in several views, which
    follow one another, A_i has the positions of all of them, and each view gets the image's score.
    """

    def score(maps: Maps) -> Tensor:
        split = maps[layer].unflatten(0, (-1, views)).flatten(3)  # (images, views, channels, positions)
        return _likeness(split.transpose(2, 3).flatten(1, 2)).repeat_interleave(views)

    return Objective(score, frozenset({layer}), name=f"diversity({layer})")


def _likeness(rows: Tensor) -> Tensor:
    """Cosines of each image's Gram matrix with the others', summed: (images, positions, channels) → (images,)."""
    images, positions, channels = rows.shape
    # ⟨A_iᵀA_i, A_jᵀA_j⟩ = ‖A_iA_jᵀ‖²: computed by whichever side has the smaller matrices
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
        # split, not sliced: the gradient of a split is assembled once, not padded with zeros for each objective
        parts = {layer: torch.split(maps[layer], list(counts)) for layer in layers}
        return torch.cat(
            [
                objective({layer: parts[layer][place] for layer in objective.layers})
                for place, objective in enumerate(objectives)
            ]
        )

    layers = frozenset().union(*(objective.layers for objective in objectives))
    return Objective(score, layers)
