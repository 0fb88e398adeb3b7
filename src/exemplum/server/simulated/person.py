"""One simulated person: what they answer, and how long each page takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from exemplum.design import duration
from exemplum.observers import Simulated, SimulatedSection
from exemplum.records import Response, Side, Trial, TrialKind
from exemplum.server.simulated.crowd import Crowd, Manner

WORDS_PER_MINUTE = 238  # silent reading of English prose: Brysbaert (2019), J. Mem. Lang. 109
# Median seconds; nothing is known about them but that pilots take about as long
QUESTION_S, CHECK_S, EXAMPLE_S, RATING_S, BREAK_S, DEBRIEF_S, ANNOUNCEMENT_S = 5.0, 10.0, 12.0, 8.0, 8.0, 20.0, 5.0
# texts of a worked example; of those for the upper and for the lower image it has one
REMARKS = ("title", "text", "solved", "right", "left", "queries", "common", "correct_top", "other_bottom")
SPREAD = 0.35  # of ln seconds on a page
HASTE = 0.15  # of these times, of a careless person
HASTY_RT_S = 0.7
ADULT = 18  # years: a number for questions that name no smallest one
TIME = 7  # first part of the seeds of times


class SimulatedPerson:
    """Draws are made from the person's seed and the trial or page, so a stopped rehearsal goes on as if it had not."""

    def __init__(self, crowd: Crowd, number: int, manner: Manner, simulated: SimulatedSection) -> None:
        self.number, self.manner, self.seed = number, manner, crowd.seed_of(number)
        self._section = simulated.model_copy(
            update={"accuracy": _centred(crowd.accuracy, simulated.spread), "lapse": crowd.lapse}
        )
        self._observer = Simulated(self._section, self.seed)
        self._pace = float(np.exp(self._rng(TIME).normal(0, SPREAD)))
        # of all trials; one who leaves at 0 closes the window on the instructions
        self.leaves_at = float(self._rng(TIME, 1).uniform(0, 0.95)) if manner is Manner.DROPOUT else 1.0

    @property
    def careless(self) -> bool:
        return self.manner is Manner.CARELESS

    def respond(self, trial: Trial, position: int) -> Response:
        """The answer to a trial at this place of the session."""
        rng = self._rng(position, 2)
        if self.careless:
            side = Side.TOP if rng.random() < 0.5 else Side.BOTTOM
            rt_ms = 1000 * HASTY_RT_S * float(np.exp(rng.normal(0, 0.3)))
            return Response(trial.trial_id, "person", side, int(rng.integers(1, 4)), rt_ms)
        given = self._observer.respond(trial, rng)
        assert given.rt_ms is not None
        return replace(given, rt_ms=given.rt_ms * self._slower(trial))

    def seconds(self, step: Mapping[str, Any], texts: Mapping[str, str]) -> float:
        """How long the person stays on a page that is no block."""
        drawn = float(np.exp(self._rng(TIME, int(step["id"][1:]), 3).normal(0, SPREAD)))
        haste = HASTE if self.careless else self._pace
        return max(usual_seconds(step, texts) * drawn * haste, step.get("min_ms", 0) / 1000)

    def enters(self, step: Mapping[str, Any], solutions: Mapping[str, str]) -> dict[str, Any]:
        """What the person enters on a page; `solutions` are the right answers to questions that have one."""
        rng = self._rng(TIME, int(step["id"][1:]), 4)
        match step["kind"]:
            case "consent":
                return {"accepted": self.manner is not Manner.REFUSAL}
            case "form" | "debrief" | "comprehension":
                knows = {} if self.careless else solutions
                return {field["name"]: knows.get(field["name"], _entry(field, rng)) for field in step["fields"]}
            case "check":
                return {"width": 1512, "height": 820, "screen_width": 1512, "screen_height": 982, "pixel_ratio": 2.0,
                        "frame_ms": 16.7, "fullscreen": True, "touch": False, "indexed_db": True}  # fmt: skip
            case "intuitiveness":
                rated = [(item["item"], int(rng.integers(-100, 101))) for item in step["items"]]
                return {"ratings": [{"item": item, "rating": rating, "ms": 1000 * RATING_S} for item, rating in rated]}
        return {}

    def _slower(self, trial: Trial) -> float:
        """What a reaction time is multiplied by: the published times, unless study.toml has a median."""
        if "rt_median_ms" in self._section.model_fields_set:
            return self._pace
        mean_s = self._section.rt_median_ms / 1000 * np.exp(self._section.rt_sigma**2 / 2)
        # repeated trials have no published times of their own
        alike = replace(trial, kind=TrialKind.MAIN) if trial.kind is TrialKind.REPEATED else trial
        return float((duration.seconds(alike) - duration.FEEDBACK_S) / mean_s) * self._pace

    def _rng(self, *parts: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *parts])


def usual_seconds(step: Mapping[str, Any], texts: Mapping[str, str]) -> float:
    """The usual time on a page: to read its words, and to answer its questions."""
    match step["kind"]:
        case "consent":
            return _reading_s(texts, "consent.") + QUESTION_S
        case "form" | "comprehension":
            return QUESTION_S * len(step["fields"])
        case "check":
            return _reading_s(texts, "check.text") + CHECK_S
        case "instructions":
            return _instructions_s(step, texts)
        case "intuitiveness":
            return RATING_S * len(step["items"])
        case "break":
            return BREAK_S
        case "debrief":
            return _reading_s(texts, "debrief.") + DEBRIEF_S
    return 0.0


def _instructions_s(step: Mapping[str, Any], texts: Mapping[str, str]) -> float:
    """Of all texts of the instructions only those that this session shows: others are for other cases."""
    parts = ["again."] if step["round"] > 1 else ["task.", "answer.", "course."]
    if "none" in step["conditions"] and step["round"] == 1:
        parts.append("without.")
    remarks = _reading_s(texts, *(f"instructions.example.{name}" for name in REMARKS))
    pages = _reading_s(texts, *(f"instructions.{part}" for part in parts))
    return pages + (remarks + EXAMPLE_S) * len(step["examples"])


def _reading_s(texts: Mapping[str, str], *prefixes: str) -> float:
    words = sum(
        len(text.split()) for key, text in texts.items() if key.startswith(prefixes) and not key.endswith("_one")
    )
    return 60 * words / WORDS_PER_MINUTE


def _centred(accuracy: Mapping[str, float], spread: float) -> dict[str, float]:
    """Accuracies at the mean sensitivity such that the mean over people, who differ in it, is what was given.

    With d′/√2 ~ N(z, spread²/2) the mean share of right answers is Φ(z/√(1 + spread²/2)).
    """
    wider = (1 + spread**2 / 2) ** 0.5
    return {name: float(ndtr(ndtri(share) * wider)) for name, share in accuracy.items()}


def _entry(field: Mapping[str, Any], rng: np.random.Generator) -> Any:
    match field["type"]:
        case "integer":
            least, most = field["min"], field["max"]
            low = min(ADULT, ADULT if most is None else most) if least is None else least
            return int(rng.integers(low, low + 1 + min(50, 50 if most is None else most - low)))
        case "choice":
            return str(rng.choice(field["options"]))
    return "rehearsal"[: field["max_length"]] if field["required"] else None
