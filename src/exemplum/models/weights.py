"""Files of weights: reading them, and errors that say what does not fit."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from exemplum.errors import did_you_mean
from exemplum.models.errors import WeightsError

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or a torch state dict, by name, on the CPU.

    A checkpoint's `state_dict` or `model` entry is looked into, and a `module.` prefix (DataParallel) dropped.
    Pickled code is not run.
    Raises WeightsError naming close matches if the file is absent, and the reason if it cannot be read.
    """
    if not _is_file(path):
        raise WeightsError(f"no file of weights {path}{did_you_mean(path.name, _beside(path))}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of protocols of pickle; what it cannot read it raises
            found = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # each reader raises kinds of its own for a broken file, KeyError among them
        reason = f"{type(error).__name__}: {_first_sentence(str(error))}"
        raise WeightsError(f"{path} is neither a safetensors file nor a torch state dict ({reason})") from error
    return _tensors(found, path)


def fill(module: nn.Module, tensors: dict[str, Tensor], path: Path, ignore: tuple[str, ...] = ()) -> None:
    """Load weights into a module, in its own precision; names that start with one of `ignore` may be left over.

    Raises WeightsError naming a few of the tensors that are missing, unexpected or of another shape.
    """
    own = module.state_dict()
    optional = {name for name in own if name.endswith("num_batches_tracked")}
    unexpected = [name for name in tensors if name not in own and not name.startswith(ignore or ("\0",))]
    missing = [name for name in own if name not in tensors and name not in optional]
    shapes = [
        f"{name} {tuple(tensors[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    found = {"lacks": missing, "has unexpected": unexpected, "has other shapes:": shapes}
    problems = [f"{what} {_few(names)}" for what, names in found.items() if names]
    if problems:
        raise WeightsError(f"{path} does not fit {type(module).__name__}: it {'; '.join(problems)}")
    module.load_state_dict({name: tensor for name, tensor in tensors.items() if name in own}, strict=False)


def _first_sentence(text: str, most: int = 120) -> str:
    sentence = text.partition("\n")[0].partition(". ")[0]
    return sentence if len(sentence) <= most else sentence[:most] + "…"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # too long a name
        return False


def _beside(path: Path) -> list[str]:
    """Files of weights in the folder of this path, or else in the working directory."""
    try:
        folder = path.parent if path.parent.is_dir() else Path()
        return sorted(other.name for other in folder.iterdir() if other.suffix in SUFFIXES)
    except OSError:
        return []


def _tensors(found: object, path: Path) -> dict[str, Tensor]:
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if (
        not isinstance(found, dict)
        or not found
        or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items())
    ):
        raise WeightsError(f"{path} holds no state dict (names and tensors); save the model's state_dict()")
    if all(name.startswith("module.") for name in found):
        found = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    return found


def _few(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
