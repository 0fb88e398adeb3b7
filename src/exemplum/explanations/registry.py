"""Explanation methods by name."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from importlib.metadata import entry_points

from exemplum.errors import UserError, did_you_mean
from exemplum.explanations import folder, natural
from exemplum.explanations.base import ExplanationMethod
from exemplum.explanations.synthetic import method as synthetic

GROUP = "exemplum.explanations"  # entry points of other packages
BUILT_IN: dict[str, ExplanationMethod] = {"natural": natural.pictures, "synthetic": synthetic.pictures}


def load(spec: str) -> ExplanationMethod:
    """A method by `natural`, `synthetic`, `folder:PATH`, `package.module:function`, or the name of an entry point.

    Raises UserError, with close matches, if there is none of that name.
    """
    if spec in BUILT_IN:
        return BUILT_IN[spec]
    kind, colon, rest = spec.partition(":")
    if kind == "folder" and colon:
        return partial(folder.pictures, rest)
    if colon:
        return _imported(kind, rest)
    registered = {point.name: point for point in entry_points(group=GROUP)}
    if spec not in registered:
        known = [*BUILT_IN, *registered, "folder:PATH"]
        raise UserError(f"there is no explanation method {spec!r}{did_you_mean(spec, known)}")
    method: ExplanationMethod = registered[spec].load()
    return method


def name(spec: str) -> str:
    """The method's name as a condition: the last part of a path or import."""
    return spec.rstrip("/").replace("\\", "/").split("/")[-1].split(":")[-1]


def _imported(module: str, function: str) -> ExplanationMethod:
    try:
        method: ExplanationMethod = getattr(import_module(module), function)
        return method
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            raise UserError(f"explanation method {module}:{function}: there is no module {error.name}") from error
        raise
    except AttributeError as error:
        known = vars(import_module(module))
        raise UserError(f"{module} has no explanation method {function!r}{did_you_mean(function, known)}") from error
