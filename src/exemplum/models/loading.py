"""Models by name: embedded, torchvision, timm, and factories of the user."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from exemplum.errors import did_you_mean
from exemplum.models.files import EMBEDDED, LITE, OWN, TABLE, ModelError, WeightsError
from exemplum.models.inceptionv1 import InceptionV1
from exemplum.models.lite import lite
from exemplum.models.model import Model
from exemplum.models.network import Network, Preprocessing, fill, made_by_code, read
from exemplum.models.table_model import TableModel, load_table
from exemplum.study import user_code


def load(
    spec: str | nn.Module | Network,
    weights: str | None = None,
    input_size: int | None = None,
    places: Sequence[Path] | None = None,
    *,
    preprocessing: Any = None,
) -> Model:
    """Load a model with its preprocessing, input size, layers and units.

    spec: any nn.Module as it is (a copy is kept, so that yours stays trainable); `embedded`;
    `efficientnet-lite0` (or 1, 2), with its ImageNet weights; `inceptionv1` (the full network of the paper);
    `torchvision:NAME`; `timm:NAME`;
    `package.module:factory`, a function that returns an nn.Module or a models.Network; `table:FILE`, activations that
    were measured elsewhere, as .parquet or .csv (docs/reference/dictionaries.md).
    weights: a file (safetensors, or a torch state dict); for torchvision and timm also `DEFAULT` or the name of a
    published set; without it `embedded` and `efficientnet-lite0` have their own and all others random ones, the same
    every time.
    input_size: pixels per side, if not the model's own.
    preprocessing: what `Preprocessing.of` takes, if not the model's own; of a bare module ImageNet's at 224 px.
    places: folders in which a module of yours is searched for, besides the installed packages; the working directory
    if not given.
    Raises ModelError, WeightsError or ShapeError: one line, with close matches for names.

    >>> load("embedded")
    Model('embedded', input_size=96)
    >>> load(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), input_size=32).units("1")[:2]
    [Unit(layer='1', channel=0), Unit(layer='1', channel=1)]
    """
    if not isinstance(spec, str):
        return _of_module(spec, weights, input_size, preprocessing)
    places = user_code.places() if places is None else tuple(places)
    if weights and Path(weights).expanduser().is_file():
        weights = str(Path(weights).expanduser().absolute())  # workers may be in another directory
    if spec.startswith(TABLE):
        return _table(spec, weights, input_size, preprocessing)
    source = ""
    with same_random_weights():
        if _is_factory(spec):
            network, source = factory_network(spec, weights, input_size, places)
        else:
            network = _network(spec, weights, input_size)
    again = partial(load, spec, weights, input_size, places)
    if preprocessing is not None:
        network = _preprocessed(network, preprocessing, input_size)
        again = partial(again, preprocessing=network.preprocessing)
    return Model(spec, network, again=again, source=source)


def _table(spec: str, weights: str | None, input_size: int | None, preprocessing: Any) -> TableModel:
    path = Path(spec.removeprefix(TABLE)).expanduser().absolute()  # workers may be in another directory
    if weights:
        raise ModelError(f"{spec} is a table of activations, which has no weights; leave them out")
    model = load_table(path, f"{TABLE}{path.name}", input_size, preprocessing)
    model.again = partial(load, f"{TABLE}{path}", None, input_size, preprocessing=preprocessing)
    return model


def _of_module(given: nn.Module | Network, weights: str | None, input_size: int | None, preprocessing: Any) -> Model:
    """A model of what the caller built; what is not said of a bare module is assumed as of a factory's."""
    if not isinstance(given, (nn.Module, Network)):
        raise ModelError(f"a {type(given).__name__} is not a model; give an nn.Module or a name, as in timm:resnet50")
    network = given if isinstance(given, Network) else _assumed(given)
    network = replace(network, module=copy.deepcopy(network.module))
    if weights:
        path = Path(weights).expanduser()
        fill(network.module, read(path), path)
    return Model(type(network.module).__name__, _preprocessed(network, preprocessing, input_size))


def _assumed(module: nn.Module) -> Network:
    channels = _input_channels(module)
    return Network(module, Preprocessing(size=224, resize=256), channels=channels, **_tokens(module))


def _preprocessed(network: Network, preprocessing: Any, input_size: int | None) -> Network:
    if preprocessing is not None:
        network = replace(network, preprocessing=Preprocessing.of(preprocessing))
    return network.resized(input_size) if input_size else network


def _tokens(module: nn.Module) -> dict[str, Any]:
    """How the outputs of a transformer of torchvision's or timm's, (n, tokens, channels), are read."""
    from torchvision.models import VisionTransformer

    if isinstance(module, VisionTransformer):
        return {"token_axis": 2, "prefix_tokens": 1}
    prefix = getattr(module, "num_prefix_tokens", None)
    if prefix is None:
        return {}
    # in timm the class token, if there is one, comes before registers
    has_class = prefix > 0 and getattr(module, "cls_token", None) is not None
    return {"token_axis": 2, "prefix_tokens": prefix, "class_token": has_class}


