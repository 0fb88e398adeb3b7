"""Files of dictionaries: the names of their tensors and their settings, as the usual libraries write them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save as packed
from torch import Tensor

from exemplum import store
from exemplum.models.dictionaries.configurations import beside, of_saev
from exemplum.models.dictionaries.dictionary import Axis, Dictionary
from exemplum.models.files import ModelError, WeightsError, check_weights
from exemplum.models.network import read, state_dict

METADATA = "exemplum"  # of safetensors files that `save` wrote: the settings as JSON
# Names that the usual libraries give each tensor (docs/reference/dictionaries.md). Of W_enc also the first axis:
# nn.Linear has the features first, a parameter called W_enc the channels.
ENCODERS: dict[str, Axis] = {
    "W_enc": "channels",  # SAELens, ViT-Prisma, saev, Gemma Scope
    "encoder.weight": "features",  # dictionary_learning, sparsify, OpenAI's
    "encoder.final_block.0.weight": "features",  # overcomplete
}
ALIASES = {
    "b_enc": ("b_enc", "encoder.bias", "latent_bias", "encoder.final_block.0.bias"),
    "W_dec": ("W_dec", "decoder.weight", "dictionary._weights"),
    "b_dec": ("b_dec", "bias", "decoder.bias"),
    "pre_bias": ("pre_bias",),  # OpenAI's: subtracted first, and added to the reconstruction
    "threshold": ("threshold", "activation.threshold"),
    "log_threshold": ("log_threshold", "thresholds"),  # overcomplete's JumpSAE stores logarithms
    "k": ("k",),
    "gain": ("encoder.final_block.1.weight",),  # of overcomplete's normalization of the features
    "offset": ("encoder.final_block.1.bias",),
    "running_mean": ("encoder.final_block.1.running_mean",),
    "running_var": ("encoder.final_block.1.running_var",),
}
DIRECTIONS = ("directions", "components", "components_", "concepts", "vectors", "cavs", "dictionary", "weight")
MEANS, BIASES = ("mean", "mean_"), ("bias", "intercept_")  # beside directions
# tensors that only such encoders have, as they are more than a linear map and an activation
OTHERS = {"b_gate": "a gated autoencoder", "r_mag": "a gated autoencoder", "gate_bias": "a gated autoencoder",
          "encoder.mlp_blocks.0.0.weight": "an autoencoder with hidden layers"}  # fmt: skip
BATCH_NORM_EPSILON = 1e-5  # torch's default


@dataclass
class DictionaryFile:
    """What a file holds, under our names, with the settings that it, or a file beside it, gives."""

    path: Path
    kind: Literal["sae", "directions"]
    tensors: dict[str, Tensor]
    rows: Axis | None = None  # the first axis of W_enc, as its name tells
    settings: dict[str, Any] = field(default_factory=dict)  # activation, pre_bias, normalization, rescaled, relu


def open_file(path: Path, names: Mapping[str, str]) -> DictionaryFile:
    """Read a safetensors, torch, NumPy or saev file, or the folder that holds one.

    `names` are the user's: ours → the file's. Raises WeightsError if it cannot be read, ModelError for its content.
    """
    path = _inside(path)
    tensors, settings = _read(path)
    tensors = {name.removeprefix("_orig_mod."): tensor for name, tensor in tensors.items()}  # of torch.compile
    for ours, theirs in names.items():
        if theirs not in tensors:
            told = f"{path} has no tensor {theirs!r}, which names gives for {ours}; it has {_listed(tensors)}"
            raise ModelError(told)
    if other := next((OTHERS[name] for name in OTHERS if name in tensors), ""):
        raise ModelError(f'{path} is {other}, which files cannot tell; load it by load = "package.module:factory"')
    of_encoder = "directions" not in names and ("W_enc" in names or any(name in tensors for name in ENCODERS))
    file = _autoencoder(path, tensors, names) if of_encoder else _directions(path, tensors, names)
    file.settings = {**(beside(path) if of_encoder else {}), **settings}
    if of_encoder and "decoder.bias" in tensors and "b_dec" not in tensors:
        file.settings.setdefault("pre_bias", False)  # the bias of an nn.Linear is added at the end, and nowhere else
    if "k" in file.tensors and "threshold" not in file.tensors:
        file.settings.setdefault("activation", f"topk:{int(file.tensors['k'])}")
    return file


def save(dictionary: Dictionary, path: Path) -> None:
    """Write a dictionary as safetensors, atomically, with its settings in the header: `load` needs no others.

    The names are SAELens's, or dictionary_learning's if features are the rows. Raises ModelError for a module.
    """
    if dictionary.module is not None:
        raise ModelError(f"{dictionary.what} is a module of yours; save its state_dict()")
    tensors = dict(dictionary.tensors)
    subtracted, added = tensors.pop("mean", None), tensors.get("b_dec")
    settings = {
        "activation": str(dictionary.activation), "relu": dictionary.relu, "normalization": dictionary.normalization,
        "scale": dictionary.scale, "pre_bias": subtracted is not None,
    }  # fmt: skip
    if subtracted is not None and (added is None or not torch.equal(subtracted, added)):
        tensors["pre_bias"] = subtracted
    names = {"gain": ALIASES["gain"][0], "offset": ALIASES["offset"][0]}
    if dictionary.rows == "features":
        names["W_enc"] = "encoder.weight"
    held = {names.get(name, name): tensor.contiguous() for name, tensor in tensors.items()}
    with store.atomic(path) as temporary:
        # not save_file: only its owner could read that file
        temporary.write_bytes(packed(held, metadata={METADATA: json.dumps(settings)}))


def _inside(path: Path) -> Path:
    """The file of weights in a folder as SAELens and others write it; a file itself."""
    if not path.is_dir():
        return path
    held = sorted(each for each in path.iterdir() if each.suffix in (".safetensors", ".pt", ".pth", ".npz", ".npy"))
    known = [each for each in held if each.name != "sparsity.safetensors"]  # SAELens's second file
    if len(known) != 1:
        names = ", ".join(each.name for each in known[:5]) or "none"
        raise WeightsError(f"the folder {path} must hold one file of weights (found: {names}); name the file itself")
    return known[0]


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by the file's names, and the settings in its header."""
    if path.suffix in (".npy", ".npz"):
        return _numpy(path), {}
    if _first_byte(path) == b"{":
        return _saev(path)
    try:
        tensors = read(path)
    except WeightsError as error:
        if "UnpicklingError" not in str(error):
            raise
        raise WeightsError(
            f"{path} has pickled objects beside its weights, which are not read since they may run code; save the "
            "weights alone, with torch.save(sae.state_dict(), …)"
        ) from error
    if path.suffix != ".safetensors":
        return tensors, {}
    with safe_open(path, "pt") as file:
        held = (file.metadata() or {}).get(METADATA)
    return tensors, json.loads(held) if held else {}


