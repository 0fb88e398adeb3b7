"""Make every participant's session: blocks, trials and repeated trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exemplum.design import invariants
from exemplum.design.counterbalancing import SIDES, Deck, coin, generator, shuffled, split
from exemplum.design.plan import Plan, plan
from exemplum.design.stimuli import DesignError, Pictures, Queries, drawn
from exemplum.protocols import Scheme, protocol as protocol_named
from exemplum.queries import split_queries
from exemplum.records import (
    NONE,
    Block,
    Design,
    Pole,
    ReferenceSet,
    Response,
    Session,
    Side,
    StudyUnit,
    Trial,
    TrialKind,
)

MAIN, CATCH, PRACTICE, REPEATED = TrialKind.MAIN, TrialKind.CATCH, TrialKind.PRACTICE, TrialKind.REPEATED


def make(
    protocol: str,
    units: pd.DataFrame,
    stimuli: pd.DataFrame,
    participants: int | None = None,
    seed: int = 0,
    *,
    queries: pd.DataFrame | None = None,
    baseline: str = "natural",
    methods: Sequence[str] | None = None,
    practice: int | None = None,
    blocks: int | None = None,
    catch: int | None = None,
    repeated: int | None = None,
) -> Design:
    """Make every session of a study; the same arguments give the same design.

    `units` is a STUDY_UNITS table, `stimuli` a STIMULI table, `queries` a QUERIES table; without it the queries are
    among the natural stimuli (`split_queries`). The order of conditions begins with `baseline`. `methods` are the
    conditions with references (all methods of the stimuli if not given). `practice` trials per condition, main
    `blocks` per condition, `catch` trials per main block and `repeated` trials per condition are the protocol's if not
    given. A participant's session does not depend on the number of participants. Raises DesignError if these units and
    stimuli do not suffice for the protocol.
    """
    references, pairs = split_queries(stimuli) if queries is None else (stimuli, queries)
    pictures = Pictures(references, pairs, baseline)
    sizes = {"practice": practice, "blocks": blocks, "catch": catch, "repeated": repeated}
    planned = plan(protocol_named(protocol), units, pictures, participants, methods, **sizes)
    sessions = tuple(session(planned, pictures, number, seed) for number in range(1, planned.participants + 1))
    design = Design(protocol, seed, sessions, planned.notes)
    invariants.check_plan(design, planned, pictures)
    return design


def session(plan: Plan, pictures: Pictures, participant: int, seed: int) -> Session:
    """One participant's schedule."""
    rng = generator(seed, participant)
    sides = generator(seed, participant, SIDES)
    blocks: list[Block] = []
    for draft in _drafts(plan, participant, rng):
        began = sum(len(block.trials) for block in blocks)
        blocks.append(_block(draft, plan, pictures, participant, len(blocks), began, sides, rng))
    return Session(participant, tuple(blocks))


@dataclass(frozen=True)
class _Draft:
    """A block before its images, sides and order are chosen."""

    kind: TrialKind
    condition: str
    phase: str
    scheme: int  # place in the plan's schemes
    units: Sequence[StudyUnit] = ()
    catch: Sequence[StudyUnit] = ()
    repeats: int = 0


def _drafts(plan: Plan, participant: int, rng: np.random.Generator) -> list[_Draft]:
    practice = _Practice(plan, participant, rng)
    before, after = _without_references(plan, participant, rng)
    drafts = []
    if before and plan.practice:
        drafts.append(_Draft(PRACTICE, NONE, "practice", 0, practice.units(NONE)))
    drafts += [_Draft(MAIN, NONE, "pre", 0, units) for units in before]
    for scheme in plan.scheme_order(participant):
        methods = plan.method_order(participant)
        if plan.practice:
            drafts += [_Draft(PRACTICE, method, "practice", scheme, practice.units(method)) for method in methods]
        drafts += _in_turn(plan, scheme, methods, participant, practice, rng)
    drafts += [_Draft(MAIN, NONE, "post", 0, units) for units in after]
    return drafts + _repeated(plan, rng)


