"""Dictionaries: features over the channels of a layer, as directions, as a sparse autoencoder, or as a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from exemplum.models.dictionaries.encoders import Activation, LinearEncoder, ModuleEncoder, Normalization
from exemplum.models.files import ModelError
from exemplum.models.fingerprints import fingerprint

Axis = Literal["features", "channels"]
Relu = Literal["before", "after"]
Matrix = Tensor | np.ndarray
LINEAR = Activation("none")
VECTORS = ("b_enc", "threshold", "gain", "offset")  # one number per feature


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Features over the channels of a layer; `model.with_dictionary(name, layer, dictionary)` attaches it to one."""

    tensors: Mapping[str, Tensor]  # W_enc, b_enc, W_dec, b_dec, mean (subtracted first), threshold, gain, offset
    activation: Activation = LINEAR
    rows: Axis | None = None  # the first axis of W_enc, by the convention of its name; shapes come before it
    relu: Relu = "after"  # whether the layer is read before or after its ReLU
    normalization: Normalization = "none"
    scale: float = 1.0
    module: nn.Module | None = field(default=None, repr=False)  # instead of tensors
    source: str = ""  # hash of the user's code that made the module
    what: str = "the dictionary"  # as errors call it
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)  # of its training
    again: Callable[[], Dictionary] | None = field(default=None, repr=False)  # loads it in another process

    def __repr__(self) -> str:
        if self.module is not None:
            return f"Dictionary({type(self.module).__name__})"
        shape = " × ".join(map(str, self.tensors["W_enc"].shape))
        return f"Dictionary({shape}, {self.activation})"

    def encoder(self, channels: int, layer: str) -> LinearEncoder | ModuleEncoder:
        """The module from maps of a layer of so many channels to maps of the features.

        Raises ModelError if the dictionary is for another number of channels, or its tensors do not fit each other.
        """
        if self.module is not None:
            return ModuleEncoder(self.module, channels)
        weight = self._weight(channels, layer)
        features = len(weight)
        # a transcoder's W_dec is for another number of channels
        if "W_dec" in self.tensors and features not in self.tensors["W_dec"].shape:
            shape = " × ".join(map(str, self.tensors["W_dec"].shape))
            raise ModelError(f"{self.what}: W_dec is {shape}, but W_enc has {features} features of {channels} channels")
        given = {name: self.tensors[name] for name in VECTORS if name in self.tensors}
        for name, tensor in given.items():
            if tensor.numel() not in (1, features):
                raise ModelError(f"{self.what}: {name} has {tensor.numel()} numbers, but W_enc has {features} features")
        full = {name: tensor.flatten().expand(features).clone() for name, tensor in given.items()}
        norm = (full["gain"], full["offset"]) if "gain" in full else None
        bias = full.get("b_enc", torch.zeros(features))
        mean = self.tensors.get("mean")
        if mean is not None and mean.numel() != channels:
            raise ModelError(f"{self.what}: {mean.numel()} numbers are subtracted from {channels} channels of {layer}")
        if mean is not None and self.normalization != "unit":  # what follows is linear, so it is part of the bias
            bias = (bias.double() - weight.double() @ mean.double()).float()
            mean = None
        return LinearEncoder(
            weight, bias, self._checked(features), threshold=full.get("threshold"), mean=mean, scale=self.scale,
            normalization=self.normalization, feature_norm=norm,
        ).requires_grad_(False).eval()  # fmt: skip

    def _weight(self, channels: int, layer: str) -> Tensor:
        """The encoder's matrix as (features, channels), its axes told by the number of channels."""
        given = self.tensors["W_enc"]
        first, second = given.shape
        if channels not in (first, second):
            raise ModelError(
                f"{self.what} has vectors of {first}{f' or {second}' if second != first else ''} channels (W_enc is "
                f"{first} × {second}), but layer {layer} has {channels}; name the layer that it was made for"
            )
        if first == second and self.rows is None:
            raise ModelError(
                f"{self.what}: W_enc is square ({first} × {second}), and its name does not say which axis is the "
                "channels; store it as W_enc (channels × features) or encoder.weight (features × channels)"
            )
        by_rows = second == channels if first != second else self.rows == "features"
        return given if by_rows else given.T.contiguous()

    def _checked(self, features: int) -> Activation:
        if self.activation.k > features:
            raise ModelError(f"{self.what}: {self.activation} keeps more than its {features} features")
        if self.activation.has_threshold and "threshold" not in self.tensors:
            raise ModelError(
                f"{self.what}: activation {self.activation} needs a threshold, which the file does not have; set "
                "threshold to the one that training found"
            )
        return self.activation

    def save(self, path: Path | str) -> None:
        """Write it as a safetensors file that `ex.dictionaries.load` reads without any settings."""
        from exemplum.models.dictionaries.formats import save  # late: it imports this module

        save(self, Path(path).expanduser())

    def __reduce__(self) -> tuple[Any, ...]:
        if self.again is not None:
            return _again, (self.again,)
        if self.module is not None:
            raise ModelError(
                f"{self.what} cannot be sent to another process; load it by a name, as in package.module:factory"
            )
        return _rebuilt, ({name: getattr(self, name) for name in FIELDS},)


FIELDS = ("tensors", "activation", "rows", "relu", "normalization", "scale", "what", "facts")


def _again(load: Callable[[], Dictionary]) -> Dictionary:
    return load()


def _rebuilt(fields: dict[str, Any]) -> Dictionary:
    return Dictionary(**fields)


