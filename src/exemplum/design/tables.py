"""A design as tables and back, exactly."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pandas as pd

from exemplum.records import Block, Design, ReferenceSet, Session, Side, StudyUnit, Trial, TrialKind, Unit
from exemplum.tables import BLOCKS, TRIALS


def trials_table(trials: tuple[Trial, ...]) -> pd.DataFrame:
    """Trials as a TRIALS table."""
    return TRIALS.frame(_trial_row(trial) for trial in trials)


def blocks_table(design: Design) -> pd.DataFrame:
    """Blocks as a BLOCKS table."""
    return BLOCKS.frame(_block_row(block) for session in design.sessions for block in session.blocks)


def design_of(trials: pd.DataFrame, blocks: pd.DataFrame, protocol: str, seed: int, notes: tuple[str, ...]) -> Design:
    """The design that gave these TRIALS and BLOCKS."""
    shown: dict[tuple[int, int], list[Trial]] = defaultdict(list)
    for trial in map(_trial, trials.to_dict("records")):
        shown[trial.participant, trial.block].append(trial)
    sessions: dict[int, list[Block]] = {}
    for row in blocks.to_dict("records"):
        block = _block(row, tuple(shown[row["participant"], row["block"]]))
        sessions.setdefault(block.participant, []).append(block)
    return Design(protocol, seed, tuple(Session(number, tuple(of)) for number, of in sessions.items()), notes)


def _trial_row(trial: Trial) -> dict[str, Any]:
    unit = trial.unit
    return {
        "trial_id": trial.trial_id,
        "participant": trial.participant,
        "block": trial.block,
        "index": trial.index,
        "kind": trial.kind.value,
        "condition": trial.condition,
        "phase": trial.phase,
        "scheme": trial.scheme,
        "unit": str(unit.unit),
        "layer": unit.unit.layer,
        "channel": unit.unit.channel,
        "branch": unit.branch,
        "selection": unit.selection,
        "role": unit.role,
        "stimulus_set": unit.stimulus_set,
        "batch": trial.batch,
        "max_references": trial.references.max,
        "min_references": trial.references.min,
        "query_max": trial.query_max,
        "query_min": trial.query_min,
        "max_side": trial.max_side.value,
        "repeats": trial.repeats,
    }


def _trial(row: dict[Any, Any]) -> Trial:
    unit = StudyUnit(
        Unit(row["layer"], row["channel"]), row["branch"], row["selection"], row["role"], row["stimulus_set"]
    )
    return Trial(
        trial_id=row["trial_id"],
        participant=row["participant"],
        block=row["block"],
        index=row["index"],
        kind=TrialKind(row["kind"]),
        condition=row["condition"],
        phase=row["phase"],
        scheme=row["scheme"],
        unit=unit,
        batch=row["batch"],
        references=ReferenceSet(max=tuple(row["max_references"]), min=tuple(row["min_references"])),
        query_max=row["query_max"],
        query_min=row["query_min"],
        max_side=Side(row["max_side"]),
        repeats=row["repeats"],
    )


def _block_row(block: Block) -> dict[str, Any]:
    return {
        "participant": block.participant,
        "block": block.block,
        "kind": block.kind.value,
        "condition": block.condition,
        "phase": block.phase,
        "scheme": block.scheme,
        "trials": len(block.trials) + block.repeats,
        "repeats": block.repeats,
    }


def _block(row: dict[Any, Any], trials: tuple[Trial, ...]) -> Block:
    return Block(
        participant=row["participant"],
        block=row["block"],
        kind=TrialKind(row["kind"]),
        condition=row["condition"],
        phase=row["phase"],
        scheme=row["scheme"],
        trials=trials,
        repeats=row["repeats"],
    )
