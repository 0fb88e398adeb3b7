"""Sessions: every participant's blocks and trials, from a protocol, units, stimuli and one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exemplum.design import invariants
from exemplum.design.order import SIDES, Deck, coin, generator, shuffled, split
from exemplum.design.pictures import Pictures
from exemplum.design.plan import NONE, Plan, plan
from exemplum.design.trials import Showing, trial
from exemplum.protocols import protocol as protocol_named
from exemplum.records import Block, Design, Session, StudyUnit, TrialKind

MAIN, CATCH, PRACTICE, REPEATED = TrialKind.MAIN, TrialKind.CATCH, TrialKind.PRACTICE, TrialKind.REPEATED


def make(
    protocol: str,
    units: pd.DataFrame,
    stimuli: pd.DataFrame,
    participants: int | None = None,
    seed: int = 0,
    *,
    methods: Sequence[str] | None = None,
    practice: int | None = None,
    blocks: int | None = None,
    catch: int | None = None,
    repeated: int | None = None,
) -> Design:
    """Make every session of a study; the same arguments give the same design.

    `units` is a STUDY_UNITS table, `stimuli` a STIMULI table. `methods` are the conditions with references (all methods
    of the stimuli if not given). `practice` trials a condition, main `blocks` a condition, `catch` trials a main block
    and `repeated` trials a condition are the protocol's if not given. A participant's session does not depend on how
    many participants there are. Raises DesignError if the protocol cannot be had from these units and stimuli.
    """
    pictures = Pictures(stimuli)
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
    """A block before images, sides and order."""

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
    """Main blocks of the conditions with references, alternating; every unit once a condition."""
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
    """Which practice units a participant sees in practice and in catch trials."""

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

    def catch(self, rng: np.random.Generator) -> Deck:
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
    showing = Showing(participant, number, draft.condition, draft.phase, scheme)
    trials = tuple(
        trial(showing, place, began + place, kind, unit, coin(sides),
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