@contextmanager
def same_random_weights() -> Iterator[None]:
    """Within, random weights are the same in every process; the caller's random state is not changed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


def _is_factory(spec: str) -> bool:
    kind, colon, _ = spec.partition(":")
    return bool(colon) and kind not in ("torchvision", "timm", "table")


def _network(spec: str, weights: str | None, input_size: int | None) -> Network:
    source, colon, name = spec.partition(":")
    if spec == "embedded":
        return _embedded(weights, input_size)
    if spec == "inceptionv1":
        return _inceptionv1(weights, input_size)
    if spec in LITE:
        return lite(spec, weights, input_size)
    if source == "torchvision" and colon:
        return torchvision(name, weights, input_size)
    if source == "timm" and colon:
        return timm(name, weights, input_size)
    known = {**{name: name for name in OWN}, **{name: f"torchvision:{name}" for name in torchvision_names()}}
    hint = f"; did you mean {known[spec]}?" if spec in known else did_you_mean(spec, known)
    raise ModelError(
        f"there is no model {spec!r}{hint}"
        " (models are embedded, efficientnet-lite0, inceptionv1, torchvision:NAME, timm:NAME, package.module:factory)"
    )


def _embedded(weights: str | None, input_size: int | None) -> Network:
    """The half-width InceptionV1 that comes with the package, trained on Tiny ImageNet (docs/reference/models.md)."""
    path = Path(weights).expanduser() if weights else EMBEDDED
    tensors = read(path)
    module = InceptionV1(width=0.5, stem="small", classes=_classes(tensors, 200))
    fill(module, tensors, path)
    # Trained at 48 and 64 pixels; exemplars and synthetic images look best at 96.
    return Network(module, Preprocessing(size=96, resize=96).resized(input_size or 96))


def _inceptionv1(weights: str | None, input_size: int | None) -> Network:
    """The network of Olah et al. (2017) and of Borowski et al. (2021), as in Lucid."""
    preprocessing = Preprocessing.to_range(size=224, resize=256, low=-117, high=138).resized(input_size or 224)
    if weights is None:
        return Network(initialize(InceptionV1()), preprocessing)
    path = Path(weights).expanduser()
    tensors = {_paper_name(name): tensor for name, tensor in read(path).items()}
    module = InceptionV1(classes=_classes(tensors, 1008))
    fill(module, tensors, path)
    return Network(module, preprocessing)


def _classes(tensors: dict[str, Tensor], default: int) -> int:
    return len(tensors["softmax2.bias"]) if "softmax2.bias" in tensors else default


def _paper_name(name: str) -> str:
    """Names of the PyTorch port in lucent and captum-like packages → ours.

    `mixed3a_1x1_pre_relu_conv.weight` is `mixed3a.1x1.weight`, `softmax2_pre_activation_matmul.bias` `softmax2.bias`.
    """
    name = name.replace("_pre_relu_conv.", ".").replace("softmax2_pre_activation_matmul.", "softmax2.")
    return name.replace("_", ".", 1) if name.startswith("mixed") and name[7:8] == "_" else name


DEFAULT = "DEFAULT"
# torchvision's random weights take long and are so small that deep layers have no activation; see `initialize`.
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
    preprocessing = Preprocessing.of(known.get(weights or DEFAULT, sets.DEFAULT).transforms())
    return Network(module, preprocessing.resized(input_size or preprocessing.size), **_tokens(module))


def timm(name: str, weights: str | None, input_size: int | None) -> Network:
    """A timm network; weights: DEFAULT (timm's own, `NAME.TAG` chooses among them), a file, or None for random ones.

    Raises ModelError; also if timm is not installed.
    """
    try:
        import timm as library
    except ImportError as error:
        raise ModelError(f"timm:{name} needs the package timm; install it with: pip install timm") from error
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
    config = library.data.config.resolve_model_data_config(module)
    preprocessing = Preprocessing.of(config)
    network = Network(module, preprocessing, channels=config["input_size"][0], **_tokens(module))
    return network.resized(input_size) if input_size else network


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
    except Exception as error:  # each hub client raises other exceptions without a network
        reason = str(error).partition("\n")[0]
        raise WeightsError(
            f"the weights {weights} of {spec} could not be downloaded ({type(error).__name__}: {reason});"
            " check the network connection, or give a file that was downloaded elsewhere"
        ) from error


def _fill(build: Callable[..., nn.Module], weights: str | None, known: dict[str, Any]) -> nn.Module:
    """Build with random weights, then load those of a file, which determines the number of classes."""
    if weights is None:
        return initialize(build(), only_zeros=True)
    path = Path(weights).expanduser()
    if not path.exists() and not path.suffix and path.parent == Path():
        raise WeightsError(
            f"there are no weights {weights!r}, neither a published set nor a file{did_you_mean(weights, known)}"
        )
    tensors = read(path)
    module = build()
    last = [name for name, part in module.named_modules() if isinstance(part, (nn.Linear, nn.Conv2d))][-1] + ".weight"
    if last in tensors and len(tensors[last]) != len(module.get_parameter(last)):
        module = build(num_classes=len(tensors[last]))
    fill(module, tensors, path, ignore=("aux1.", "aux2.", "AuxLogits."))
    return module


def factory_network(
    spec: str, weights: str | None, input_size: int | None, places: Sequence[Path]
) -> tuple[Network, str]:
    """Call a factory, and hash its source. For a bare nn.Module ImageNet's preprocessing at 224 px is assumed.

    Raises ModelError in one line, also for exceptions of the user's code, with file and line; WeightsError if a file
    of weights does not fit.
    """
    built, loaded = made_by_code(spec, "model", places, known=("torchvision", "timm"))
    if isinstance(built, nn.Module):
        built = Network(built, Preprocessing(size=224, resize=256), channels=_input_channels(built))
    if not isinstance(built, Network):
        raise ModelError(
            f"{spec} returned a {type(built).__name__}; it must return an nn.Module or a models.Network"
            f"{user_code.place(loaded.value)}"
        )
    if weights:
        path = Path(weights).expanduser()
        fill(built.module, read(path), path)
    return built.resized(input_size) if input_size else built, loaded.fingerprint


def _input_channels(module: nn.Module) -> int:
    """The input channels of the first convolution; 3 if there is none."""
    return next((part.in_channels for part in module.modules() if isinstance(part, nn.Conv2d)), 3)
