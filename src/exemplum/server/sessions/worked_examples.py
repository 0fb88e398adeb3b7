"""Worked examples: the practice trials that explain the task in the instructions, of each condition an easy one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exemplum.observers import SIMILARITY
from exemplum.records import Session, Trial, TrialKind
from exemplum.study import Study
from exemplum.tables import EVIDENCE

NULL = "random"  # an explanation method whose pictures have nothing in common that could be taught
# of a session whose conditions change from trial to trial: with many methods one each would take longer than a block
INTERLEAVED = 2
CLEAR = 0.25  # of the easiest trial's ease: from here on a trial that the session does not show is preferred


@dataclass(frozen=True)
class WorkedExamples:
    """Candidates for worked examples, and how easy they are, by trial id; those without an ease count as 0.

    Ease is the similarity observer's evidence for the correct query, or, where it has not answered, the margin of the
    queries.
    """

    candidates: tuple[Trial, ...] = ()
    ease: Mapping[str, float] = field(default_factory=dict)
    is_evidence: bool = False

    def of(self, session: Session) -> list[Trial]:
        """The easiest for each condition with references, in the order in which the session has them.

        One that the session does not show is preferred if it is clearly easy too, and of these one with another correct
        query than the examples before it. Where conditions change from trial to trial there are two examples in all, of
        the conditions whose examples are the easiest.
        """
        shown = {path for trial in session.trials for path in (trial.query_max, trial.query_min)}
        groups: dict[str, list[Trial]] = {}  # by condition, of the scheme that comes first
        for own in session.trials:
            if tuple(own.references) and own.condition not in groups:
                same = (own.condition, own.scheme)
                groups[own.condition] = [t for t in self.candidates if (t.condition, t.scheme) == same]
        chosen: list[Trial] = []
        for group in filter(None, groups.values()):
            chosen.append(self._easiest(group, shown, {trial.query_max for trial in chosen}))
        if any(not block.condition for block in session.blocks):
            return sorted(chosen, key=lambda trial: (-self._ease(trial), trial.trial_id))[:INTERLEAVED]
        return chosen

    def is_alike(self, trial: Trial) -> bool:
        """Whether the observer found the correct query more like its references than the other query is."""
        return self.is_evidence and self._ease(trial) > 0

    def as_json(self) -> dict[str, Any]:
        return {"ease": dict(self.ease), "is_evidence": self.is_evidence}

    def _ease(self, trial: Trial) -> float:
        return self.ease.get(trial.trial_id, 0.0)

    def _easiest(self, trials: Sequence[Trial], shown: set[str], used: set[str]) -> Trial:
        least = CLEAR * max(map(self._ease, trials))
        seen = {t.trial_id: len({t.query_max, t.query_min} & shown) for t in trials}
        new = [trial for trial in trials if not seen[trial.trial_id] and self._ease(trial) >= least]
        new = [trial for trial in new if trial.query_max not in used] or new
        return min(new or trials, key=lambda trial: (-self._ease(trial), seen[trial.trial_id], trial.trial_id))


def worked_examples(study: Study, trials: Iterable[Trial], frozen: Mapping[str, Any] | None = None) -> WorkedExamples:
    """The candidates among these trials of a study: practice trials with references, each pair of queries once per
    condition, without those of a null.

    Reads `responses/evidence.parquet`, if there is one, unless the ease is `frozen`, as `as_json` gave it.
    """
    nulls = {use.name for use in study.config.explanations.uses if use.method == NULL}
    found: dict[tuple[str, ...], Trial] = {}
    for trial in trials:
        if trial.kind is TrialKind.PRACTICE and tuple(trial.references) and trial.condition not in nulls:
            found.setdefault((trial.condition, trial.scheme, trial.query_max, trial.query_min), trial)
    candidates = tuple(found.values())
    if frozen is not None:
        return WorkedExamples(candidates, **frozen)
    if evidence := _evidence(study, candidates):
        return WorkedExamples(candidates, evidence, is_evidence=True)
    return WorkedExamples(candidates, {t.trial_id: t.margin for t in candidates if t.margin is not None})


def _evidence(study: Study, trials: Iterable[Trial]) -> dict[str, float]:
    path = study.folder / EVIDENCE.files[0]
    if not path.exists():
        return {}
    given = EVIDENCE.read(path)
    given = given[given["observer"] == SIMILARITY]
    of = dict(zip(given["trial_id"], given["evidence"].astype(float), strict=True))
    return {trial.trial_id: of[trial.trial_id] for trial in trials if trial.trial_id in of}
