"""A vision–language model as observer: it sees the trial screen as a picture, in the words that people read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from exemplum import design, store
from exemplum.design import screen, texts
from exemplum.errors import command
from exemplum.observers import REPLIES, VlmTable
from exemplum.observers.chat import Endpoint, Reply, StoppedError
from exemplum.observers.observer import ObserverError
from exemplum.records import NONE, Response, Side, Trial
from exemplum.runtime import track
from exemplum.study import Study

VERSION = 1  # of the words around those that people read, and of how answers are read
ASK = (
    "You see the screen of one trial as a picture. Instead of pressing a button, reply with one line of JSON and "
    'nothing else: {"image": "upper" or "lower", "confidence": 1, 2 or 3}'
)
SIDES = {"upper": Side.TOP, "lower": Side.BOTTOM}


class VisionLanguageModel:
    """Asks a model behind a chat-completions endpoint; see docs/reference/observers.md.

    Each reply is kept in a file named by what the model saw: screen, words, model and settings; the file says at which
    address it was asked. The same screen is asked about once. A trial of which the model refuses to answer, or answers
    in a form that cannot be read, has no answer.
    """

    def __init__(self, name: str, table: VlmTable, study: Study, endpoint: Endpoint | None = None) -> None:
        self.name, self.table, self.study = name, table, study
        self.texts = words_of(study)
        self.folder = study.stage("responses") / REPLIES / name
        self.address = table.url.rstrip("/")
        self.calls = 0  # made by this object
        self._given = endpoint
        self._replies: dict[str, Reply] = {}
        self._outcomes: dict[str, tuple[str, str]] = {}  # trial → its condition; answered, refused or unreadable
        self._prints: dict[str, str] = {}

    def respond(self, trial: Trial, _rng: np.random.Generator) -> Response | None:
        """The model's answer; None if it gave none that can be read. Raises ObserverError as `Endpoint.ask` does."""
        key = self.key(trial)
        self.prepare([trial])
        reply = self._replies[key]
        given = None if reply.refused else parsed(reply.text)
        outcome = "answered" if given else "refused" if reply.refused else "unreadable"
        self._outcomes[trial.trial_id] = (trial.condition, outcome)
        return Response(trial.trial_id, self.name, *given) if given else None

    def prepare(self, trials: Sequence[Trial]) -> None:
        """Ask about all screens of these trials that the model has not seen, several at once."""
        missing = self.missing(trials)
        if not missing:
            return
        self._endpoint.stopped.clear()
        with track(self.name, len(missing), "screens") as advance, ThreadPoolExecutor(self.table.concurrency) as pool:
            waiting = [pool.submit(self._ask, key, trial) for key, trial in missing.items()]
            try:
                for future in as_completed(waiting):
                    with suppress(StoppedError):  # another one says why
                        future.result()
                        advance(1)
            except BaseException:
                self._endpoint.stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self.calls += len(missing)

    def missing(self, trials: Iterable[Trial]) -> dict[str, Trial]:
        """The trials to ask about, each screen once: key → trial. Others have been asked about before."""
        found = {}
        for trial in trials:
            key = self.key(trial)
            if key not in self._replies and key not in found:
                if reply := self._kept(key):
                    self._replies[key] = reply
                else:
                    found[key] = trial
        return found

    @property
    def told(self) -> str:
        """The model, and what came of asking it, for the summary and the report."""
        named = sorted({reply.model for reply in self._replies.values()} - {"", self.table.model})
        tokens_in, tokens_out = (
            sum(getattr(reply, name) for reply in self._replies.values()) for name in ("tokens_in", "tokens_out")
        )
        replied = f" ({', '.join(named)})" if named else ""
        said = [
            f"{self.table.model}{replied} at {urlsplit(self.table.url).netloc}",
            self._lost(),
            f"{len(self._replies):,} screens, {self.calls:,} asked about in this run",
            f"{tokens_in:,} tokens read and {tokens_out:,} written",
        ]
        if (cost := self._cost(tokens_in, tokens_out)) is not None:
            said.append(f"cost {cost:.2f}")
        return "; ".join(said)

    def _lost(self) -> str:
        """How many trials have no answer, why, and of which conditions: answers that are missing may bias a score."""
        lost = [(condition, outcome) for condition, outcome in self._outcomes.values() if outcome != "answered"]
        said = f"{len(lost):,} of {len(self._outcomes):,} trials without an answer"
        if not lost:
            return said
        kinds, conditions = (sorted(Counter(values).items()) for values in zip(*((b, a) for a, b in lost), strict=True))
        of = ", ".join(f"{condition} {count:,}" for condition, count in conditions)
        return f"{said} ({', '.join(f'{count:,} {kind}' for kind, count in kinds)}; {of})"

    def key(self, trial: Trial) -> str:
        """What the model sees in a trial, as a hash: the pictures and their places, the words, model and settings."""
        left, right = screen.references_by_pole(trial)
        places = [left, right, [trial.queries[Side.TOP]], [trial.queries[Side.BOTTOM]]]
        prints = [[self._print(path) for path in paths] for paths in places]
        shown = {key: self.texts[key] for key in screen.texts_of(trial)}
        asked = (self.table.model, self.table.settings, words(trial, self.texts))
        return store.digest(VERSION, screen.VERSION, prints, shown, *asked)

    def _ask(self, key: str, trial: Trial) -> None:
        asked = words(trial, self.texts)
        reply = self._endpoint.ask(asked, screen.draw(trial, self._picture, self.texts))
        store.write_json(self._file(key), {
            "trial": trial.trial_id, "url": self.address, "model": self.table.model, "settings": self.table.settings,
            "words": asked, "reply": reply.as_json(),
        })  # fmt: skip
        self._replies[key] = reply

    def _kept(self, key: str) -> Reply | None:
        """The reply in the file of a key; None, so that it is asked again, if it is of another server or broken."""
        try:
            held = store.read_json(self._file(key))
            # files of earlier versions do not say the address
            return Reply(**held["reply"]) if held.get("url", self.address) == self.address else None
        except (store.StoreError, LookupError, TypeError, AttributeError):
            return None

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _picture(self, path: str) -> np.ndarray:
        return store.read_png(self.study.folder / path)

    def _print(self, path: str) -> str:
        if path not in self._prints:
            self._prints[path] = store.picture_hash(self.study.folder / path)
        return self._prints[path]

    def _cost(self, tokens_in: int, tokens_out: int) -> float | None:
        prices = (self.table.price_in, self.table.price_out)
        if None in prices:
            return None
        return sum(count * (price or 0) / 1e6 for count, price in zip((tokens_in, tokens_out), prices, strict=True))

    @cached_property
    def _endpoint(self) -> Endpoint:
        return self._given or Endpoint(self.table)


