"""The design stage: from units and stimuli to `trials.parquet`, `blocks.parquet` and `design.json` in `design/`."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pandas as pd

from exemplum import queries, store
from exemplum.design import leakage
from exemplum.design.duration import minutes
from exemplum.design.interleaving import factors_between
from exemplum.design.schedule import make
from exemplum.design.stimuli import DesignError
from exemplum.errors import command
from exemplum.protocols import protocol
from exemplum.records import Block, Design, ReferenceSet, Session, Side, StudyUnit, Trial, TrialKind, Unit
from exemplum.study import Stage, Study
from exemplum.tables import BLOCKS, TRIALS

VERSION = 4


def check(study: Study) -> None:
    """Raise UserError if study.toml names a protocol that does not exist, or what it cannot have."""
    section = study.config.design
    with study.setting("[design] protocol"):
        chosen = protocol(section.protocol)
        chosen.check([use.name for use in study.config.queries.uses], section.main, section.between)
    with study.setting("[design] between"):
        factors_between(chosen, section.between)


def fingerprint(study: Study) -> str:
    upstream = study.made("explanations")
    if upstream is None:
        raise DesignError(f"{study.folder} has no units and stimuli yet; run: {command('run', study.folder)}")
    section, asked = study.config.design.model_dump(), study.config.explanations
    named = [(use.name, use.method, use.parameters) for use in asked.uses if use.has_table]
    return store.digest(VERSION, upstream, section, named or asked.methods, asked.baseline, study.config.seed)


def run(study: Study) -> dict[str, Any]:
    section, uses = study.config.design, study.config.explanations.uses
    (stimuli, pairs), units = queries.load(study), queries.load_units(study)
    design = make(
        section.protocol, units, stimuli, section.participants, study.config.seed, queries=pairs,
        baseline=study.config.explanations.baseline, methods=_methods(study, stimuli),
        practice=section.practice, blocks=section.blocks, catch=section.catch, repeated=section.repeated,
        main=section.main, between=section.between,
    )  # fmt: skip
    of_corpus = leakage.OF_CORPUS if study.config.stimuli else [use.name for use in uses if use.is_of_corpus]
    found = leakage.check(
        design, stimuli, pairs, study.folder, any_batch=study.config.stimuli is None, of_corpus=of_corpus
    )
    design = replace(design, notes=(*design.notes, *found))
    study.begin_writing("design")
    save(study, design)
    first = design.sessions[0]
    repeats = sum(block.repeats for block in first.blocks)
    return {
        "protocol": design.protocol, "participants": len(design.sessions),
        "trials each": len(first.trials) + repeats,
        "minutes each": f"up to {max(map(minutes, design.sessions)):.1f} at the published reaction times",
        "notes in the report": len(design.notes),
    }  # fmt: skip


def save(study: Study, design: Design) -> None:
    """Write a design into the study folder."""
    folder = study.stage("design")
    TRIALS.write(folder / "trials.parquet", trials_table(design.trials))
    BLOCKS.write(folder / "blocks.parquet", blocks_table(design))
    about = {"protocol": design.protocol, "seed": design.seed, "notes": list(design.notes)}
    store.write_json(folder / "design.json", about)


def load(study: Study) -> Design:
    """The design in the study folder. Raises DesignError if there is none, StoreError naming a broken file."""
    folder = study.stage("design")
    if not (folder / "design.json").exists():
        raise DesignError(f"{study.folder} has no design yet; run: {command('run', study.folder)}")
    about = store.read_json(folder / "design.json")
    trials, blocks = TRIALS.read(folder / "trials.parquet"), BLOCKS.read(folder / "blocks.parquet")
    return design_of(trials, blocks, about["protocol"], about["seed"], tuple(about["notes"]))


def _methods(study: Study, stimuli: pd.DataFrame) -> list[str]:
    """The methods of the study that have pictures."""
    present = list(dict.fromkeys(stimuli["method"]))
    asked = None if study.config.stimuli else {use.name for use in study.config.explanations.uses}
    return [method for method in present if asked is None or method in asked]


def trials_table(trials: tuple[Trial, ...]) -> pd.DataFrame:
    """Trials as a TRIALS table."""
    return TRIALS.frame(_trial_row(trial) for trial in trials)


def blocks_table(design: Design) -> pd.DataFrame:
    """Blocks as a BLOCKS table."""
    return BLOCKS.frame(_block_row(block) for session in design.sessions for block in session.blocks)


def design_of(trials: pd.DataFrame, blocks: pd.DataFrame, protocol: str, seed: int, notes: tuple[str, ...]) -> Design:
    """The design of these TRIALS and BLOCKS."""
    shown: dict[tuple[int, int], list[Trial]] = defaultdict(list)
    for trial in map(_trial, trials.to_dict("records")):
        shown[trial.participant, trial.block].append(trial)
    sessions: dict[int, list[Block]] = {}
    for row in blocks.to_dict("records"):
        block = _block(row, tuple(shown[row["participant"], row["block"]]))
        sessions.setdefault(block.participant, []).append(block)
    return Design(protocol, seed, tuple(Session(number, tuple(of)) for number, of in sessions.items()), notes)


def _trial_row(trial: Trial) -> dict[str, Any]:
    return {
        "trial_id": trial.trial_id,
        "participant": trial.participant,
        "block": trial.block,
        "index": trial.index,
        "kind": trial.kind.value,
        "condition": trial.condition,
        "phase": trial.phase,
        "scheme": trial.scheme,
        **trial.unit.columns(),
        "batch": trial.batch,
        "max_references": trial.references.max,
        "min_references": trial.references.min,
        "query_max": trial.query_max,
        "query_min": trial.query_min,
        "max_side": trial.max_side.value,
        "repeats": trial.repeats,
        "difficulty": trial.difficulty,
        "margin": float("nan") if trial.margin is None else trial.margin,
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
        difficulty=row["difficulty"],
        margin=None if math.isnan(row["margin"]) else row["margin"],
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


STAGE = Stage("design", fingerprint, run, check=check, version=VERSION)
