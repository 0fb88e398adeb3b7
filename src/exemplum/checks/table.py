"""The table of checks in a study folder: what it depends on, and whether it is up to date. Needs no torch."""

from __future__ import annotations

import pandas as pd

from exemplum import store
from exemplum.study import Study
from exemplum.tables import CHECKS

VERSION = 1  # of the checks; a new number makes earlier tables stale
NAME = "checks"  # of the folder in the study
FILE = "checks.parquet"
CHECK_TITLES = {
    "copies": "queries among their references",
    "same_poles": "one photograph at both poles",
    "same_queries": "one photograph as both queries",
    "features": "closeness of references to queries",
    "low_level": "low-level observers",
    "query_cue": "colour and brightness of right and wrong queries",
    "pole_cue": "colour and brightness of the poles",
    "side": "sides",
    "activation": "activations of the queries",
}  # in the order in which they are shown


def fingerprint(study: Study) -> str:
    """A hash of what the table depends on: the stages that were checked, and the network that compares pictures."""
    stages = [study.made(name) for name in ("queries", "explanations", "design")]
    return store.digest(VERSION, stages, study.config.observers.similarity.model_dump(mode="json"), study.config.seed)


def current(study: Study) -> pd.DataFrame:
    """CHECKS of the study's present design; without rows if `exemplum check` has not been run on it."""
    path = study.stage(NAME) / FILE
    if not (path.exists() and study.is_current(NAME, fingerprint(study))):
        return CHECKS.frame()
    return CHECKS.read(path)


def made(study: Study) -> str:
    """Identifies the table that `current` gives; empty if it has no rows."""
    return (study.made(NAME) or "") if study.is_current(NAME, fingerprint(study)) else ""
