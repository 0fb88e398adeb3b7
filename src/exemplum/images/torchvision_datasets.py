"""`torchvision:NAME`: torchvision's image datasets, downloaded if necessary."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from exemplum.errors import did_you_mean
from exemplum.images.corpus import (
    ROOT_VARIABLE,
    CorpusError,
    ImageError,
    ImageRecord,
    Label,
    PrintedCorpus,
    data_root,
)
from exemplum.images.decoding import BROKEN, to_rgb
from exemplum.store import digest

# datasets of single images with or without a class; FakeData is generated noise
NAMES = (
    "Caltech101", "Caltech256", "CelebA", "CIFAR10", "CIFAR100", "Country211", "DTD", "EMNIST", "EuroSAT", "FakeData",
    "FashionMNIST", "FER2013", "FGVCAircraft", "Flowers102", "Food101", "GTSRB", "Imagenette", "ImageNet",
    "INaturalist", "KMNIST", "LFWPeople", "MNIST", "OxfordIIITPet", "PCAM", "Places365", "QMNIST", "RenderedSST2",
    "SEMEION", "StanfordCars", "STL10", "SUN397", "SVHN", "USPS",
)  # fmt: skip
NUMBERS = ("targets", "labels", "_labels", "y")  # attributes in which these datasets keep the classes


class TorchvisionCorpus(PrintedCorpus):
    """A dataset of torchvision by name, with `/SPLIT` after it if not the usual one: `Imagenette/val`."""

    def __init__(self, spec: str, root: Path | None = None) -> None:
        """Open the dataset below `root`, and download it if it is not there.

        Raises CorpusError if the name or split is unknown, or the dataset is neither there nor can be downloaded.
        """
        given, _, split = spec.partition("/")
        known = {name.lower(): name for name in NAMES}
        if given.lower() not in known:
            raise CorpusError(f"torchvision has no image dataset {given!r}{did_you_mean(given, NAMES)}")
        dataset = known[given.lower()]
        self.name = f"torchvision:{spec}"
        self._dataset = _open(dataset, split, root or data_root())
        self._prefix = f"{dataset}/{split}" if split else dataset
        self._classes, self._numbers = _classes(self._dataset), _numbers(self._dataset)
        self.fingerprint = digest(dataset, split, len(self._dataset), _versions())

    def __len__(self) -> int:
        return len(self._dataset)

    def record(self, row: int) -> ImageRecord:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of a corpus of {len(self)} images")
        labels: dict[str, Label] = {}
        if self._numbers is not None:
            number = int(self._numbers[row])
            labels["class"] = self._classes[number] if number < len(self._classes) else number
        return ImageRecord(f"{self._prefix}/{row:07d}", labels=labels)

    def decode(self, row: int) -> np.ndarray:
        """RGB uint8 (h, w, 3). Raises ImageError if the file is broken."""
        try:
            return to_rgb(self._dataset[row][0])
        except BROKEN as error:
            reason = f"it cannot be decoded: {' '.join(str(error).split())}; download the dataset again"
            raise ImageError(self.record(row).image_id, reason) from error


def _open(name: str, split: str, root: Path) -> Any:
    made = getattr(import_module("torchvision.datasets"), name)
    arguments = _arguments(name, made, split, root)
    can_download = "download" in _parameters(made)
    try:
        return made(**arguments, **({"download": False} if can_download else {}))
    except ValueError as error:  # torchvision's message on an unknown split lists the known ones
        raise CorpusError(f"torchvision:{name}/{split}: {' '.join(str(error).split())}") from error
    except (RuntimeError, OSError, ImportError) as error:
        if not can_download or isinstance(error, ImportError):
            why = " ".join(str(error).split())
            raise CorpusError(
                f"torchvision's dataset {name} is not in {root} and cannot be downloaded ({why}); put it there"
            ) from error
    try:
        root.mkdir(parents=True, exist_ok=True)
        return made(**arguments, download=True)
    except (RuntimeError, OSError, ImportError, ValueError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise CorpusError(
            f"torchvision's {name} is not in {root} and cannot be downloaded ({why}); "
            f"put it there, set {ROOT_VARIABLE} to where it is, or use images = embedded or folder:PATH"
        ) from error


def _arguments(name: str, made: Any, split: str, root: Path) -> dict[str, Any]:
    parameters = _parameters(made)
    arguments: dict[str, Any] = {"root": str(root)} if "root" in parameters else {}
    if "split" in parameters:
        if split:
            arguments["split"] = split
        elif parameters["split"].default is inspect.Parameter.empty:
            raise CorpusError(f"torchvision:{name} has several splits and no default; write torchvision:{name}/SPLIT")
    elif split and "train" in parameters:
        if split not in ("train", "test"):
            raise CorpusError(f"torchvision:{name} has the splits train and test, not {split!r}")
        arguments["train"] = split == "train"
    elif split:
        raise CorpusError(f"torchvision:{name} has no splits; write torchvision:{name}")
    return arguments


def _parameters(made: Any) -> dict[str, inspect.Parameter]:
    """Of the class and, where it passes them on, of its parent (MNIST's relatives)."""
    found: dict[str, inspect.Parameter] = {}
    for parent in reversed(made.__mro__):
        if "__init__" in vars(parent) and parent.__name__ != "object":
            own = dict(inspect.signature(parent.__init__).parameters)
            found = (found if "kwargs" in own else {}) | own
    return found


def _classes(dataset: Any) -> Sequence[str]:
    classes = getattr(dataset, "classes", None) or getattr(dataset, "categories", None) or ()
    return [", ".join(name) if isinstance(name, (tuple, list)) else str(name) for name in classes]


def _numbers(dataset: Any) -> np.ndarray | None:
    """The class of every image, if it is known without decoding."""
    for attribute in NUMBERS:
        values = getattr(dataset, attribute, None)
        if values is not None and len(values) == len(dataset) and np.ndim(np.asarray(values[0])) == 0:
            return np.asarray(values)
    for attribute in ("_samples", "samples"):
        values = getattr(dataset, attribute, None)
        if values is not None and len(values) == len(dataset) and isinstance(values[0][1], int):
            return np.asarray([number for _, number in values])
    return None


def _versions() -> str:
    return str(import_module("torchvision").__version__)
