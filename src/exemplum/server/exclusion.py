"""Exclusion rules of study.toml on live data, by the analysis's own code."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session as Orm

from exemplum.server.experiment import Experiment
from exemplum.server.schema import SessionRow


def evaluated(orm: Orm, experiment: Experiment, row: SessionRow) -> list[dict[str, Any]]:
    """EXCLUSIONS rows of one session, as they stand now."""
    return []
