"""What a study has for its gallery: the index, and of later stages what is made and up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exemplum import queries, scores, store, tables
from exemplum.errors import UserError, command
from exemplum.explanations import stage as explanations_stage
from exemplum.images import Corpus
from exemplum.index import ActivationIndex, stage as index_stage
from exemplum.responses import exclusions, files, read_all
from exemplum.runtime import console, styled
from exemplum.study import Study, blinding, freezing, pipeline

if TYPE_CHECKING:
    from exemplum.models import Model

PICTURES, TRIALS, SCORES = "explanations", "design", scores.FOLDER  # what is shown where it is made
UPSTREAM = {PICTURES: ("queries", "explanations"), TRIALS: ("queries", "explanations", "design"), SCORES: (SCORES,)}


@dataclass(frozen=True)
class StudyData:
    """The parts of a study that the gallery shows; empty tables for what is not made."""

    study: Study
    model: Model
    corpus: Corpus
    index: ActivationIndex
    scores: pd.DataFrame  # SCORES
    stimuli: pd.DataFrame  # STIMULI
    queries: pd.DataFrame  # QUERIES
    units: pd.DataFrame  # STUDY_UNITS
    trials: pd.DataFrame  # TRIALS
    responses: pd.DataFrame  # RESPONSES of people who are kept and of machines; without those that are blinded
    whole: dict[str, str] = field(default_factory=dict)  # methods that show images of the corpus: natural or random
    notice: str = ""  # of people's answers that are left out, or included early

    @cached_property
    def layers(self) -> list[str]:
        return [str(name) for name in self.index.units["layer"].unique()]

    @cached_property
    def layer_slices(self) -> dict[str, slice]:
        """The places of each layer's units among all units."""
        layers = self.index.units["layer"].to_numpy()
        starts = {name: int(np.argmax(layers == name)) for name in self.layers}
        return {name: slice(start, start + int((layers == name).sum())) for name, start in starts.items()}


def prepare(study: Study) -> None:
    """Make the index if it is stale. Raises UserError for a study of finished stimuli, which has no network."""
    if study.config.stimuli:
        raise UserError(
            f"{study.folder / 'study.toml'}: a gallery needs a network and images, but [stimuli] are finished"
        )
    pipeline.run(study, ["index"])


def made(study: Study) -> list[str]:
    """The stages besides the index that are shown: made, and up to date or frozen; says which are stale."""
    frozen = freezing.frozen_by(study)
    # once each: a fingerprint may read a whole folder of files
    is_current = cache(lambda stage: study.is_current(stage, pipeline.stage(stage).fingerprint(study)))
    found = []
    for name, stages in UPSTREAM.items():
        if not all(study.record(stage) for stage in stages):
            continue
        kept = frozen and name != SCORES
        if kept or all(map(is_current, stages)):
            found.append(name)
        else:
            verb = "score" if name == SCORES else "run"
            said = f"{name}: stale, and so left out of the gallery; {command(verb, study.folder)} makes them again"
            console.print(styled((said, "dim")))
    return found


def fingerprint(study: Study, stages: Sequence[str]) -> str:
    """A hash of everything that the gallery of these stages shows."""
    return store.digest(
        study.made("index"), [study.made(stage) for name in stages for stage in UPSTREAM[name]],
        _answers(study) if TRIALS in stages else [], study.folder.resolve().name, study.config.model.load,
        study.config.images.load, *blinding.state(study),
    )  # fmt: skip


def _answers(study: Study) -> list[Any]:
    """What tells the answers that are counted from others: their files, and the rules that exclude participants."""
    paths = files(study.stage("responses"), "responses", "people")
    held = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return [held, study.config.exclusions.model_dump()]


def read(study: Study, stages: Sequence[str]) -> StudyData:
    """Read the tables. Raises StoreError naming one that is missing or broken."""
    model, corpus = index_stage.load_model(study), index_stage.open_corpus(study)
    index = index_stage.load(study).attached(model, corpus)
    stimuli, pairs, units = tables.STIMULI.frame(), tables.QUERIES.frame(), tables.STUDY_UNITS.frame()
    if PICTURES in stages:
        (stimuli, pairs), units = queries.load(study), queries.load_units(study)
    trials = tables.TRIALS.frame()
    if TRIALS in stages:
        trials = tables.TRIALS.read(study.stage("design") / "trials.parquet")
    scored = tables.SCORES.frame()
    if SCORES in stages:
        scored = tables.SCORES.read(study.stage(SCORES) / "scores.parquet")
    whole = explanations_stage.whole(study, study.config.explanations.uses)
    return StudyData(
        study, model, corpus, index, scored, stimuli, pairs, units, trials, _responses(study, trials), whole,
        blinding.notice(study),
    )  # fmt: skip


def _responses(study: Study, trials: pd.DataFrame) -> pd.DataFrame:
    """The answers to these trials, without those that are blinded and those of participants whom a rule excludes."""
    if not len(trials):
        return tables.RESPONSES.frame()
    found = read_all(study.stage("responses"), allow_none=True)
    responses, people = blinding.visible(study, found.responses, found.people)
    kept, _ = exclusions.apply(responses, study.config.exclusions, people if found.has_sessions else None)
    return kept[kept["trial_id"].isin(trials["trial_id"])].reset_index(drop=True)
