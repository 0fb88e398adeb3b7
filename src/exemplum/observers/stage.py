"""The responses stage: the machine observers of study.toml answer every session; `responses/machines.parquet` out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exemplum import design as designs
from exemplum import store
from exemplum.observers.base import Observer, ObserverError, UnableError
from exemplum.observers.features import load as load_features
from exemplum.observers.registry import factory, load
from exemplum.observers.sitting import sit
from exemplum.progress import console
from exemplum.records import Design
from exemplum.study import Study
from exemplum.tables import RESPONSES

VERSION = 1


def check(study: Study) -> None:
    """Raise ObserverError if study.toml names an observer that does not exist."""
    for name in study.config.observers.run:
        factory(name)


def fingerprint(study: Study) -> str:
    upstream = study.made("design")
    if upstream is None:
        raise ObserverError(f"{study.folder} has no design yet; run its design stage first")
    section = study.config.observers
    network = load_features(study)[0].fingerprint if "similarity" in section.run else ""
    return store.digest(VERSION, upstream, section.model_dump(), network, study.config.seed)


def run(study: Study) -> dict[str, Any]:
    names = study.config.observers.run
    check(study)
    design = designs.load(study)
    tables, unable = [], {}
    for name in names:
        try:
            tables.append(answers(load(name, study), design, study.config.seed))
        except UnableError as error:
            console.print(f"[yellow]{name} does not answer: {error}[/yellow]")
            unable[name] = "cannot answer"
    everything = pd.concat(tables, ignore_index=True) if tables else RESPONSES.frame()
    RESPONSES.write(study.stage("responses") / "machines.parquet", everything)
    return {"answers": len(everything)} | summary(everything) | unable


def answers(observer: Observer, design: Design, seed: int) -> pd.DataFrame:
    """An observer's answers to every session of a design (RESPONSES); each session has randomness of its own."""
    tables = []
    for session in design.sessions:
        sequence = np.random.SeedSequence([seed, *observer.name.encode()], spawn_key=(session.participant,))
        tables.append(sit(observer, design, session, np.random.default_rng(sequence)))
    return pd.concat(tables, ignore_index=True)


def summary(answers: pd.DataFrame) -> dict[str, str]:
    """Share of right main trials of every observer."""
    mains = answers[answers["trial_kind"] == "main"]
    return {str(name): f"{share:.1%} right" for name, share in mains.groupby("observer")["correct"].mean().items()}
