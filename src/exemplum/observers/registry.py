"""Observers by name."""

from __future__ import annotations

from importlib.metadata import entry_points

from exemplum.errors import did_you_mean
from exemplum.observers.base import Observer, ObserverError, ObserverFactory
from exemplum.observers.chance import chance
from exemplum.observers.ideal import ideal
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
    """The observer of this name for a study: a built-in one, or one that another package registers.

    Raises ObserverError with close matches if there is none, UnableError if the study lacks what it needs.
    """
    return factory(name)(study)


def factory(name: str) -> ObserverFactory:
    """What makes the observer. Raises ObserverError with close matches if there is none of this name."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    registered = {point.name: point for point in entry_points(group=GROUP)}
    if name not in registered:
        raise ObserverError(f"there is no observer {name!r}{did_you_mean(name, [*BUILT_IN, *registered])}")
    made: ObserverFactory = registered[name].load()
    return made
