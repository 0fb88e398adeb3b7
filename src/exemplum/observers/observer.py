"""The Observer protocol (a name, and an answer to a trial), and the ideal and chance observers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd

from exemplum import queries
from exemplum.design import repeated_trials
from exemplum.errors import REMAKE, UserError
from exemplum.records import Design, Response, Session, Side, Trial
from exemplum.responses import rows
from exemplum.study import Study


class ObserverError(UserError):
    """An observer cannot answer, or none has this name."""


class UnableError(ObserverError):
    """This study lacks what the observer needs; the others answer without it."""


class NoAnswerError(ObserverError):
    """The observer has no answer to this trial; raised by `respond` of your own observer."""


class Observer(Protocol):
    """Answers trials. A trial includes its truth (`max_side`, kind, poles of the queries) for observers that simulate
    answers or bound them; one that measures an explanation uses only the images and their places on the screen."""

    name: str

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response | None:
        """One choice with confidence 1 to 3, or None: this trial has no answer. All random numbers come from `rng`."""
        ...


ObserverFactory = Callable[[Study], Observer]  # value of a name in the registry, or of an entry point


def answer(name: str, trial: Trial, evidence: float, confidence: int, rng: np.random.Generator) -> Response:
    """The answer to evidence: top if above 0, bottom if below, a fair coin toss at 0."""
    side = coin(rng) if evidence == 0 else Side.TOP if evidence > 0 else Side.BOTTOM
    return Response(trial.trial_id, name, side, confidence)


def coin(rng: np.random.Generator) -> Side:
    return Side.TOP if rng.random() < 0.5 else Side.BOTTOM


def graded(strength: float, thresholds: tuple[float, float]) -> int:
    """Confidence 1 below the first threshold, 2 up to the second, 3 from there on."""
    return 1 + sum(strength >= threshold for threshold in thresholds)


def sit(observer: Observer, design: Design, session: Session, rng: np.random.Generator) -> pd.DataFrame:
    """Answer every trial of a session, then the repeated trials that follow from the answers: RESPONSES rows."""
    trials = list(session.trials)
    answers = respond(observer, trials, rng)
    again = repeated_trials(session, answers, design.seed, allow_missing=True)
    answers += respond(observer, again, rng)
    return rows(
        trials + again,
        answers,
        experiment=design.protocol,
        observer_kind="machine",
        participant=f"{session.participant:02d}",
    )


def respond(observer: Observer, trials: Sequence[Trial], rng: np.random.Generator) -> list[Response]:
    """The observer's answers; trials without one are left out.

    One that can answer several trials at once is told of all of them first, by its `prepare`.
    """
    if prepare := getattr(observer, "prepare", None):
        prepare(trials)
    given = [observer.respond(trial, rng) for trial in trials]
    return [response for response in given if response is not None]


def observe(observer: Observer, trials: Iterable[Trial], *, seed: int = 0) -> pd.DataFrame:
    """Have an observer answer trials, of a study or made by hand: one row per answer, as docs/reference/tables.md says.

    >>> from exemplum.records import make_trial
    >>> trials = [make_trial("mixed4a:30", queries=("a", "b"), trial_id=name) for name in ("first", "second")]
    >>> list(observe(Chance(), trials)["trial_id"])
    ['first', 'second']
    """
    asked = [replace(trial, index=place) for place, trial in enumerate(trials)]
    rng = np.random.default_rng([seed, *observer.name.encode()])
    return rows(asked, respond(observer, asked, rng), experiment="hand_made", observer_kind="machine", participant="1")


# of the unit's spread: below half of it confidence 1, from the whole upwards 3
THRESHOLDS = (0.5, 1.0)


class Ideal:
    """Chooses the query that activates the unit more.

    Confidence grades the difference of the two activations in units of the spread of the unit: the mean difference
    between its queries. Below 0.5: confidence 1; below 1: 2; else 3. Equal activations are decided by a coin toss.
    A picture that no network can measure, of a study of a table, is as extreme as can be where it is a reference too.
    """

    name = "ideal"

    def __init__(self, stimuli: pd.DataFrame, queries: pd.DataFrame) -> None:
        """Of STIMULI and QUERIES. Raises UnableError if these have no activations (a study of finished stimuli)."""
        if queries["activation_max"].isna().all():
            raise UnableError(
                "ideal needs the units' activations, which finished stimuli lack, since they come without a network"
            )
        rows = [stimuli[["unit", "path", "activation"]]]
        rows += [queries[["unit", f"query_{pole}", f"activation_{pole}"]] for pole in ("max", "min")]
        self.activation = {(unit, path): value for part in rows for unit, path, value in part.itertuples(False, None)}
        apart = queries["activation_max"] - queries["activation_min"]
        self.spread = apart.groupby(queries["unit"]).mean().to_dict()

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        """Raises ObserverError naming an image whose activation is not known."""
        unit = str(trial.unit.unit)
        top, bottom = (self._activation(unit, trial.queries[side], trial) for side in (Side.TOP, Side.BOTTOM))
        spread = self.spread.get(unit, np.nan)
        strength = abs(top - bottom) / spread if spread > 0 else 0.0
        return answer(self.name, trial, top - bottom, graded(strength, THRESHOLDS), rng)

    def _activation(self, unit: str, path: str, trial: Trial) -> float:
        activation = self.activation.get((unit, path), np.nan)
        if np.isnan(activation) and (unit, path) in self.activation:
            for references, extreme in ((trial.references.max, np.inf), (trial.references.min, -np.inf)):
                if path in references:
                    return extreme
        if np.isnan(activation):
            raise ObserverError(
                f"observer ideal cannot answer: explanations/stimuli.parquet has no activation of {unit} for {path}; "
                f"{REMAKE}"
            )
        return activation


def ideal(study: Study) -> Ideal:
    return Ideal(*queries.load(study))


class Chance:
    """Answers every trial at random; confidence 1, 2 or 3, equally likely."""

    name = "chance"

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        return Response(trial.trial_id, self.name, coin(rng), int(rng.integers(1, 4)))


def chance(_study: Study) -> Chance:
    return Chance()
