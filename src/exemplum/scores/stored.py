"""The scores in a study folder, and whether they are of its present settings. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from exemplum import store
from exemplum.study import Study
from exemplum.tables import SCORE_DIFFERENCES, SCORE_SUMMARIES

FOLDER = "scores"
PAGE = "index.html"
SOURCES = "sources.json"  # what the scores were made from, as far as it is known without a network


def note(study: Study, stages: Sequence[str]) -> None:
    """Write what the scores are made from: the results of these stages, and the settings."""
    made = {name: study.made(name) for name in stages}
    store.write_json(study.stage(FOLDER) / SOURCES, {"stages": made, "settings": _settings(study)})


def made(study: Study) -> str:
    """Identifies the scores; empty if there are none, or none of the present settings and index."""
    path = study.stage(FOLDER) / SOURCES
    if not path.exists() or not (found := study.made(FOLDER)):
        return ""
    held = store.read_json(path)
    same = all(study.made(name) == made for name, made in held["stages"].items())
    return found if same and held["settings"] == _settings(study) else ""


def current(study: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """SCORE_SUMMARIES and SCORE_DIFFERENCES of the study; without rows if its scores are absent or stale."""
    if not made(study):
        return SCORE_SUMMARIES.frame(), SCORE_DIFFERENCES.frame()
    folder = study.stage(FOLDER)
    return SCORE_SUMMARIES.read(folder / "summaries.parquet"), SCORE_DIFFERENCES.read(folder / "differences.parquet")


def page_of(study: Study) -> Path | None:
    """The network page of the study; None if it is absent or stale."""
    path = study.stage(FOLDER) / PAGE
    return path if made(study) and path.exists() else None


def _settings(study: Study) -> str:
    """A hash of the settings that decide scores."""
    config = study.config
    return store.digest(
        config.scores.model_dump(mode="json"), config.observers.model_dump(mode="json"),
        config.explanations.model_dump(mode="json"), config.model.model_dump(mode="json"),
        config.images.model_dump(mode="json"), config.seed,
    )  # fmt: skip
