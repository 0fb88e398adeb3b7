"""Observers by name, including the user's own, whose errors are reported with file and line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exemplum.observers.observer import Observer, ObserverError, ObserverFactory, UnableError, chance, ideal
from exemplum.observers.occlusion import centre, variance
from exemplum.observers.similarity import similarity
from exemplum.observers.simulated import simulated
from exemplum.records import ALL, Response, Side, Trial
from exemplum.study import Study, user_code

GROUP = "exemplum.observers"  # entry points of other packages: a function from a study to an observer
BUILT_IN: dict[str, ObserverFactory] = {
    "ideal": ideal,
    "chance": chance,
    "similarity": similarity,
    "simulated": simulated,
    "centre": centre,
    "variance": variance,
}


def load(name: str, study: Study) -> Observer:
    """The observer of a study by name: a built-in one, `package.module:function`, or one registered by a package.

    Raises ObserverError with close matches if there is none, UnableError if the study lacks what it needs.
    """
    return factory(name, user_code.places(study.folder))(study)


def factory(name: str, places: Sequence[Path] | None = None) -> ObserverFactory:
    """The function from a study to the observer of this name.

    Modules are searched for in `places` (the working directory if not given), then among the installed packages. Raises
    ObserverError with close matches if none has this name, and with one line for errors of the user's module.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    loaded = user_code.by_name(name, "observer", GROUP, places, built_in=BUILT_IN, fault=ObserverError)
    return OwnFactory(name, loaded.value, loaded.fingerprint)


PEOPLE = "participants"  # the observer name of people
LONGEST_NAME = 60  # characters, as of methods
LONGEST_TIME_MS = 1e9  # of an answer; eleven days


@dataclass(frozen=True)
class OwnFactory:
    """The function that makes a user's observer; its exceptions become an ObserverError of one line."""

    spec: str
    make: ObserverFactory
    source: str  # hash of the source that it depends on

    def __call__(self, study: Study) -> Observer:
        user_code.check_call(self.make, study, what=self.what, fault=ObserverError)
        with user_code.telling(f"{self.what} failed", ObserverError):
            made = self.make(study)
            name = getattr(made, "name", None)
            respond: Any = getattr(made, "respond", None)
        place = user_code.place(self.make)
        if not (isinstance(name, str) and name):
            raise ObserverError(
                f"{self.what} returned a {type(made).__name__} without a name; its name must be a string{place}"
            )
        if name == PEOPLE:
            raise ObserverError(
                f"{self.what} is named {PEOPLE}, which is reserved for people; give it another name{place}"
            )
        if name == ALL:
            raise ObserverError(
                f"{self.what} is named {ALL}, which is reserved for all observers together; rename it{place}"
            )
        if len(name) > LONGEST_NAME:
            raise ObserverError(
                f"{self.what} has a name of {len(name)} characters; give it one of at most {LONGEST_NAME}{place}"
            )
        if not name.isprintable():
            raise ObserverError(f"{self.what} has the name {name!r}; remove its unprintable characters{place}")
        user_code.check_call(respond, None, None, what=f"respond of {self.what}", fault=ObserverError)
        return OwnObserver(self.spec, made, name)

    @property
    def what(self) -> str:
        return f"observer {self.spec}"


class OwnObserver:
    """A user's observer, with checks of each answer."""

    def __init__(self, spec: str, observer: Observer, name: str) -> None:
        self.spec, self.observer, self.name = spec, observer, name

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        """The observer's answer. Raises ObserverError in one line for its exceptions and for invalid answers."""
        with user_code.telling(f"observer {self.spec} failed on {trial.trial_id}", ObserverError):
            try:
                given: Any = self.observer.respond(trial, rng)
            except UnableError as error:
                raise ObserverError(
                    f"observer {self.spec}, on {trial.trial_id}: {error}; raise UnableError when the observer is "
                    f"made, before it answers{user_code.place(self.observer.respond)}"
                ) from error
        if problem := self._problem(given, trial):
            where = user_code.place(self.observer.respond)
            raise ObserverError(f"observer {self.spec}, on {trial.trial_id}: {problem}{where}")
        rt_ms = None if given.rt_ms is None else float(given.rt_ms)
        return Response(trial.trial_id, self.name, Side(given.choice), int(given.confidence), rt_ms)

    def _problem(self, given: Any, trial: Trial) -> str:
        """What is wrong with an answer, or nothing."""
        if not isinstance(given, Response):
            return f"respond returned a {type(given).__name__}; it must return a Response"
        if given.trial_id != trial.trial_id:
            return f"trial_id is {given.trial_id!r}; it must be that of the trial"
        if given.observer != self.name:
            return f"observer is {given.observer!r}; it must be the observer's name, {self.name!r}"
        if not isinstance(given.choice, str) or given.choice not in list(Side):
            return f"choice is {given.choice!r:.40}; it must be Side.TOP or Side.BOTTOM"
        if not _is_confidence(given.confidence):
            return f"confidence is {given.confidence!r:.40}; it must be 1, 2 or 3"
        if given.rt_ms is not None and not _is_time(given.rt_ms):
            longest = f"the longest is {LONGEST_TIME_MS:.0f}"
            return f"rt_ms is {given.rt_ms!r}; it must be a time above 0 in milliseconds, or None; {longest}"
        return ""


def _is_confidence(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and value in (1, 2, 3)


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and bool(math.isfinite(value) and 0 < value <= LONGEST_TIME_MS)
