"""What is shown before the first block: worked examples for the instructions, and units to rate for intuitiveness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from exemplum.design.order import generator, shuffled
from exemplum.records import Design, Session, Trial, TrialKind

NATURAL = "natural"
MOST = 9  # pictures a method in one item
DRAW = 2  # spawn key: independent of the draws that made the design


@dataclass(frozen=True)
class Item:
    """One unit's pictures by two methods; a slider says how intuitive the first is, against the second."""

    unit: str
    pictures: tuple[tuple[str, tuple[str, ...]], ...]  # (method, paths), the natural one last


@dataclass(frozen=True)
class Rehearsal:
    candidates: tuple[Trial, ...]  # practice trials of all places, for worked examples
    items: tuple[Item, ...]

    @property
    def paths(self) -> set[str]:
        """Images that the items need beside those of the trials."""
        return {path for item in self.items for _, paths in item.pictures for path in paths}

    def examples(self, session: Session) -> list[Trial]:
        """One worked example a condition with references, none of them a trial of this session if that can be had."""
        return list(self._examples(session))

    def _examples(self, session: Session) -> Iterator[Trial]:
        queries = {path for trial in session.trials for path in (trial.query_max, trial.query_min)}
        seen: set[str] = set()
        for own in session.trials:
            if own.condition in seen or not tuple(own.references):
                continue
            seen.add(own.condition)
            alike = [t for t in self.candidates if (t.condition, t.scheme) == (own.condition, own.scheme)]
            if alike:
                yield min(alike, key=lambda t: (len({t.query_max, t.query_min} & queries), t.trial_id))


def rehearsal(design: Design, units: int) -> Rehearsal:
    """Candidates for examples, and `units` units to rate for each method against natural images."""
    candidates: dict[tuple[str, ...], Trial] = {}
    for trial in design.trials:
        if trial.kind is TrialKind.PRACTICE and tuple(trial.references):
            candidates.setdefault((trial.condition, trial.scheme, trial.query_max, trial.query_min), trial)
    return Rehearsal(tuple(candidates.values()), tuple(_items(design, units)))


def _items(design: Design, units: int) -> Iterator[Item]:
    """Practice units alone: rating a unit of the main trials would teach it."""
    shown: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for trial in design.trials:
        if trial.unit.role == "practice" and trial.references.max:
            known = shown[str(trial.unit.unit)].get(trial.condition, ())
            if len(trial.references.max) > len(known):
                shown[str(trial.unit.unit)][trial.condition] = trial.references.max[:MOST]
    methods = sorted({method for of_unit in shown.values() for method in of_unit})
    if NATURAL not in methods:
        return
    for method in (m for m in methods if m != NATURAL):
        both = sorted(unit for unit, of_unit in shown.items() if method in of_unit and NATURAL in of_unit)
        for unit in shuffled(both, generator(design.seed, 0, DRAW))[:units]:
            yield Item(unit, ((method, shown[unit][method]), (NATURAL, shown[unit][NATURAL])))