def directions(
    matrix: Matrix,
    *,
    mean: Matrix | None = None,
    bias: Matrix | None = None,
    similarity: Literal["dot", "cosine"] = "dot",
    activation: str = "none",
    relu: Relu = "after",
) -> Dictionary:
    """Directions in a layer: concept vectors, probes, or components of PCA, NMF or ICA.

    matrix: (features, channels), one direction per row, as in scikit-learn's `components_`.
    mean: (channels,), subtracted from the layer's values first; bias: (features,), added last.
    similarity: a feature is the `dot` product of the direction with the values at each position, or the `cosine`
    between them, −1 to 1.
    activation: `none` or `relu`. relu: whether the values are those before or after the layer's ReLU.
    Raises ModelError if the matrix is none, or has NaN or infinite numbers.

    >>> directions(np.eye(3, 256), similarity="cosine")
    Dictionary(3 × 256, none)
    """
    tensors = _tensors({"W_enc": matrix, "mean": mean, "b_enc": bias}, "directions")
    if similarity == "cosine":
        tensors["W_enc"] = unit_rows(tensors["W_enc"], "directions")
    return Dictionary(
        tensors, Activation.parse(activation), "features", relu, "unit" if similarity == "cosine" else "none",
        what="directions",
    )  # fmt: skip


def sae(
    W_enc: Matrix,  # the field's name
    b_enc: Matrix | None = None,
    W_dec: Matrix | None = None,
    b_dec: Matrix | None = None,
    *,
    activation: str,
    threshold: Matrix | float | None = None,
    pre_bias: bool = True,
    relu: Relu = "after",
) -> Dictionary:
    """A sparse autoencoder; its features are activation((x − b_dec) · W_enc + b_enc).

    W_enc: (channels, features); W_dec: (features, channels), which the features do not depend on.
    activation: `relu`, `topk:K`, `batchtopk` or `jumprelu`. threshold: one number, or one per feature, for the
    last two. pre_bias: whether b_dec is subtracted first. relu: whether x is read before or after the layer's ReLU.
    Raises ModelError if a tensor has another shape, or NaN or infinite numbers.

    >>> sae(np.ones((256, 1024)), np.zeros(1024), activation="topk:32")
    Dictionary(256 × 1024, topk:32)
    """
    given = {"W_enc": W_enc, "b_enc": b_enc, "W_dec": W_dec, "b_dec": b_dec, "threshold": threshold}
    tensors = _tensors(given, "the autoencoder")
    if pre_bias and "b_dec" in tensors:
        tensors["mean"] = tensors["b_dec"]
    return Dictionary(tensors, Activation.parse(activation), "channels", relu, what="the autoencoder")


def of_module(module: nn.Module, *, relu: Relu = "after", what: str = "", source: str = "") -> Dictionary:
    """A module of yours from vectors, (positions, channels), to features, (positions, features).

    Its method `encode` is called if it has one; of several results the last is taken. Its gradient is its own.

    >>> of_module(nn.Sequential(nn.Linear(256, 512), nn.ReLU()))
    Dictionary(Sequential)
    """
    return Dictionary({}, relu=relu, module=module, source=source, what=what or type(module).__name__)


def as_dictionary(given: Any) -> Dictionary:
    """A dictionary as it is, or of a module or a matrix of directions. Raises ModelError for anything else."""
    match given:
        case Dictionary():
            return given
        case nn.Module():
            return of_module(given)
        case Tensor() | np.ndarray():
            return directions(given)
    raise ModelError(
        f"a {type(given).__name__} is no dictionary; give what ex.dictionaries makes, an nn.Module, or a matrix "
        "(features, channels) of directions"
    )


def unit_rows(matrix: Tensor, what: str) -> Tensor:
    """Rows of unit length. Raises ModelError if one is zero, which has no direction."""
    lengths = matrix.norm(dim=1, keepdim=True)
    if not lengths.all():
        row = int((lengths == 0).flatten().nonzero()[0])
        raise ModelError(f"{what}: row {row} is zero, and has no direction; a cosine needs one")
    return matrix / lengths


def _tensors(given: Mapping[str, Any], what: str) -> dict[str, Tensor]:
    found = {
        name: torch.as_tensor(value).detach().to("cpu") for name, value in given.items() if value is not None
    }  # fmt: skip
    return checked(found, what)


def checked(tensors: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """The tensors in float32. Raises ModelError naming one with a wrong number of axes, or with NaN or infinity."""
    found = {}
    for name, tensor in tensors.items():
        axes = 2 if name in ("W_enc", "W_dec") else 1
        if tensor.ndim != axes and not (name == "threshold" and tensor.numel() == 1):
            raise ModelError(f"{what}: {name} has shape {tuple(tensor.shape)}; it must have {axes} ax{'ie'[axes - 1]}s")
        if not tensor.numel():
            raise ModelError(f"{what}: {name} is empty")
        if tensor.is_complex():
            raise ModelError(f"{what}: {name} has complex numbers")
        values = tensor.float()
        if bad := int((~values.isfinite()).sum()):
            raise ModelError(f"{what}: {name} has {bad} numbers that are NaN or infinite, of {values.numel()}")
        found[name] = values
    return found


@dataclass(frozen=True)
class VirtualLayer:
    """A dictionary that is attached to a layer under a name."""

    name: str
    layer: str  # the layer that its features are of
    dictionary: Dictionary
    encoder: LinearEncoder | ModuleEncoder

    @property
    def features(self) -> int:
        return self.encoder.features

    @property
    def fingerprint(self) -> str:
        """A hash of everything that the features depend on."""
        given = self.dictionary
        declared = (self.name, self.layer, given.relu, str(given.activation), given.normalization, given.scale)
        return fingerprint(self.encoder, *declared, source=given.source)
