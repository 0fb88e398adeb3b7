"""A module with its preprocessing and weights."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from exemplum.models.files import ModelError, WeightsError, check_weights
from exemplum.study import user_code


class ShapeError(ModelError):
    """A layer's output has a shape whose axes are not known."""


@dataclass(frozen=True)
class Network:
    """A network as built. A user's factory may return one to declare more than the module alone says."""

    module: nn.Module
    preprocessing: Preprocessing
    channels: int = 3  # of the input images
    map_axis: int | None = None  # which axis of 4-D outputs is channels: 1 (NCHW) or 3 (NHWC); inferred if None
    token_axis: int | None = None  # which axis of 3-D outputs is channels: 2 for (n, tokens, channels); never inferred
    prefix_tokens: int = 0  # tokens before the grid of patches: 1 for a class token
    class_token: bool | None = None  # whether the first of these is a class token; if there are any, if not given

    def resized(self, size: int) -> Network:
        """The same network for another input size."""
        return replace(self, preprocessing=self.preprocessing.resized(size))


IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2, as Pillow and torchvision make grey of RGB
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing of a network's pictures.

    The short side is resized to `resize` pixels, the central `size` × `size` cropped, and values in [0, 1]
    become (x − mean) / std, channel by channel.
    """

    size: int
    resize: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    interpolation: Literal["bilinear", "bicubic", "lanczos"] = "bilinear"

    @classmethod
    def to_range(cls, size: int, resize: int, low: float, high: float, channels: int = 3) -> Preprocessing:
        """[0, 1] is mapped linearly to [low, high]: Lucid's InceptionV1 takes −117 to 138."""
        scale = 1 / (high - low)
        return cls(size, resize, (-low * scale,) * channels, (scale,) * channels)

    @classmethod
    def of(cls, given: Any) -> Preprocessing:
        """One as it is, or of what comes with a network: torchvision's `weights.transforms()`, or timm's data config
        (`timm.data.resolve_model_data_config(module)`). Raises ModelError for anything else.

        >>> Preprocessing.of({"input_size": (3, 224, 224), "crop_pct": 0.875, "mean": (0.5,), "std": (0.5,),
        ...                   "interpolation": "bicubic"})
        Preprocessing(size=224, resize=256, mean=(0.5,), std=(0.5,), interpolation='bicubic')
        """
        match given:
            case Preprocessing():
                return given
            case {"input_size": [_, _, size], "crop_pct": share, "mean": mean, "std": std, **rest}:
                name: Any = rest.get("interpolation")
                return cls(size, int(size / share), tuple(mean), tuple(std), name if name in FILTERS else "bilinear")
            case object(crop_size=[size], resize_size=[resize], mean=mean, std=std, interpolation=filter_):
                return cls(size, resize, tuple(mean), tuple(std), filter_.value)
        raise ModelError(
            f"preprocessing cannot be a {type(given).__name__}; give models.Preprocessing(size=…, resize=…, mean=…, "
            "std=…), torchvision's weights.transforms() or timm's data config"
        )

    def resized(self, size: int) -> Preprocessing:
        """The same framing at another input size."""
        return replace(self, size=size, resize=max(size, round(self.resize * size / self.size)))

    def crop(self, image: np.ndarray) -> np.ndarray:
        """Resize the short side and crop the centre: uint8 (h, w, c) → uint8 (size, size, c).

        The geometry and the filters (antialiased) are those of torchvision's Resize and CenterCrop on Pillow images.
        """
        height, width = image.shape[:2]
        image = _resize(image, *_short_side(height, width, self.resize), FILTERS[self.interpolation])
        top, left = (round((side - self.size) / 2) for side in image.shape[:2])
        return np.ascontiguousarray(image[top : top + self.size, left : left + self.size])

    def fit(self, picture: np.ndarray) -> np.ndarray:
        """A picture that is shown whole: uint8 (h, w, c) → uint8 (size, size, c).

        One of the network's size is not changed, others are resized; one that is not square is cropped to a square.
        """
        return replace(self, resize=self.size).crop(picture)


