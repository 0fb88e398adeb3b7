"""Networks of torchvision and timm, with the preprocessing that their weights were trained with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from exemplum.errors import did_you_mean
from exemplum.models import weights as files
from exemplum.models.errors import ModelError, WeightsError
from exemplum.models.network import Network
from exemplum.models.preprocessing import FILTERS, Preprocessing

DEFAULT = "DEFAULT"
# torchvision draws their random weights slowly, and so small that deep layers are silent: `initialize` does it instead.
INCEPTIONS = ("googlenet", "inception_v3")


def torchvision_names() -> list[str]:
    """The classification networks of torchvision."""
    from torchvision import models

    names: list[str] = models.list_models(module=models)
    return names


def torchvision(name: str, weights: str | None, input_size: int | None) -> Network:
    """A torchvision network; weights: DEFAULT, the name of a published set, a file, or None for random ones.

    Without a published set the preprocessing is that of DEFAULT. Raises ModelError.
    """
    from torchvision import models

    if name not in (names := torchvision_names()):
        raise ModelError(f"torchvision has no model {name!r}{did_you_mean(name, names)}")
    sets = models.get_model_weights(name)
    known = {DEFAULT: sets.DEFAULT, **sets.__members__}
    if weights is not None and weights in known:
        module = _download(f"torchvision:{name}", weights, lambda: models.get_model(name, weights=known[weights]))
    else:
        options: dict[str, Any] = {"aux_logits": False, "init_weights": False} if name in INCEPTIONS else {}
        if input_size and name.startswith("vit_"):
            options["image_size"] = input_size
        module = _fill(lambda **more: models.get_model(name, weights=None, **options, **more), weights, known)
        if name in INCEPTIONS and weights is None:
            initialize(module)
        elif name in INCEPTIONS:
            module.transform_input = True  # type: ignore[assignment]  # so torchvision has it with weights
    tokens = {"token_axis": 2, "prefix_tokens": 1} if isinstance(module, models.VisionTransformer) else {}
    preset = known.get(weights or DEFAULT, sets.DEFAULT).transforms()
    preprocessing = Preprocessing(
        size=preset.crop_size[0],
        resize=preset.resize_size[0],
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation.value,
    )
    return Network(module, preprocessing.resized(input_size or preprocessing.size), **tokens)


def timm(name: str, weights: str | None, input_size: int | None) -> Network:
    """A timm network; weights: DEFAULT (timm's own, `NAME.TAG` chooses among them), a file, or None for random ones.

    Raises ModelError; also if timm is not installed.
    """
    try:
        import timm as library
    except ImportError as error:
        raise ModelError(f"timm:{name} needs the package timm; install it with: pip install exemplum[timm]") from error
    if not library.is_model(name):
        raise ModelError(f"timm has no model {name!r}{did_you_mean(name, library.list_models())}")
    size_option: dict[str, Any] = {"img_size": input_size} if input_size else {}

    def build(**options: Any) -> nn.Module:
        try:
            return library.create_model(name, **options, **size_option)
        except TypeError:  # only networks with position embeddings are built for a size
            return library.create_model(name, **options)

    if weights == DEFAULT:
        module = _download(f"timm:{name}", weights, lambda: build(pretrained=True))
    else:
        module = _fill(build, weights, {DEFAULT: None})
    config = library.data.resolve_model_data_config(module)
    size = config["input_size"][-1]
    preprocessing = Preprocessing(
        size=size,
        resize=int(size / config["crop_pct"]),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=config["interpolation"] if config["interpolation"] in FILTERS else "bilinear",
    )
    prefix = getattr(module, "num_prefix_tokens", None)  # timm's transformers have it: (n, tokens, channels)
    tokens = {} if prefix is None else {"token_axis": 2, "prefix_tokens": prefix}
    return Network(module, preprocessing.resized(input_size or size), channels=config["input_size"][0], **tokens)


def initialize(module: nn.Module, only_zeros: bool = False) -> nn.Module:
    """Random weights that keep the variance of activations through ReLUs (He et al. 2015), biases 0.

    only_zeros: for convolutions and linear layers without any weight, as classifiers start whose units would be dead.
    """
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.Linear)) and not (only_zeros and part.weight.any()):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return module


def _download(spec: str, weights: str, build: Callable[[], nn.Module]) -> nn.Module:
    try:
        return build()
    except Exception as error:  # each hub client raises its own kinds where there is no network
        reason = str(error).partition("\n")[0]
        raise WeightsError(
            f"the weights {weights} of {spec} cannot be had ({type(error).__name__}: {reason});"
            " check the network, or give a file that was downloaded elsewhere"
        ) from error


def _fill(build: Callable[..., nn.Module], weights: str | None, known: dict[str, Any]) -> nn.Module:
    """Build with random weights, then fill in those of a file, whose number of classes counts."""
    if weights is None:
        return initialize(build(), only_zeros=True)
    path = Path(weights).expanduser()
    if not path.exists() and not path.suffix and path.parent == Path():
        raise WeightsError(f"no weights {weights!r}, neither published nor a file{did_you_mean(weights, known)}")
    tensors = files.read(path)
    module = build()
    last = [name for name, part in module.named_modules() if isinstance(part, (nn.Linear, nn.Conv2d))][-1] + ".weight"
    if last in tensors and len(tensors[last]) != len(module.get_parameter(last)):
        module = build(num_classes=len(tensors[last]))
    files.fill(module, tensors, path, ignore=("aux1.", "aux2.", "AuxLogits."))
    return module
