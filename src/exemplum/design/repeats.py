"""Repeated trials: an observer's least and most confident answers, asked again at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from exemplum.design.errors import DesignError
from exemplum.design.order import coin, generator, shuffled
from exemplum.design.trials import trial_id
from exemplum.records import Block, Response, Session, Trial, TrialKind

REPEATS = 1  # spawn key: the draw is independent of the one that made the session


def repeated_trials(session: Session, responses: Iterable[Response], seed: int) -> list[Trial]:
    """The trials of the session's repeated blocks, in order, chosen from the answers to its main trials.

    Of every condition half of the trials are those answered with least confidence and half with most (one more of the
    least if the number is odd); ties are drawn. Trials before and after the blocks with references together
    are the condition none. Which query is on top is drawn anew, by a fair coin. `seed` is the design's.
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
            f"repeated trials need an answer to every main trial; {len(missing)} have none, as {missing[0]}"
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
