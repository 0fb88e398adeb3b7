"""Trials: the images of a trial whose unit, condition and batch are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exemplum.design.stimuli import Pictures, Queries, drawn
from exemplum.protocols import Scheme
from exemplum.records import NONE, Pole, ReferenceSet, Side, StudyUnit, Trial, TrialKind


@dataclass(frozen=True)
class TrialDraft:
    """A trial before its images are chosen."""

    kind: TrialKind
    unit: StudyUnit
    condition: str
    scheme: Scheme  # for the condition none it only determines the queries
    difficulty: str  # of the queries; for catch trials of those that stand in for missing references
    batch: int


@dataclass(frozen=True)
class Position:
    """Where in the sessions a trial is."""

    participant: int
    block: int
    place: int  # in the block, from 0
    index: int  # in the session, from 0
    phase: str

    @property
    def trial_id(self) -> str:
        return f"p{self.participant:02d}-b{self.block:02d}-t{self.place:02d}"


def trial(draft: TrialDraft, at: Position, max_side: Side, pictures: Pictures, rng: np.random.Generator) -> Trial:
    """The trial with its images. Raises DesignError if its method or its queries lack pictures."""
    without = draft.condition == NONE
    references = ReferenceSet()
    if not without:
        references = pictures.references(draft.condition, draft.unit.unit, draft.scheme, draft.batch)
    if draft.kind is TrialKind.CATCH:
        queries = _shown_queries(draft, references, pictures, rng)
    else:
        queries = pictures.queries(draft.unit.unit, draft.scheme.references, draft.batch, draft.difficulty)
    return Trial(
        trial_id=at.trial_id,
        participant=at.participant,
        block=at.block,
        index=at.index,
        kind=draft.kind,
        condition=draft.condition,
        phase=at.phase,
        scheme="" if without else draft.scheme.name,
        unit=draft.unit,
        batch=draft.batch,
        references=references,
        query_max=queries.max,
        query_min=queries.min,
        max_side=max_side,
        difficulty="" if draft.kind is TrialKind.CATCH else draft.difficulty,
        margin=queries.margin,
    )


def _shown_queries(
    draft: TrialDraft, references: ReferenceSet, pictures: Pictures, rng: np.random.Generator
) -> Queries:
    """The queries of a catch trial: shown references. For a pole that is not shown, one of its references (as in
    Experiment II); if the method has no pictures of the pole, the query of a main trial."""
    queries = {}
    for pole, shown in ((Pole.MAX, references.max), (Pole.MIN, references.min)):
        k = draft.scheme.references
        images = shown or pictures.explanations(draft.condition, draft.unit.unit, pole, k, draft.batch)
        if images:
            queries[pole] = drawn(images, rng)
        else:
            queries[pole] = pictures.queries(draft.unit.unit, k, draft.batch, draft.difficulty).of(pole)
    return Queries(queries[Pole.MAX], queries[Pole.MIN], None)
