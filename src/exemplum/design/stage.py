"""The design stage: units and stimuli in; `trials.parquet`, `blocks.parquet` and `design.json` in `design/` out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from exemplum import store
from exemplum.design import leakage
from exemplum.design.errors import DesignError
from exemplum.design.pictures import NATURAL
from exemplum.design.schedule import make
from exemplum.design.tables import blocks_table, design_of, trials_table
from exemplum.errors import command
from exemplum.protocols import protocol
from exemplum.records import Design
from exemplum.study import Study
from exemplum.tables import BLOCKS, STIMULI, STUDY_UNITS, TRIALS

VERSION = 2


def check(study: Study) -> None:
    """Raise UserError if study.toml names a protocol that does not exist."""
    with study.setting("[design] protocol"):
        protocol(study.config.design.protocol)


def fingerprint(study: Study) -> str:
    upstream = study.made("explanations")
    if upstream is None:
        raise DesignError(f"{study.folder} has no units and stimuli yet; run: {command('run', study.folder)}")
    section, methods = study.config.design.model_dump(), study.config.explanations.methods
    return store.digest(VERSION, upstream, section, methods, study.config.seed)


def run(study: Study) -> dict[str, Any]:
    section = study.config.design
    stimuli = STIMULI.read(study.stage("explanations") / "stimuli.parquet")
    units = STUDY_UNITS.read(study.stage("explanations") / "units.parquet")
    design = make(
        section.protocol, units, stimuli, section.participants, study.config.seed, methods=_methods(study, stimuli),
        practice=section.practice, blocks=section.blocks, catch=section.catch, repeated=section.repeated,
    )  # fmt: skip
    leakage.check(design, stimuli, study.folder)
    study.begin_writing("design")
    save(study, design)
    first = design.sessions[0]
    repeats = sum(block.repeats for block in first.blocks)
    return {
        "protocol": design.protocol, "participants": len(design.sessions),
        "trials each": len(first.trials) + repeats, "notes": len(design.notes),
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
    """The methods with pictures; natural images that only serve as queries are none of them."""
    present = list(dict.fromkeys(stimuli["method"]))
    asked = study.config.stimuli is not None or NATURAL in study.config.explanations.methods
    return present if asked else [method for method in present if method != NATURAL]
