"""Observers by name."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from exemplum import usercode
from exemplum.errors import did_you_mean
from exemplum.observers.base import Observer, ObserverError, ObserverFactory
from exemplum.observers.chance import chance
from exemplum.observers.ideal import ideal
from exemplum.observers.own import OwnFactory
from exemplum.observers.similarity import similarity
from exemplum.observers.simulated import simulated
from exemplum.study import Study

GROUP = "exemplum.observers"  # entry points of other packages: a function from a study to an observer
BUILT_IN: dict[str, ObserverFactory] = {
    "ideal": ideal,
    "chance": chance,
    "similarity": similarity,
    "simulated": simulated,
}


def load(name: str, study: Study) -> Observer:
    """The observer of a study by name: a built-in one, `package.module:function`, or one that a package registers.

    Raises ObserverError with close matches if there is none, UnableError if the study lacks what it needs.
    """
    return factory(name, usercode.places(study.folder))(study)


def factory(name: str, places: Sequence[Path] | None = None) -> ObserverFactory:
    """What makes the observer, a function from a study to an observer.

    Modules are looked for in `places` (the working directory if not given), then among the installed packages. Raises
    ObserverError with close matches if there is none of this name, and in one line what the user's module raises.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    places = usercode.places() if places is None else places
    if ":" in name:
        loaded = usercode.load(name, "observer", places, ObserverError)
        return OwnFactory(name, loaded.value, loaded.fingerprint)
    registered = {point.name: point for point in entry_points(group=GROUP)}
    if name not in registered:
        known = [*BUILT_IN, *registered]
        raise ObserverError(f"there is no observer {name!r}{did_you_mean(name, known)}")
    loaded = usercode.registered(registered[name], "observer", places, ObserverError)
    return OwnFactory(name, loaded.value, loaded.fingerprint)