def _first_byte(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(1)
    except OSError:
        return b""  # `read` says what is wrong


def _numpy(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        check_weights(path)  # says that there is none, with close matches
    try:
        held = np.load(path, allow_pickle=False)
        arrays = {"directions": held} if isinstance(held, np.ndarray) else {name: held[name] for name in held.files}
        return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
        raise WeightsError(f"{path} has no arrays of numbers ({type(error).__name__}: {error})") from error


def _saev(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A line of JSON, then a torch state dict."""
    with path.open("rb") as file:
        try:
            header = json.loads(file.readline())
            held = torch.load(io.BytesIO(file.read()), "cpu", weights_only=True)
        except Exception as error:  # torch raises many for a broken file
            raise WeightsError(f"{path} is no file of saev ({type(error).__name__})") from error
    tensors = state_dict(held, path)
    return tensors, of_saev(header, has_threshold="activation.threshold" in tensors)


def _autoencoder(path: Path, tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> DictionaryFile:
    found = {ours: tensors[theirs] for ours, theirs in names.items()}
    rows: Axis | None = None
    if "W_enc" not in found:
        encoder = next(name for name in ENCODERS if name in tensors)
        found["W_enc"], rows = tensors[encoder], ENCODERS[encoder]
    free = [name for name in tensors if name not in names.values()]
    for ours, known in ALIASES.items():
        if theirs := next((name for name in known if name in free), ""):
            found.setdefault(ours, tensors[theirs])
    if "log_threshold" in found:
        found["threshold"] = found.pop("log_threshold").float().exp()
    if {"running_mean", "running_var", "gain", "offset"} <= set(found):
        _fold_batch_norm(found)
    return DictionaryFile(path, "sae", found, rows)


def _fold_batch_norm(found: dict[str, Tensor]) -> None:
    """Make a batch normalization of the features, in evaluation, part of the encoder (features × channels)."""
    mean, var, gain, offset = (found.pop(name).float() for name in ("running_mean", "running_var", "gain", "offset"))
    factor = gain / (var + BATCH_NORM_EPSILON).sqrt()
    found["b_enc"] = (found.get("b_enc", torch.zeros_like(mean)).float() - mean) * factor + offset
    found["W_enc"] = found["W_enc"].float() * factor[:, None]


def _directions(path: Path, tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> DictionaryFile:
    # a decoder alone is what is left of an autoencoder: its vectors are directions only if that is said
    matrices = [name for name, tensor in tensors.items() if tensor.ndim == 2 and name not in ALIASES["W_dec"]]
    known = [name for name in DIRECTIONS if name in matrices]
    chosen = names.get("directions") or next(iter(known or (matrices if len(matrices) == 1 else [])), "")
    if not chosen:
        raise ModelError(
            f"{path} has no encoder and no directions under a known name; it has {_listed(tensors)}: say which is "
            'which, as in names = {W_enc = "…", b_enc = "…"} (docs/reference/dictionaries.md)'
        )
    mean, bias = (
        tensors.get(names.get(ours) or next((name for name in usual if name in tensors and not names), ""))
        for ours, usual in (("mean", MEANS), ("b_enc", BIASES))
    )
    kept = {"W_enc": tensors[chosen], "mean": mean, "b_enc": bias}
    return DictionaryFile(
        path, "directions", {name: tensor for name, tensor in kept.items() if tensor is not None}, "features"
    )


def _listed(tensors: Mapping[str, Tensor], most: int = 8) -> str:
    told = [f"{name} ({' × '.join(map(str, tensor.shape)) or 'a number'})" for name, tensor in tensors.items()]
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