def planned_calls(study: Study, *, force: bool = False) -> dict[str, str]:
    """How many calls each vision–language model of [observers] run would be asked for, in words; none is made.

    force: as if there were no replies yet. Raises ObserverError if the study has no design, StoreError naming a picture
    that is missing.
    """
    section = study.config.observers
    return {name: _planned(study, name, force) for name in section.run if name in section.asked}


def _planned(study: Study, name: str, force: bool) -> str:
    if study.made("design") is None:
        raise ObserverError(f"{study.folder} has no design yet; run: {command('design', study.folder)}")
    made = design.load(study)
    observer = VisionLanguageModel(name, study.config.observers.asked[name], study)
    screens = len({observer.key(trial) for trial in made.trials})
    calls = screens if force else len(observer.missing(made.trials))
    repeated = sum(block.repeats for session in made.sessions for block in session.blocks)
    more = f", and up to {repeated:,} for repeated trials whose queries change sides" if repeated else ""
    return (
        f"{len(made.trials):,} trials with {screens:,} different screens; {screens - calls:,} are answered already: "
        f"{calls:,} calls of {observer.table.model}{more}"
    )


def words_of(study: Study) -> Mapping[str, str]:
    """The texts of the study in its first language."""
    language = study.config.server.languages[0]
    return texts.load(study.folder, [language])[language]


def words(trial: Trial, of: Mapping[str, str]) -> str:
    """What the model is told about a trial: the instructions that people read, and how to reply."""
    kind = trial.condition if f"condition.{trial.condition}.lead" in of else "other"
    parts = [
        of["instructions.task.text"], of["instructions.answer.text"],
        of[f"condition.{kind}.lead"].replace("{method}", trial.condition),
    ]  # fmt: skip
    left, right = screen.references_by_pole(trial)
    if trial.condition != NONE:
        place = "both" if left and right else "only_right" if right else "only_left"
        count = max(len(left), len(right))
        parts.append(of[f"block.{place}{'_one' if count == 1 else ''}"].replace("{number}", str(count)))
    return "\n\n".join([*parts, ASK])


OBJECT = re.compile(r"\{[^{}]*\}")


def parsed(text: str) -> tuple[Side, int] | None:
    """Side and confidence of a reply: of the JSON objects in it that are answers, which must all be the same.

    None if there is no such object, or there are different ones. Nothing is inferred from other words.

    >>> parsed('The cup is at the right too. {"image": "upper", "confidence": 3}')
    (<Side.TOP: 'top'>, 3)
    >>> parsed("The upper image, I think.")
    """
    found = {answer for part in OBJECT.findall(text) if (answer := _answer(part))}
    return found.pop() if len(found) == 1 else None


def _answer(text: str) -> tuple[Side, int] | None:
    try:
        given: Any = json.loads(text)
    except ValueError:
        return None
    side = SIDES.get(str(given.get("image")).strip().lower())
    confidence = str(given.get("confidence")).strip()
    return (side, int(confidence)) if side and confidence in ("1", "2", "3") else None
