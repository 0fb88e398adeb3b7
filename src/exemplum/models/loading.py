"""Models by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from exemplum import usercode
from exemplum.errors import did_you_mean
from exemplum.models import factory, published
from exemplum.models import weights as files
from exemplum.models.errors import ModelError
from exemplum.models.inceptionv1 import InceptionV1
from exemplum.models.model import Model
from exemplum.models.network import Network
from exemplum.models.preprocessing import Preprocessing

EMBEDDED = Path(__file__).parent / "weights" / "inceptionv1_half_tinyimagenet.safetensors"
OWN = ("embedded", "inceptionv1")


def load(
    spec: str, weights: str | None = None, input_size: int | None = None, places: Sequence[Path] | None = None
) -> Model:
    """Load a model with its preprocessing, input size, layers and units.

    spec: `embedded`; `inceptionv1` (the full network of the paper); `torchvision:NAME`; `timm:NAME`;
    `package.module:factory`, a function that returns an nn.Module or a models.Network.
    weights: a file (safetensors, or a torch state dict); for torchvision and timm also `DEFAULT` or the name of a
    published set; without it `embedded` has its own and all others random ones, the same every time.
    input_size: pixels a side, if not the model's own.
    places: folders in which a module of yours is looked for, beside the installed packages; the working directory if
    not given.
    Raises ModelError, WeightsError or ShapeError: one line, with close matches for names.
    """
    places = usercode.places() if places is None else tuple(places)
    if weights and Path(weights).expanduser().is_file():
        weights = str(Path(weights).expanduser().absolute())  # workers may be in another directory
    source = ""
    with same_random_weights():
        if _is_factory(spec):
            network, source = factory.network(spec, weights, input_size, places)
        else:
            network = _network(spec, weights, input_size)
    return Model(spec, network, again=partial(load, spec, weights, input_size, places), source=source)


@contextmanager
def same_random_weights() -> Iterator[None]:
    """Within, random weights are the same in every process; the caller's random numbers are not touched."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


def _is_factory(spec: str) -> bool:
    kind, colon, _ = spec.partition(":")
    return bool(colon) and kind not in ("torchvision", "timm")


def _network(spec: str, weights: str | None, input_size: int | None) -> Network:
    source, colon, name = spec.partition(":")
    if spec == "embedded":
        return _embedded(weights, input_size)
    if spec == "inceptionv1":
        return _inceptionv1(weights, input_size)
    if source == "torchvision" and colon:
        return published.torchvision(name, weights, input_size)
    if source == "timm" and colon:
        return published.timm(name, weights, input_size)
    known = {**{name: name for name in OWN}, **{name: f"torchvision:{name}" for name in published.torchvision_names()}}
    hint = f"; did you mean {known[spec]}?" if spec in known else did_you_mean(spec, known)
    raise ModelError(
        f"no model is called {spec!r}{hint}"
        " (models are embedded, inceptionv1, torchvision:NAME, timm:NAME, package.module:factory)"
    )


def _embedded(weights: str | None, input_size: int | None) -> Network:
    """The half-width InceptionV1 that comes with the package, trained on Tiny ImageNet (docs/models.md)."""
    path = Path(weights).expanduser() if weights else EMBEDDED
    tensors = files.read(path)
    module = InceptionV1(width=0.5, stem="small", classes=_classes(tensors, 200))
    files.fill(module, tensors, path)
    # Trained at 48 and 64 pixels; exemplars and synthetic images look best at 96.
    return Network(module, Preprocessing(size=96, resize=96).resized(input_size or 96))


def _inceptionv1(weights: str | None, input_size: int | None) -> Network:
    """The network of Olah et al. (2017) and of Borowski et al. (2021), as in Lucid."""
    preprocessing = Preprocessing.to_range(size=224, resize=256, low=-117, high=138).resized(input_size or 224)
    if weights is None:
        return Network(published.initialize(InceptionV1()), preprocessing)
    path = Path(weights).expanduser()
    tensors = {_paper_name(name): tensor for name, tensor in files.read(path).items()}
    module = InceptionV1(classes=_classes(tensors, 1008))
    files.fill(module, tensors, path)
    return Network(module, preprocessing)


def _classes(tensors: dict[str, Tensor], default: int) -> int:
    return len(tensors["softmax2.bias"]) if "softmax2.bias" in tensors else default


def _paper_name(name: str) -> str:
    """Names of the PyTorch port in lucent and captum-like packages → ours.

    `mixed3a_1x1_pre_relu_conv.weight` is `mixed3a.1x1.weight`, `softmax2_pre_activation_matmul.bias` `softmax2.bias`.
    """
    name = name.replace("_pre_relu_conv.", ".").replace("softmax2_pre_activation_matmul.", "softmax2.")
    return name.replace("_", ".", 1) if name.startswith("mixed") and name[7:8] == "_" else name
