"""The session of an interleaved protocol: practice, then main blocks whose conditions change from trial to trial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from exemplum.design.counterbalancing import Deck, coin, rotated, shuffled, split
from exemplum.design.interleaving import DealtTrial, Interleaving
from exemplum.design.plan import Plan
from exemplum.design.stimuli import Pictures
from exemplum.design.trials import Position, TrialDraft, trial
from exemplum.records import Block, StudyUnit, TrialKind

MAIN, CATCH, PRACTICE, REPEATED = TrialKind.MAIN, TrialKind.CATCH, TrialKind.PRACTICE, TrialKind.REPEATED


def blocks(
    plan: Plan, pictures: Pictures, participant: int, seed: int, sides: np.random.Generator, rng: np.random.Generator
) -> tuple[Block, ...]:
    """The blocks of a participant; those of one scheme follow one another."""
    assert plan.interleaving is not None
    made: list[Block] = []
    for kind, phase, scheme, drafts in _drafts(plan, plan.interleaving, pictures, participant, seed, rng):
        began = sum(len(block.trials) for block in made)
        trials = tuple(
            trial(draft, Position(participant, len(made), place, began + place, phase), coin(sides), pictures, rng)
            for place, draft in enumerate(drafts)
        )
        conditions = {draft.condition for draft in drafts}
        condition = conditions.pop() if len(conditions) == 1 else ""
        made.append(Block(participant, len(made), kind, condition, phase, plan.schemes[scheme].name, trials))
    if plan.repeated:
        conditions, schemes = ({getattr(block, name) for block in made} for name in ("condition", "scheme"))
        shared = (values.pop() if len(values) == 1 else "" for values in (conditions, schemes))
        condition, name = shared
        made.append(Block(participant, len(made), REPEATED, condition, "repeated", name, (), plan.repeated))
    return tuple(made)


def _drafts(
    plan: Plan, mixed: Interleaving, pictures: Pictures, participant: int, seed: int, rng: np.random.Generator
) -> Iterator[tuple[TrialKind, str, int, list[TrialDraft]]]:
    """Kind, phase, scheme and trials of every block."""
    dealt = mixed.dealt(participant, seed)
    easy = _EasyTrials(plan, mixed, pictures, participant, rng)
    present = sorted({entry.cell.scheme for entry in dealt})
    for scheme in rotated(present, participant - 1):
        if plan.practice:
            yield PRACTICE, "practice", scheme, easy.practice(scheme)
        own = [entry for entry in dealt if entry.cell.scheme == scheme]
        for part in split(_in_order(own, rng), min(plan.blocks, len(own))):
            mains = [_main(plan, entry) for entry in part]
            yield MAIN, "main", scheme, list(_scattered(mains, easy.catch(scheme), rng))


def _in_order(dealt: Sequence[DealtTrial], rng: np.random.Generator) -> list[DealtTrial]:
    """At random, the units that come twice first once and then again."""
    return [
        entry for showing in (0, 1) for entry in shuffled([entry for entry in dealt if entry.showing == showing], rng)
    ]


def _main(plan: Plan, entry: DealtTrial) -> TrialDraft:
    cell = entry.cell
    return TrialDraft(MAIN, entry.unit, cell.method, plan.schemes[cell.scheme], cell.difficulty, entry.batch)


def _scattered(
    mains: Iterable[TrialDraft], catch: Sequence[TrialDraft], rng: np.random.Generator
) -> Iterator[TrialDraft]:
    """The main trials in their order, with catch trials at random places."""
    order = list(mains)
    where = dict(zip(rng.permutation(len(order) + len(catch)).tolist(), catch, strict=False))
    left = iter(order)
    for place in range(len(order) + len(catch)):
        yield where[place] if place in where else next(left)


class _EasyTrials:
    """Practice and catch trials of a participant: units of neither come again before all have come.

    In practice methods take turns, also from one participant to the next. Catch trials show the participant's first
    method, the baseline unless methods lie between participants: nobody may be excluded for the pictures of a method,
    and the references of a null such as `random` do not say which of them activates the unit more.
    """

    def __init__(
        self, plan: Plan, mixed: Interleaving, pictures: Pictures, participant: int, rng: np.random.Generator
    ) -> None:
        self.plan, self.mixed, self.pictures = plan, mixed, pictures
        self.cells = mixed.cells(participant)
        self.turn = (participant - 1) // len(mixed.groups)
        self.deck = Deck(plan.practice_units[""], rng)
        self.methods = sorted({cell.method for cell in self.cells}, key=plan.methods.index)
        self.used: Counter[StudyUnit] = Counter()

    def practice(self, scheme: int) -> list[TrialDraft]:
        """Easy trials, and a last one of the participant's hardest difficulty."""
        count, levels = self.plan.practice, self.plan.difficulties
        hardest = max((cell.difficulty for cell in self.cells), key=levels.index)
        wanted = [levels[0]] * (count - 1) + [hardest if count > 1 else levels[0]]
        first = self.turn * count
        return [
            self._draft(PRACTICE, scheme, self.methods[(first + place) % len(self.methods)], level)
            for place, level in enumerate(wanted)
        ]

    def catch(self, scheme: int) -> list[TrialDraft]:
        easiest = self.plan.difficulties[0]
        return [self._draft(CATCH, scheme, self.methods[0], easiest) for _ in range(self.plan.catch)]

    def _draft(self, kind: TrialKind, scheme: int, method: str, difficulty: str) -> TrialDraft:
        unit = self.deck.hand(1)[0]
        shown = self.plan.schemes[scheme]
        return TrialDraft(kind, unit, method, shown, difficulty, self._batch(unit, shown.references))

    def _batch(self, unit: StudyUnit, references: int) -> int:
        """Another batch each time; the first one, which main trials leave out, if the unit is one of theirs."""
        batches = self.pictures.batches([unit.unit], references)
        place = self.used[unit] % len(batches) if unit not in self.mixed.units else 0
        self.used[unit] += 1
        return batches[place]
