"""One trial: its images, side and name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exemplum.design.pictures import Pictures, drawn
from exemplum.design.plan import NONE
from exemplum.protocols import Scheme
from exemplum.records import Pole, ReferenceSet, Side, StudyUnit, Trial, TrialKind


@dataclass(frozen=True)
class Showing:
    """What the trials of a block have in common."""

    participant: int
    block: int
    condition: str
    phase: str
    scheme: Scheme  # for the condition none it says only which queries are shown

    @property
    def scheme_name(self) -> str:
        return "" if self.condition == NONE else self.scheme.name


def trial(
    showing: Showing,
    place: int,
    index: int,
    kind: TrialKind,
    unit: StudyUnit,
    max_side: Side,
    batch: int,
    pictures: Pictures,
    rng: np.random.Generator,
) -> Trial:
    """The trial at `place` of its block and at `index` of its session, both from 0."""
    references = ReferenceSet()
    if showing.condition != NONE:
        references = pictures.references(showing.condition, unit.unit, showing.scheme, batch)
    if kind is TrialKind.CATCH:
        queries = _shown_queries(showing, unit, references, batch, pictures, rng)
    else:
        queries = pictures.queries(unit.unit, showing.scheme.references, batch)
    return Trial(
        trial_id=trial_id(showing.participant, showing.block, place),
        participant=showing.participant,
        block=showing.block,
        index=index,
        kind=kind,
        condition=showing.condition,
        phase=showing.phase,
        scheme=showing.scheme_name,
        unit=unit,
        batch=batch,
        references=references,
        query_max=queries[Pole.MAX],
        query_min=queries[Pole.MIN],
        max_side=max_side,
    )


def trial_id(participant: int, block: int, place: int) -> str:
    return f"p{participant:02d}-b{block:02d}-t{place:02d}"


def _shown_queries(
    showing: Showing,
    unit: StudyUnit,
    references: ReferenceSet,
    batch: int,
    pictures: Pictures,
    rng: np.random.Generator,
) -> dict[Pole, str]:
    """A catch trial asks for shown references. Where a pole is not shown its query is drawn from the references
    that would be (so it was in Experiment II); a method without pictures of a pole leaves the natural query."""
    queries = {}
    for pole, shown in ((Pole.MAX, references.max), (Pole.MIN, references.min)):
        k = showing.scheme.references
        images = shown or pictures.explanations(showing.condition, unit.unit, pole, k, batch)
        queries[pole] = drawn(images, rng) if images else pictures.queries(unit.unit, k, batch)[pole]
    return queries
