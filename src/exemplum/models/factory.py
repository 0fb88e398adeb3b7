"""Networks of the user's own: what `package.module:factory` gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from exemplum import usercode
from exemplum.models import weights as files
from exemplum.models.errors import ModelError
from exemplum.models.network import Network
from exemplum.models.preprocessing import Preprocessing


def network(spec: str, weights: str | None, input_size: int | None, places: Sequence[Path]) -> tuple[Network, str]:
    """Call a factory; of a bare nn.Module ImageNet's preprocessing at 224 px is assumed. Also a hash of its source.

    Raises ModelError in one line, also for what the user's own code raises, with its place; WeightsError if a file of
    weights does not fit.
    """
    loaded = usercode.load(spec, "model", places, ModelError, known=("torchvision", "timm"))
    factory = loaded.value
    with usercode.telling(f"{spec} failed", ModelError):
        built = factory() if callable(factory) and not isinstance(factory, nn.Module) else factory
    if isinstance(built, nn.Module):
        built = Network(built, Preprocessing(size=224, resize=256), channels=_input_channels(built))
    if not isinstance(built, Network):
        raise ModelError(f"{spec} gave a {type(built).__name__}; it must return an nn.Module or a models.Network")
    if weights:
        path = Path(weights).expanduser()
        files.fill(built.module, files.read(path), path)
    return built.resized(input_size) if input_size else built, loaded.fingerprint


def _input_channels(module: nn.Module) -> int:
    """What the first convolution takes; 3 if there is none."""
    return next((part.in_channels for part in module.modules() if isinstance(part, nn.Conv2d)), 3)
