"""The same photograph where it gives an answer away: query among references, both poles, both queries."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from exemplum import store
from exemplum.checks.finding import ANY, Finding, Verdict
from exemplum.checks.shown import Stimulus
from exemplum.design import RESEMBLES, Fault, StimulusIdentity, compare, faults_of_any_batch
from exemplum.images import copies, identical, thumbnail
from exemplum.records import Design
from exemplum.runtime import track

BY_CHANCE = 0.02  # of a method's pictures may resemble a query by chance, as the design stage allows
OF_QUERIES = 0.07  # of its pictures resemble a query if a method shows queries, however much it changes them
MOST_TOLD = 20  # findings of single units per check; the finding about the whole study counts all
MOVE = "take the picture out of the references, or the query out of the trials, and make the design again"


def queries_among_references(
    design: Design, stimuli: pd.DataFrame, queries: pd.DataFrame, folder: Path, *, of_corpus: Collection[str],
    any_batch: bool,
) -> Iterator[Finding]:  # fmt: skip
    """Compare the references of every trial but catch trials with its queries: by file, id, group and content.

    Arguments are those of `exemplum.design.compare`; here ids are not believed. One finding per method, and one for
    each unit that has a copy.
    """
    faults: dict[str, list[Fault]] = defaultdict(list)
    made: Counter[str] = Counter()
    for compared in compare(design, stimuli, queries, folder, of_corpus=of_corpus, believed=False):
        made[compared.method] += compared.references
        faults[compared.method] += compared.faults
    if any_batch:
        for fault in faults_of_any_batch(design, stimuli, queries):
            faults[fault.method].append(fault)
    for method, number in made.items():
        yield from _of_method(method, number, faults[method], method in of_corpus)


def _of_method(method: str, number: int, faults: Sequence[Fault], is_of_corpus: bool) -> Iterator[Finding]:
    pictures = {fault.reference: fault for fault in reversed(faults)}
    doubtful = {path: fault for path, fault in pictures.items() if _is_doubtful(fault, is_of_corpus)}
    sure = {path: fault for path, fault in pictures.items() if path not in doubtful}
    vague = not any(fault.is_sure for fault in doubtful.values())
    as_chance = not sure and vague and len(doubtful) <= max(1, BY_CHANCE * number)
    if as_chance:
        verdict = Verdict.FINE
    else:
        many = not is_of_corpus and len(doubtful) >= OF_QUERIES * number
        verdict = Verdict.WRONG if sure or many else Verdict.LOOK
    shows = "shows or resembles a query beside it" if len(pictures) == 1 else "show or resemble a query beside them"
    told = f"{len(pictures)} of {number:,} references of {method} {shows}"
    doubts = [replace(fault, how=RESEMBLES) for fault in doubtful.values()]
    if as_chance and doubts:
        told += f", as chance allows; the first: {doubts[0]}"
    yield Finding(
        "copies", "content", verdict, len(pictures) / number, 0.0, 0.0, BY_CHANCE, number, "references", told,
        _advice(verdict, is_of_corpus), condition=method,
    )  # fmt: skip
    if verdict is Verdict.FINE:
        return
    by_unit: dict[str, list[Fault]] = defaultdict(list)
    for fault in (*sure.values(), *doubts):
        by_unit[fault.unit].append(fault)
    for unit, of_unit in itertools.islice(by_unit.items(), MOST_TOLD):
        own = Verdict.WRONG if of_unit[0].reference in sure else Verdict.LOOK
        yield Finding(
            "copies", "content", own, len(of_unit), 0.0, 0.0, 0.0, len(of_unit), "references", of_unit[0].told,
            _advice(own, is_of_corpus), condition=method, scope=unit,
        )  # fmt: skip


def _is_doubtful(fault: Fault, is_of_corpus: bool) -> bool:
    """Whether it only resembles the query: of two images of the corpus, neither was made from the other."""
    return not fault.is_sure or (is_of_corpus and fault.how.startswith("was made from"))


def _advice(verdict: Verdict, is_of_corpus: bool) -> str:
    if verdict is not Verdict.LOOK:
        return MOVE if verdict is Verdict.WRONG else ""
    remedy = "take one of them out of the images" if is_of_corpus else "make the reference from another image"
    return f"open both: if they show one scene or object, {remedy} and run again; if they merely look alike, leave them"


@dataclass(frozen=True)
class Pair:
    """Two pictures that show one photograph."""

    one: str
    how: str
    other: str
    is_sure: bool = True

    def __str__(self) -> str:
        return f"{self.one} {self.how} {self.other}"


class SamePictures:
    """Finds pictures that show one photograph: by file, id, group, thumbnail and, for references, content."""

    def __init__(self, folder: Path, known: Mapping[str, StimulusIdentity]) -> None:
        self.folder, self.known = folder, known
        self._thumbnails: dict[str, np.ndarray] = {}
        self._looks: dict[str, copies.Look] = {}

    def pair(self, some: Sequence[str], others: Sequence[str], *, by_content: bool = False) -> Pair | None:
        """The first picture of `some` that shows what one of `others` shows; None if there is none."""
        for one, other in itertools.product(some, others):
            if how := self._by_name(one, other):
                return Pair(one, how, other)
        thumbnails = [[self._thumbnail(path) for path in paths] for paths in (some, others)]
        if (same := identical(*thumbnails)).any():
            place, column = np.argwhere(same)[0]
            return Pair(some[place], "looks the same as", others[column])
        if by_content and not all(self.known[path].image for path in (*some, *others)):
            alike = copies.likenesses([self._look(path) for path in some], [self._look(path) for path in others])
            place, column = map(int, np.unravel_index(alike.argmax(), alike.shape))
            if alike[place, column] >= copies.COPY:
                return Pair(some[place], RESEMBLES, others[column], is_sure=False)
        return None

    def _by_name(self, one: str, other: str) -> str:
        return "is" if one == other else self.known[one].shared(self.known[other])

    def _thumbnail(self, path: str) -> np.ndarray:
        if path not in self._thumbnails:
            self._thumbnails[path] = thumbnail(store.read_png(self.folder / path))
        return self._thumbnails[path]

    def _look(self, path: str) -> copies.Look:
        if path not in self._looks:
            self._looks[path] = copies.look(copies.squares(store.read_png(self.folder / path))[0])
        return self._looks[path]


def both_poles(
    stimuli: Iterable[Stimulus],
    known: Mapping[str, StimulusIdentity],
    folder: Path,
    copies_of_one: Collection[tuple[str, str]],
) -> Iterator[Finding]:
    """The same photograph among the references of both poles, and as both queries.

    `copies_of_one` are pairs of queries that were made from one image on purpose, as occlusions are.
    """
    by_unit: dict[str, list[Stimulus]] = defaultdict(list)
    for stimulus in stimuli:
        by_unit[stimulus.unit].append(stimulus)
    references = _Tally("same_poles", "sets of references", "have one photograph at both poles", LEAVE_OUT)
    queries = _Tally("same_queries", "pairs of queries", "show one photograph twice", CHOOSE_ANOTHER)
    with track("the same photograph at both poles", len(by_unit), "units") as advance:
        for unit, shown in by_unit.items():
            same = SamePictures(folder, known)
            for method, sets in dict.fromkeys((stimulus.condition, stimulus.references) for stimulus in shown):
                if sets.max and sets.min:
                    references.add(method, unit, same.pair(sets.max, sets.min, by_content=True))
            for difficulty, most, least in dict.fromkeys((s.difficulty, s.query_max, s.query_min) for s in shown):
                made_of_one = (most, least) in copies_of_one
                queries.add(difficulty, unit, None if made_of_one else same.pair((most,), (least,)))
            advance(1)
    yield from references.findings("condition")
    yield from queries.findings("difficulty")


LEAVE_OUT = "leave the picture out at one pole: what stands at both says nothing of the unit"
CHOOSE_ANOTHER = (
    "choose another query: between two pictures of one photograph there is no right answer that people could see"
)


@dataclass(frozen=True)
class _Tally:
    """Counts what was compared and what was found, by method or difficulty."""

    check: str
    counted: str
    fault: str
    advice: str
    made: Counter[str] = field(default_factory=Counter)
    found: dict[tuple[str, str], list[Pair]] = field(default_factory=lambda: defaultdict(list))  # name and unit →

    def add(self, name: str, unit: str, pair: Pair | None) -> None:
        self.made[name] += 1
        if pair:
            self.found[name, unit].append(pair)

    def findings(self, column: str) -> Iterator[Finding]:
        """One for each name, and one for each unit with a fault; `column` is where the name belongs."""
        for name, number in self.made.items():
            where = (name, ANY) if column == "condition" else (ANY, name)
            own = {unit: pairs for (of, unit), pairs in self.found.items() if of == name}
            pairs = [pair for found in own.values() for pair in found]
            told = f"{len(pairs)} of {number:,} {self.counted} {self.fault}"
            yield self._finding(pairs, number, told, where)
            for unit, found in itertools.islice(own.items(), MOST_TOLD):
                yield self._finding(found, len(found), str(found[0]), where, unit)

    def _finding(
        self, pairs: Sequence[Pair], number: int, told: str, where: tuple[str, str], unit: str = ANY
    ) -> Finding:
        sure = any(pair.is_sure for pair in pairs)
        verdict = Verdict.WRONG if sure else Verdict.LOOK if pairs else Verdict.FINE
        return Finding(
            self.check, "content", verdict, len(pairs) / number, 0.0, 0.0, 0.0, number, self.counted, told,
            self.advice if pairs else "", condition=where[0], difficulty=where[1], scope=unit,
        )  # fmt: skip
