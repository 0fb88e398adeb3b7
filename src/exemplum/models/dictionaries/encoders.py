"""Encoders: the maps of a layer → the maps of a dictionary's features, position by position."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from exemplum.models.files import ModelError
from exemplum.study import user_code

Normalization = Literal["none", "layer_norm", "constant_norm_rescale", "unit"]
EPSILON = 1e-5  # of layer_norm, as in SAELens
TINY = 1e-12  # a position without any activation has no direction


@dataclass(frozen=True)
class Activation:
    """What follows the linear part of an encoder: nothing, a ReLU, the k largest, or those above a threshold."""

    name: str  # none, relu, topk, batchtopk or jumprelu
    k: int = 0  # of topk

    @classmethod
    def parse(cls, text: str) -> Activation:
        """Read `none`, `relu`, `topk:K`, `batchtopk`, `batchtopk:K` or `jumprelu`. Raises ModelError.

        >>> Activation.parse("topk:32")
        Activation(name='topk', k=32)
        """
        found = re.fullmatch(r"(none|relu|jumprelu|batchtopk|topk)(?::([1-9][0-9]{0,8}))?", text)
        if not found or bool(found[2]) < (found[1] == "topk") or (found[2] and "topk" not in found[1]):
            raise ModelError(
                f"there is no activation {text!r}; known: none, relu, topk:K (K is the number of features kept), "
                "batchtopk, jumprelu"
            )
        return cls(found[1], int(found[2] or 0))

    def __str__(self) -> str:
        return f"{self.name}:{self.k}" if self.k else self.name

    @property
    def has_threshold(self) -> bool:
        """Whether features below a threshold are 0. The number of a batch top-k is that of training alone."""
        return self.name in ("batchtopk", "jumprelu")


class LinearEncoder(nn.Module):
    """Maps (n, channels, h, w) → features (n, features, h, w): W · norm(scale · x − mean) + bias, then the activation.

    The gradient is that of the features, except for those that are active nowhere in an image: their gradient, which
    is 0, would never let a picture begin to activate them. They get the gradient of their value before the activation,
    where a step downhill raises it.
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    threshold: Tensor
    gain: Tensor
    offset: Tensor

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        activation: Activation,
        *,
        threshold: Tensor | None = None,
        mean: Tensor | None = None,
        scale: float = 1.0,
        normalization: Normalization = "none",
        feature_norm: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """weight: (features, channels); bias, threshold: (features,); mean: (channels,), subtracted before normalizing.

        feature_norm: gain and offset of a layer normalization over the features, before the activation.
        """
        super().__init__()
        self.activation, self.normalization = activation, normalization
        self.features, self.channels = weight.shape
        self.scale = scale
        self.register_buffer("weight", (weight * scale if normalization == "none" else weight)[:, :, None, None])
        self.register_buffer("bias", bias)
        self.register_buffer("mean", None if mean is None else mean[:, None, None])
        self.register_buffer("threshold", None if threshold is None else threshold[:, None, None])
        gain, offset = feature_norm or (None, None)
        self.register_buffer("gain", gain)
        self.register_buffer("offset", offset)

    def forward(self, maps: Tensor) -> Tensor:
        return self.activated(self.linear(maps))

    def linear(self, maps: Tensor) -> Tensor:
        """The features before the activation, (n, features, h, w)."""
        if self.normalization != "none":
            maps = maps * self.scale
            maps = _normalized(maps if self.mean is None else maps - self.mean, self.normalization)
        values = F.conv2d(maps, self.weight, self.bias)
        if self.gain is None:
            return values
        return F.layer_norm(values.movedim(1, -1), (self.features,), self.gain, self.offset).movedim(-1, 1)

    def activated(self, values: Tensor) -> Tensor:
        """The activation of values before it."""
        if self.activation.name == "none":
            return values
        active = values > (self.threshold.clamp_min(0) if self.activation.has_threshold else 0)
        if self.activation.name == "topk" and self.activation.k < self.features:
            # the innermost axis, which is that of a map in the channels_last format, is fastest
            rows = values.detach().movedim(1, -1)
            places = rows.topk(self.activation.k, dim=-1, sorted=False).indices
            active = active & torch.zeros_like(rows, dtype=torch.bool).scatter_(-1, places, True).movedim(-1, 1)
        result: Tensor = _Gate.apply(values, active)
        return result


def _normalized(maps: Tensor, normalization: Normalization) -> Tensor:
    """Each position's vector over channels, normalized."""
    if normalization == "layer_norm":
        centred = maps - maps.mean(1, keepdim=True)
        return centred / (centred.std(1, keepdim=True) + EPSILON)
    length = maps.float().square().sum(1, keepdim=True).clamp_min(TINY**2).sqrt().to(maps.dtype)
    return maps / length * (maps.shape[1] ** 0.5 if normalization == "constant_norm_rescale" else 1.0)


class _Gate(torch.autograd.Function):
    """Values where they are active, 0 elsewhere; features that are active nowhere pass gradients that raise them."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, active: Tensor) -> Tensor:
        ctx.save_for_backward(active)
        return torch.where(active, values, values.new_zeros(()))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (active,), (gradient,) = ctx.saved_tensors, gradients
        silent = ~active.flatten(2).any(2)[:, :, None, None]
        # L is minimized: a positive gradient would lower a value that counts as 0 already
        return torch.where(active | (silent & (gradient < 0)), gradient, gradient.new_zeros(())), None


class ModuleEncoder(nn.Module):
    """A module of the user's as an encoder: it gets vectors (positions, channels) and returns (positions, features).

    Its method `encode` is called if it has one, else the module itself; of several results the last is taken.
    """

    def __init__(self, module: nn.Module, channels: int) -> None:
        """Raises ModelError if it does not take vectors of so many channels, or does not return features."""
        super().__init__()
        self.module = copy.deepcopy(module).eval().requires_grad_(False)  # so that the user's stays trainable
        self.channels = channels
        kind = type(module).__name__
        try:
            with torch.inference_mode():
                given = self._encode(torch.zeros(2, channels))
        except Exception as error:  # a user's forward may raise anything
            reason = str(error).partition("\n")[0]
            raise ModelError(
                f"{kind} does not take vectors of {channels} channels, shape (positions, {channels}): "
                f"{type(error).__name__}: {reason}{user_code.raised_at(error)}"
            ) from error
        if not isinstance(given, Tensor) or given.ndim != 2 or len(given) != 2:
            shape = f"shape {tuple(given.shape)}" if isinstance(given, Tensor) else f"a {type(given).__name__}"
            raise ModelError(
                f"{kind} returned {shape} for vectors of shape (2, {channels}); it must return (2, features)"
                f"{user_code.place(getattr(module, 'encode', module.forward))}"
            )
        self.features = given.shape[1]

    def forward(self, maps: Tensor) -> Tensor:
        rows = maps.movedim(1, -1)
        return self._encode(rows.flatten(0, 2)).unflatten(0, rows.shape[:3]).movedim(-1, 1)

    def _encode(self, vectors: Tensor) -> Any:
        given = getattr(self.module, "encode", self.module)(vectors)
        return given[-1] if isinstance(given, tuple | list) and given else given
