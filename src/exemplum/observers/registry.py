"""Observers by name, including the user's own, whose errors are reported with file and line."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

import numpy as np

from exemplum import store
from exemplum.observers import CUES, PEOPLE, cues, feature_network
from exemplum.observers.encoder import Encoder, Metric
from exemplum.observers.observer import (
    NoAnswerError,
    Observer,
    ObserverError,
    ObserverFactory,
    UnableError,
    chance,
    ideal,
)
from exemplum.observers.occlusion import centre, variance
from exemplum.observers.similarity import Similarity, of_study
from exemplum.observers.simulated import simulated
from exemplum.records import ALL, Response, Side, Trial
from exemplum.study import Config, Study, user_code

GROUP = "exemplum.observers"  # entry points of other packages: a function from a study to an observer
BUILT_IN: dict[str, ObserverFactory] = {
    "ideal": ideal,
    "chance": chance,
    "simulated": simulated,
    "centre": centre,
    "variance": variance,
}


def load(name: str, study: Study) -> Observer:
    """The observer of a study by name: a built-in one, that of a table [observers.NAME], `package.module:function`, or
    one registered by a package.

    Raises ObserverError with close matches if there is none, UnableError if the study lacks what it needs.
    """
    return factory(name, study)(study)


def factory(name: str, study: Study) -> ObserverFactory:
    """The function from a study to the observer of this name.

    Modules are searched for in the study's folder and the working directory, then among the installed packages. Raises
    ObserverError with close matches if none has this name, and with one line for errors of the user's module.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if name in _with_encoders(study):
        return partial(_by_encoder, name)
    if name in study.config.observers.asked:
        return partial(_asked, name)
    known, places = (*BUILT_IN, *_with_encoders(study), *study.config.observers.asked), user_code.places(study.folder)
    loaded = user_code.by_name(name, "observer", GROUP, places, built_in=known, fault=ObserverError)
    return OwnFactory(name, loaded.value, loaded.fingerprint)


def encoders(study: Study, names: Iterable[str]) -> list[Encoder]:
    """The encoders of observers of a study, by the observers' names, in their order.

    Raises ObserverError for an observer that has none, such as `ideal`, and as `load` does.
    """
    return [_encoder(study, name) for name in names]


def _with_encoders(study: Study) -> tuple[str, ...]:
    return (*study.config.observers.similar, *CUES)


def _encoder(study: Study, name: str) -> Encoder:
    if name in study.config.observers.similar:
        from exemplum.observers.network_encoder import NetworkEncoder  # late: torch takes seconds to import

        network = feature_network.of_study(study, name)
        return NetworkEncoder(network.observer_name(name), network)
    if name in CUES:
        return cues.cue(name)
    made = factory(name, study)
    encoder = made.encoder(study) if isinstance(made, OwnFactory) else None
    if encoder is None:
        known = ", ".join(_with_encoders(study))
        raise ObserverError(f"observer {name} answers trials alone, and cannot compare other pictures; {known} can")
    return encoder


def _asked(name: str, study: Study) -> Observer:
    from exemplum.observers.vlm import VisionLanguageModel  # late: it imports an HTTP client

    return VisionLanguageModel(name, study.config.observers.asked[name], study)


def _by_encoder(name: str, study: Study) -> Similarity:
    return of_study(study, _encoder(study, name))


LONGEST_NAME = 60  # characters, as of methods
LONGEST_TIME_MS = 1e9  # of an answer; eleven days


