"""Make every participant's session: blocks, trials and repeated trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exemplum.design import interleaved, invariants
from exemplum.design.counterbalancing import SIDES, Deck, coin, generator, shuffled, split
from exemplum.design.plan import Plan, Sizes, plan
from exemplum.design.stimuli import DesignError, Pictures
from exemplum.design.trials import Position, TrialDraft, trial
from exemplum.protocols import protocol as protocol_named
from exemplum.queries import split_queries
from exemplum.records import NONE, Block, Design, Response, Session, StudyUnit, Trial, TrialKind

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
    main: int | None = None,
    between: Sequence[str] | None = None,
) -> Design:
    """Make every session of a study; the same arguments give the same design.

    `units` is a STUDY_UNITS table, `stimuli` a STIMULI table, `queries` a QUERIES table; without it the queries are
    among the natural stimuli (`split_queries`). The order of conditions begins with `baseline`. `methods` are the
    conditions with references (all methods of the stimuli if not given). `practice` trials per condition, main
    `blocks` per condition, `catch` trials per main block and `repeated` trials per condition are the protocol's if not
    given. Of a protocol that interleaves conditions these are numbers per participant, and so is `main`, the number of
    main trials; factors `between` lie between participants. A participant's session does not depend on the number of
    participants. Raises DesignError if these units and stimuli do not suffice for the protocol, UserError for what the
    protocol cannot have.
    """
    references, pairs = split_queries(stimuli) if queries is None else (stimuli, queries)
    pictures = Pictures(references, pairs, baseline)
    asked = Sizes(practice, blocks, catch, repeated, main, between)
    planned = plan(protocol_named(protocol), units, pictures, participants, methods, asked)
    sessions = tuple(session(planned, pictures, number, seed) for number in range(1, planned.participants + 1))
    design = Design(protocol, seed, sessions, planned.notes)
    invariants.check_plan(design, planned, pictures)
    return design


def session(plan: Plan, pictures: Pictures, participant: int, seed: int) -> Session:
    """One participant's schedule."""
    rng = generator(seed, participant)
    sides = generator(seed, participant, SIDES)
    if plan.interleaving is not None:
        return Session(participant, interleaved.blocks(plan, pictures, participant, seed, sides, rng))
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
    draft: _Draft, plan: Plan, pictures: Pictures, participant: int, number: int, began: int,
    sides: np.random.Generator, rng: np.random.Generator,
) -> Block:  # fmt: skip
    scheme = plan.schemes[draft.scheme]
    shown = [(draft.kind, unit) for unit in draft.units] + [(CATCH, unit) for unit in draft.catch]
    trials = tuple(
        trial(
            TrialDraft(kind, unit, draft.condition, scheme, plan.difficulties[0],
                       _batch(plan, pictures, draft, participant, kind, unit)),
            Position(participant, number, place, began + place, draft.phase), coin(sides), pictures, rng,
        )
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


REPEATS = 1  # spawn key: independent of the draws that made the session


def repeated_trials(
    session: Session, responses: Iterable[Response], seed: int, *, allow_missing: bool = False
) -> list[Trial]:
    """The trials of the session's repeated blocks, in order, chosen from the answers to its main trials.

    Of every condition (of all together, where conditions are interleaved) half of the trials are those answered with
    least confidence and half with most (one more of the least if the number is odd); ties are broken at random. Trials
    before and after the blocks with references together are the condition none. Which query is on top is drawn again,
    by a fair coin toss. `seed` is the design's.
    Raises DesignError if a main trial of a repeated condition has no answer, unless `allow_missing`: then the trials
    are chosen from those that have one.
    """
    confidence = {response.trial_id: response.confidence for response in responses}
    rng = generator(seed, session.participant, REPEATS)
    trials: list[Trial] = []
    for block in session.blocks:
        if block.kind is REPEATED:
            chosen = _chosen(session, block, confidence, rng, allow_missing)
            trials += _shown_again(block, chosen, len(session.trials) + len(trials), rng)
    return trials


def _chosen(
    session: Session, block: Block, confidence: dict[str, int], rng: np.random.Generator, allow_missing: bool
) -> list[Trial]:
    mains = [t for t in session.trials if t.kind is MAIN and block.condition in ("", t.condition)]
    if allow_missing:
        mains = [trial for trial in mains if trial.trial_id in confidence]
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
            trial_id=at.trial_id,
            block=at.block,
            index=at.index,
            kind=REPEATED,
            phase=at.phase,
            max_side=coin(rng),
            repeats=first.trial_id,
        )
        for place, first in enumerate(shuffled(chosen, rng))
        for at in [Position(block.participant, block.block, place, began + place, block.phase)]
    ]