def _without_references(
    plan: Plan, participant: int, rng: np.random.Generator
) -> tuple[list[list[StudyUnit]], list[list[StudyUnit]]]:
    """Every unit once, half of them before and half after the blocks with references."""
    if not plan.none_blocks:
        return [], []
    # in the paper's data the one longer block is the 1st, 2nd, 3rd, 4th by the participant's number
    units = shuffled(plan.units(0, participant), rng)
    parts = split(units, 2 * plan.none_blocks, longer=participant - 1)
    return parts[: plan.none_blocks], parts[plan.none_blocks :]


def _in_turn(
    plan: Plan, scheme: int, methods: list[str], participant: int, practice: _Practice, rng: np.random.Generator
) -> list[_Draft]:
    """Main blocks of the conditions with references, alternating; every unit once per condition."""
    units = plan.units(scheme, participant)
    parts = {method: split(shuffled(units, rng), plan.blocks) for method in methods}
    catch = {method: practice.catch(rng) for method in methods}
    return [
        _Draft(MAIN, method, "main", scheme, parts[method][block], catch[method].hand(plan.catch))
        for block in range(plan.blocks)
        for method in methods
    ]


def _repeated(plan: Plan, rng: np.random.Generator) -> list[_Draft]:
    if not plan.repeated:
        return []
    order = shuffled(plan.conditions, rng)
    return [_Draft(REPEATED, condition, "repeated", 0, repeats=plan.repeated) for condition in order]


class _Practice:
    """The practice units of a participant, for practice and for catch trials."""

    def __init__(self, plan: Plan, participant: int, rng: np.random.Generator) -> None:
        self.plan = plan
        easy = plan.practice_units
        if plan.protocol.pools:
            names = plan.protocol.practice_sets
            pools = [easy.get(names[place % len(names)], easy[""]) for place in range(len(plan.conditions))]
        else:
            cut = split(easy[""], len(plan.conditions))
            pools = [tuple(cut[(place + participant - 1) % len(cut)]) or easy[""] for place in range(len(cut))]
        self.decks = {condition: Deck(pool, rng) for condition, pool in zip(plan.conditions, pools, strict=True)}

    def units(self, condition: str) -> list[StudyUnit]:
        return self.decks[condition].hand(self.plan.practice)

    def catch(self, rng: np.random.Generator) -> Deck[StudyUnit]:
        easy = self.plan.practice_units
        own = [unit for name in self.plan.protocol.catch_sets for unit in easy.get(name, ())]
        return Deck(own or easy[""], rng)


def _block(
    draft: _Draft,
    plan: Plan,
    pictures: Pictures,
    participant: int,
    number: int,
    began: int,
    sides: np.random.Generator,
    rng: np.random.Generator,
) -> Block:
    scheme = plan.schemes[draft.scheme]
    shown = [(draft.kind, unit) for unit in draft.units] + [(CATCH, unit) for unit in draft.catch]
    settings = BlockSettings(participant, number, draft.condition, draft.phase, scheme, plan.difficulties[0])
    trials = tuple(
        trial(settings, place, began + place, kind, unit, coin(sides),
              _batch(plan, pictures, draft, participant, kind, unit), pictures, rng)
        for place, (kind, unit) in enumerate(shuffled(shown, rng))
    )  # fmt: skip
    mixed = draft.kind is REPEATED and len(plan.schemes) > 1
    name = "" if draft.condition == NONE or mixed else scheme.name
    return Block(participant, number, draft.kind, draft.condition, draft.phase, name, trials, draft.repeats)


def _batch(plan: Plan, pictures: Pictures, draft: _Draft, participant: int, kind: TrialKind, unit: StudyUnit) -> int:
    """Practice and catch trials show the first batch of their unit, as in the paper."""
    if kind is MAIN:
        return plan.batch(draft.condition, participant)
    return pictures.batches([unit.unit], plan.schemes[draft.scheme].references)[0]


@dataclass(frozen=True)
class BlockSettings:
    """The values that all trials of a block share."""

    participant: int
    block: int
    condition: str
    phase: str
    scheme: Scheme  # for the condition none it only determines the queries
    difficulty: str  # of the queries

    @property
    def scheme_name(self) -> str:
        return "" if self.condition == NONE else self.scheme.name


