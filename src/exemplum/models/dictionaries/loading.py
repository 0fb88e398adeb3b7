"""Dictionaries by path or name: read a file, or call a factory of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from exemplum.models.dictionaries.dictionary import Dictionary, Relu, checked, of_module, unit_rows
from exemplum.models.dictionaries.encoders import Activation, Normalization
from exemplum.models.dictionaries.formats import DictionaryFile, open_file
from exemplum.models.files import ModelError
from exemplum.models.network import made_by_code
from exemplum.study import user_code

KEPT = ("W_enc", "b_enc", "W_dec", "b_dec", "mean", "threshold", "gain", "offset")


def load(
    spec: str | Path,
    *,
    activation: str | None = None,
    threshold: float | None = None,
    relu: Relu | None = None,
    pre_bias: bool | None = None,
    similarity: Literal["dot", "cosine"] | None = None,
    normalize: Normalization | None = None,
    scale: float | None = None,
    names: Mapping[str, str] | None = None,
    places: Sequence[Path] | None = None,
) -> Dictionary:
    """Load a dictionary from a file, from the folder that a library wrote, or from `package.module:factory`.

    Files are safetensors, torch state dicts, NumPy's .npy and .npz, and saev's. The names of its tensors tell whether a
    file is a sparse autoencoder or a matrix of directions (docs/reference/dictionaries.md has a table of them).
    activation: `relu`, `topk:K`, `batchtopk`, `jumprelu` or, the default of directions, `none`. It may be left out
    if the file, or a cfg.json beside it, says it.
    threshold: of `batchtopk` or `jumprelu`, if the file has none.
    relu: whether the layer is read before or after its ReLU; after if not given.
    pre_bias: whether b_dec is subtracted before the encoder; as the library does it, else yes, if not given.
    similarity: of directions, the `dot` product (the default) or the `cosine`.
    normalize: of the layer's values at each position, `none`, `layer_norm` or `constant_norm_rescale` (to the length
    √channels), as in SAELens; as the cfg.json says if not given. scale: a factor on the layer's values.
    names: our names → the file's, as in `{"W_enc": "enc.w"}`; ours are W_enc, b_enc, W_dec, b_dec, pre_bias,
    threshold, log_threshold, directions and mean.
    places: folders in which a module of yours is searched for; the working directory if not given.
    Raises WeightsError if a file cannot be read, ModelError if what it holds does not fit.

    >>> from tempfile import mkdtemp
    >>> file = Path(mkdtemp()) / "sae.pt"
    >>> torch.save({"W_enc": torch.ones(256, 1024), "b_enc": torch.zeros(1024)}, file)
    >>> load(file, activation="topk:32")
    Dictionary(256 × 1024, topk:32)
    """
    settings = {
        "activation": activation, "threshold": threshold, "relu": relu, "pre_bias": pre_bias, "similarity": similarity,
        "normalization": normalize, "scale": scale,
    }  # fmt: skip
    given = {name: value for name, value in settings.items() if value is not None}
    path = Path(spec).expanduser()
    if isinstance(spec, str) and ":" in spec and not path.exists():
        return _made(spec, given, user_code.places() if places is None else tuple(places))
    file = open_file(path, names or {})
    settings = {**file.settings, **given}
    _refuse_unused(file, given, _activation(file, settings))
    return _assembled(file, settings)


def _made(spec: str, given: Mapping[str, Any], places: Sequence[Path]) -> Dictionary:
    """A dictionary by a factory of the user's."""
    if unused := set(given) - {"relu"}:
        raise ModelError(f"{spec} is code of yours, which {', '.join(sorted(unused))} does not change; leave it out")
    built, loaded = made_by_code(spec, "dictionary", places)
    if isinstance(built, nn.Module):
        built = of_module(built, what=spec)
    if not isinstance(built, Dictionary):
        raise ModelError(
            f"{spec} returned a {type(built).__name__}; it must return an nn.Module or one of ex.dictionaries"
            f"{user_code.place(loaded.value)}"
        )
    again = partial(load, spec, places=tuple(places), **given)
    return replace(built, relu=given.get("relu", built.relu), source=loaded.fingerprint, what=spec, again=again)


def _refuse_unused(file: DictionaryFile, given: Mapping[str, Any], activation: Activation) -> None:
    """Raise ModelError for a setting that would change nothing, which its user does not know."""
    if "threshold" in given and not activation.has_threshold:
        raise ModelError(
            f"{file.path}: threshold is of batchtopk and jumprelu, but the activation is {activation}; leave it out"
        )
    if "pre_bias" in given and file.kind == "directions":
        raise ModelError(f"{file.path} has directions, without a b_dec; leave pre_bias out")


def _assembled(file: DictionaryFile, settings: Mapping[str, Any]) -> Dictionary:
    tensors, what = dict(file.tensors), str(file.path)
    if "threshold" in settings:
        tensors["threshold"] = torch.tensor(float(settings["threshold"]))
    activation = _activation(file, settings)
    if file.kind == "sae":
        subtracted = tensors.pop("pre_bias", tensors.get("b_dec"))
        if subtracted is not None and settings.get("pre_bias", True):
            tensors["mean"] = subtracted
    if not activation.has_threshold:
        tensors.pop("threshold", None)
    tensors = checked({name: tensors[name] for name in KEPT if name in tensors}, what)
    if settings.get("rescaled") and "W_dec" in tensors:
        _rescale(tensors, file)
    normalization = _normalization(settings, what)
    if settings.get("similarity") == "cosine":
        if file.kind == "sae":
            raise ModelError(f"{what} is a sparse autoencoder; similarity = 'cosine' is for directions")
        tensors["W_enc"], normalization = unit_rows(tensors["W_enc"], what), "unit"
    scale = settings.get("scale", 1.0)
    return Dictionary(tensors, activation, file.rows, settings.get("relu", "after"), normalization, scale, what=what)


def _activation(file: DictionaryFile, settings: Mapping[str, Any]) -> Activation:
    if "activation" in settings:
        return Activation.parse(settings["activation"])
    if file.kind == "directions":
        return Activation("none")
    has = " and a ".join(name for name in ("k", "threshold") if name in file.tensors)
    raise ModelError(
        f"{file.path} does not say its activation{f' (it has a {has})' if has else ''}; set activation to relu, "
        "topk:K, batchtopk or jumprelu, as it was trained"
    )


def _normalization(settings: Mapping[str, Any], what: str) -> Normalization:
    name = settings.get("normalization", "none")
    if name == "expected_average_only_in":
        if "scale" not in settings:
            raise ModelError(
                f"{what} was trained on values scaled to an average norm, and its cfg.json does not have the factor; "
                "set scale to it (1.0 if it is folded into the weights)"
            )
        return "none"
    if name not in ("none", "unit", "layer_norm", "constant_norm_rescale"):  # unit: of directions that `save` wrote
        raise ModelError(f"{what}: there is no normalization {name!r}; known: none, layer_norm, constant_norm_rescale")
    return name


def _rescale(tensors: dict[str, Tensor], file: DictionaryFile) -> None:
    """Features in units of their decoder vectors' length, as SAELens has them for `rescale_acts_by_decoder_norm`."""
    features = len(tensors["W_dec"])  # SAELens stores W_dec as features × channels, W_enc as channels × features
    lengths = tensors["W_dec"].norm(dim=1)
    if tensors["W_enc"].shape[1] != features:
        raise ModelError(f"{file.path}: W_enc and W_dec have different numbers of features")
    tensors["W_enc"] = tensors["W_enc"] * lengths
    if "b_enc" in tensors:
        tensors["b_enc"] = tensors["b_enc"] * lengths
