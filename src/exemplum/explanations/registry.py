"""Explanation methods by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

from exemplum import usercode
from exemplum.errors import UserError, did_you_mean
from exemplum.explanations import folder, natural
from exemplum.explanations.base import ExplanationMethod
from exemplum.explanations.own import OwnMethod
from exemplum.explanations.synthetic import method as synthetic

GROUP = "exemplum.explanations"  # entry points of other packages
BUILT_IN: dict[str, ExplanationMethod] = {"natural": natural.pictures, "synthetic": synthetic.pictures}


def load(spec: str, places: Sequence[Path] | None = None, resolve: Callable[[str], Path] = Path) -> ExplanationMethod:
    """A method by `natural`, `synthetic`, `folder:PATH`, `package.module:function`, or the name of an entry point.

    Modules are looked for in `places` (the working directory if not given), then among the installed packages; a
    folder is what `resolve` makes of PATH. Raises UserError, with close matches, if there is none of that name, and in
    one line what the user's module raises.
    """
    if spec in BUILT_IN:
        return BUILT_IN[spec]
    kind, colon, rest = spec.partition(":")
    if kind == "folder" and colon:
        if not rest:
            raise UserError("'folder:' names no folder; write folder:PATH")
        return partial(folder.pictures, str(folder.existing(resolve(rest))))
    places = usercode.places() if places is None else places
    if colon:
        loaded = usercode.load(spec, "explanation method", places)
        return OwnMethod(spec, loaded.value, loaded.fingerprint)
    registered = {point.name: point for point in entry_points(group=GROUP)}
    if spec not in registered:
        known = [*BUILT_IN, *registered, "folder:PATH", "MODULE:FUNCTION"]
        raise UserError(f"there is no explanation method {spec!r}{did_you_mean(spec, known)}")
    loaded = usercode.registered(registered[spec], "explanation method", places)
    return OwnMethod(spec, loaded.value, loaded.fingerprint)


def name(spec: str) -> str:
    """The method's name as a condition: the last part of a path or import."""
    return spec.rstrip("/").replace("\\", "/").split("/")[-1].split(":")[-1]