def trial(
    settings: BlockSettings,
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
    if settings.condition != NONE:
        references = pictures.references(settings.condition, unit.unit, settings.scheme, batch)
    if kind is TrialKind.CATCH:
        difficulty, queries = "", _shown_queries(settings, unit, references, batch, pictures, rng)
    else:
        difficulty = settings.difficulty
        queries = pictures.queries(unit.unit, settings.scheme.references, batch, difficulty)
    return Trial(
        trial_id=trial_id(settings.participant, settings.block, place),
        participant=settings.participant,
        block=settings.block,
        index=index,
        kind=kind,
        condition=settings.condition,
        phase=settings.phase,
        scheme=settings.scheme_name,
        unit=unit,
        batch=batch,
        references=references,
        query_max=queries.max,
        query_min=queries.min,
        max_side=max_side,
        difficulty=difficulty,
        margin=queries.margin,
    )


def trial_id(participant: int, block: int, place: int) -> str:
    return f"p{participant:02d}-b{block:02d}-t{place:02d}"


def _shown_queries(
    settings: BlockSettings,
    unit: StudyUnit,
    references: ReferenceSet,
    batch: int,
    pictures: Pictures,
    rng: np.random.Generator,
) -> Queries:
    """The queries of a catch trial: shown references. For a pole that is not shown, one of its references (as in
    Experiment II); if the method has no pictures of the pole, the query of a main trial."""
    queries = {}
    for pole, shown in ((Pole.MAX, references.max), (Pole.MIN, references.min)):
        k = settings.scheme.references
        images = shown or pictures.explanations(settings.condition, unit.unit, pole, k, batch)
        main = pictures.queries(unit.unit, k, batch, settings.difficulty)
        queries[pole] = drawn(images, rng) if images else main.of(pole)
    return Queries(queries[Pole.MAX], queries[Pole.MIN], None)


REPEATS = 1  # spawn key: independent of the draws that made the session


def repeated_trials(session: Session, responses: Iterable[Response], seed: int) -> list[Trial]:
    """The trials of the session's repeated blocks, in order, chosen from the answers to its main trials.

    Of every condition half of the trials are those answered with least confidence and half with most (one more of the
    least if the number is odd); ties are broken at random. Trials before and after the blocks with references together
    are the condition none. Which query is on top is drawn again, by a fair coin toss. `seed` is the design's.
    Raises DesignError if a main trial of a repeated condition has no answer.
    """
    confidence = {response.trial_id: response.confidence for response in responses}
    rng = generator(seed, session.participant, REPEATS)
    trials: list[Trial] = []
    for block in session.blocks:
        if block.kind is TrialKind.REPEATED:
            chosen = _chosen(session, block, confidence, rng)
            trials += _shown_again(block, chosen, len(session.trials) + len(trials), rng)
    return trials


def _chosen(session: Session, block: Block, confidence: dict[str, int], rng: np.random.Generator) -> list[Trial]:
    mains = [t for t in session.trials if t.kind is TrialKind.MAIN and t.condition == block.condition]
    if missing := [trial.trial_id for trial in mains if trial.trial_id not in confidence]:
        raise DesignError(
            f"repeated trials need an answer to every main trial; {len(missing)} have none, for example {missing[0]}"
        )
    ranked = sorted(shuffled(mains, rng), key=lambda trial: confidence[trial.trial_id])
    repeats = min(block.repeats, len(ranked))
    most = repeats // 2
    return ranked[: repeats - most] + ranked[len(ranked) - most :]


def _shown_again(block: Block, chosen: list[Trial], began: int, rng: np.random.Generator) -> list[Trial]:
    return [
        replace(
            first,
            trial_id=trial_id(block.participant, block.block, place),
            block=block.block,
            index=began + place,
            kind=TrialKind.REPEATED,
            phase=block.phase,
            max_side=coin(rng),
            repeats=first.trial_id,
        )
        for place, first in enumerate(shuffled(chosen, rng))
    ]