@dataclass(frozen=True)
class OwnFactory:
    """The function that makes a user's observer; its exceptions become an ObserverError of one line."""

    spec: str
    make: ObserverFactory
    source: str  # hash of the source that it depends on

    def __call__(self, study: Study) -> Observer:
        made, name = self._made(study)
        if hasattr(made, "encode"):
            return of_study(study, OwnEncoder(self, made, name))
        respond: Any = getattr(made, "respond", None)
        user_code.check_call(respond, None, None, what=f"respond of {self.what}", fault=ObserverError)
        return OwnObserver(self.spec, made, name)

    def encoder(self, study: Study) -> Encoder | None:
        """The encoder that the function makes; None if it makes an observer of trials."""
        made, name = self._made(study)
        return OwnEncoder(self, made, name) if hasattr(made, "encode") else None

    def _made(self, study: Study) -> tuple[Any, str]:
        """What the function returns, and its name, which is allowed."""
        user_code.check_call(self.make, study, what=self.what, fault=ObserverError)
        with user_code.telling(f"{self.what} failed", ObserverError):
            made = self.make(seen(study))
            name = getattr(made, "name", None)
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
        return made, name

    @property
    def what(self) -> str:
        return f"observer {self.spec}"


def seen(study: Study) -> Study:
    """The study as a user's observer sees it: settings of later stages have their defaults.

    All other settings are in the fingerprint.
    """
    defaults = {name: getattr(Config(), name) for name in ("analysis", "exclusions", "server")}
    return replace(study, config=study.config.model_copy(update=defaults))


class OwnEncoder:
    """A user's encoder, with checks of its vectors."""

    def __init__(self, factory: OwnFactory, encoder: Any, name: str) -> None:
        """Raises ObserverError if its metric is none."""
        self.factory, self.made, self.name = factory, encoder, name
        metric: Any = getattr(encoder, "metric", "cosine")
        if metric not in get_args(Metric):
            raise ObserverError(
                f"{factory.what} has the metric {metric!r:.40}; it must be {' or '.join(get_args(Metric))}"
                f"{user_code.place(factory.make)}"
            )
        self.metric: Metric = metric
        self.about = str(getattr(encoder, "about", f"the vectors of {factory.spec}"))

    @property
    def fingerprint(self) -> str:
        """Of the source of the encoder, and of what it says of itself, such as a hash of its weights."""
        return store.digest(self.factory.source, str(getattr(self.made, "fingerprint", "")), self.metric)

    def encode(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """The encoder's vectors. Raises ObserverError in one line for its exceptions and for invalid vectors."""
        with user_code.telling(f"encode of {self.factory.what} failed", ObserverError):
            given = np.asarray(self.made.encode(pictures))
        if not (np.issubdtype(given.dtype, np.number) and given.ndim == 2 and np.isfinite(given).all()):
            raise ObserverError(
                f"encode of {self.factory.what} returned {given.dtype} of shape {given.shape}; it must return an array "
                f"(pictures, d) of finite numbers{user_code.place(self.made.encode)}"
            )
        return given.astype(np.float32)


class OwnObserver:
    """A user's observer, with checks of each answer."""

    def __init__(self, spec: str, observer: Observer, name: str) -> None:
        self.spec, self.observer, self.name = spec, observer, name
        if hasattr(observer, "evidence"):
            self.evidence = self._evidence

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response | None:
        """The observer's answer; None if it raises NoAnswerError; to return None may be a slip.

        Raises ObserverError in one line for its other exceptions and for invalid answers.
        """
        with user_code.telling(f"observer {self.spec} failed on {trial.trial_id}", ObserverError):
            try:
                given: Any = self.observer.respond(trial, rng)
            except NoAnswerError:
                return None
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

    def _evidence(self, trial: Trial) -> float:
        """The observer's evidence for the top. Raises ObserverError in one line if it is no number."""
        own: Any = self.observer
        with user_code.telling(f"observer {self.spec} failed on {trial.trial_id}", ObserverError):
            given = own.evidence(trial)
        if not isinstance(given, int | float | np.number) or math.isinf(given):
            where = user_code.place(own.evidence)
            raise ObserverError(
                f"observer {self.spec}, on {trial.trial_id}: evidence is {given!r:.40}; it must be a finite number, or "
                f"NaN where there is none{where}"
            )
        return float(given)

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