class Normalize(nn.Module):
    """Pictures in [0, 1], (n, c, h, w) → a network's input. RGB pictures for a one-channel network become grey.

    Computes in float32 and returns `dtype`; differentiable. Raises ShapeError if the channels do not fit.
    """

    def __init__(self, preprocessing: Preprocessing, channels: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.channels, self.dtype = channels, dtype
        self.mean: Tensor
        self.scale: Tensor
        self.luma: Tensor
        self.register_buffer("mean", _per_channel(preprocessing.mean, channels), persistent=False)
        self.register_buffer("scale", 1 / _per_channel(preprocessing.std, channels), persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if images.ndim != 4:
            raise ShapeError(f"images must be (n, channels, h, w), got shape {tuple(images.shape)}")
        images = images.float()
        if images.shape[1] == 3 and self.channels == 1:
            images = (images * self.luma).sum(1, keepdim=True)
        if images.shape[1] != self.channels:
            raise ShapeError(
                f"the network takes images of {self.channels} channels, got {images.shape[1]}; "
                f"put a module in front of it that computes its input from RGB pictures (docs/reference/models.md)"
            )
        if not images.is_contiguous(memory_format=torch.channels_last):
            return ((images - self.mean) * self.scale).to(self.dtype)
        # channels last: a row of pixels at a time, since otherwise the innermost loop has only as many steps as
        # channels
        rows, width = images.permute(0, 2, 3, 1).flatten(2), images.shape[3]
        mean, scale = (values.flatten().repeat(width) for values in (self.mean, self.scale))
        normalized = ((rows - mean) * scale).to(self.dtype)
        return normalized.unflatten(2, (width, self.channels)).permute(0, 3, 1, 2)


def _per_channel(values: Sequence[float], channels: int) -> Tensor:
    """One value per channel; their mean for each channel if there are fewer or more values than channels."""
    if len(values) != channels:
        values = [sum(values) / len(values)] * channels
    return torch.tensor(values, dtype=torch.float32).view(1, channels, 1, 1)


def _short_side(height: int, width: int, size: int) -> tuple[int, int]:
    """Height and width with a short side of `size`; the long one is rounded down, as in torchvision."""
    if height <= width:
        return size, int(size * width / height)
    return int(size * height / width), size


def _resize(image: np.ndarray, height: int, width: int, resample: Image.Resampling) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    if image.shape[2] == 3:
        return np.asarray(Image.fromarray(image).resize((width, height), resample))
    planes = [Image.fromarray(image[..., k]).resize((width, height), resample) for k in range(image.shape[2])]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or a torch state dict, by name, on the CPU.

    A checkpoint's `state_dict` or `model` entry is looked into, and a `module.` prefix (DataParallel) dropped.
    Pickled code is not run.
    Raises WeightsError naming close matches if the file is missing, and the reason if it cannot be read.
    """
    check_weights(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of pickle protocols; it raises for files that it cannot read
            found = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # each reader raises other exceptions for a broken file, including KeyError
        reason = f"{type(error).__name__}: {_first_sentence(str(error))}"
        raise WeightsError(f"{path} is neither a safetensors file nor a torch state dict ({reason})") from error
    return state_dict(found, path)


def fill(module: nn.Module, tensors: dict[str, Tensor], path: Path, ignore: tuple[str, ...] = ()) -> None:
    """Load weights into a module, in its own precision; names that start with one of `ignore` may be unused.

    Raises WeightsError naming a few of the tensors that are missing, unexpected or of another shape.
    """
    own = module.state_dict()
    optional = {name for name in own if name.endswith("num_batches_tracked")}
    unexpected = [name for name in tensors if name not in own and not name.startswith(ignore or ("\0",))]
    missing = [name for name in own if name not in tensors and name not in optional]
    shapes = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    found = {"missing in the file": missing, "not in the network": unexpected, "of another shape": shapes}
    problems = [f"{what}: {_few(names)}" for what, names in found.items() if names]
    if problems:
        told = f"{path} does not fit {type(module).__name__} ({'; '.join(problems)}); give weights of this network"
        raise WeightsError(told)
    module.load_state_dict({name: tensor for name, tensor in tensors.items() if name in own}, strict=False)


def _first_sentence(text: str, most: int = 120) -> str:
    sentence = text.partition("\n")[0].partition(". ")[0]
    return sentence if len(sentence) <= most else sentence[:most] + "…"


def state_dict(found: object, path: Path) -> dict[str, Tensor]:
    """The names and tensors in what torch read from a file. Raises WeightsError if it has none."""
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if (
        not isinstance(found, dict)
        or not found
        or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items())
    ):
        raise WeightsError(f"{path} has no state dict (names and tensors); save the model's state_dict()")
    if all(name.startswith("module.") for name in found):
        found = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    return found


def _few(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def made_by_code(
    spec: str, kind: str, places: Sequence[Path], known: Sequence[str] = ()
) -> tuple[Any, user_code.Loaded]:
    """What a factory of the user's returns, or the object that stands in its place, and what was loaded.

    Raises ModelError in one line, also for exceptions of the user's code, with file and line.
    """
    loaded = user_code.load(spec, kind, places, ModelError, known)
    factory = loaded.value
    if not callable(factory) or isinstance(factory, nn.Module):
        return factory, loaded
    user_code.check_call(factory, what=spec, fault=ModelError)
    with user_code.telling(f"{spec} failed", ModelError):
        return factory(), loaded
