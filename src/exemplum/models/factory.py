"""Networks of the user's own: what `package.module:factory` gives."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from exemplum.errors import UserError, did_you_mean
from exemplum.models import weights as files
from exemplum.models.errors import ModelError
from exemplum.models.network import Network
from exemplum.models.preprocessing import Preprocessing


def network(module_name: str, attribute: str, weights: str | None, input_size: int | None) -> Network:
    """Call a factory; of a bare nn.Module ImageNet's preprocessing at 224 px is assumed.

    The working directory is searched as Python does for a script. Raises ModelError in one line, also for what the
    user's own code raises, with its place; WeightsError if a file of weights does not fit.
    """
    spec = f"{module_name}:{attribute}"
    factory = getattr(module := _imported(module_name, spec), attribute, None)
    if factory is None:
        raise ModelError(f"{module_name} has no {attribute!r}{did_you_mean(attribute, _public(module))}")
    try:
        built = factory() if callable(factory) and not isinstance(factory, nn.Module) else factory
    except UserError:
        raise
    except Exception as error:
        raise _told(f"{spec} failed", error, module.__file__) from error
    if isinstance(built, nn.Module):
        built = Network(built, Preprocessing(size=224, resize=256), channels=_input_channels(built))
    if not isinstance(built, Network):
        raise ModelError(f"{spec} gave a {type(built).__name__}; it must return an nn.Module or a models.Network")
    if weights:
        path = Path(weights).expanduser()
        files.fill(built.module, files.read(path), path)
    return built.resized(input_size) if input_size else built


def _imported(name: str, spec: str) -> Any:
    folder = str(Path.cwd())
    added = folder not in sys.path
    if added:
        sys.path.insert(0, folder)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            sources = did_you_mean(name, ("torchvision", "timm"))
            hint = sources if "did you mean" in sources else "; is its package installed, or its file in this folder?"
            raise ModelError(f"no model {spec!r}: no Python module {name!r}{hint}") from error
        raise _told(f"no model {spec!r}: {name} cannot be imported", error) from error
    except UserError:
        raise
    except Exception as error:
        raise _told(f"no model {spec!r}: {name} cannot be imported", error) from error
    finally:
        if added:
            sys.path.remove(folder)


def _told(what: str, error: Exception, file: str | None = None) -> ModelError:
    """The user's own exception in one line, with the last place that it passed, in `file` if it was there."""
    if isinstance(error, SyntaxError):
        return ModelError(f"{what}: {error.msg} ({error.filename}, line {error.lineno})")
    frames = traceback.extract_tb(error.__traceback__)[1:]  # without ours
    frames = [frame for frame in frames if frame.filename == file] or frames
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    reason = str(error).partition("\n")[0]
    return ModelError(f"{what}: {type(error).__name__}: {reason}{place}")


def _public(module: Any) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_") and callable(getattr(module, name))]


def _input_channels(module: nn.Module) -> int:
    """What the first convolution takes; 3 if there is none."""
    return next((part.in_channels for part in module.modules() if isinstance(part, nn.Conv2d)), 3)
