"""What was run to make a report: stages with their times, settings, versions and machines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from exemplum import pages, tables
from exemplum.report import formatting, settings
from exemplum.study import STAGES, Study, versions


@dataclass(frozen=True)
class StageRow:
    name: str
    seconds: str
    finished: str
    fingerprint: str
    summary: str


@dataclass(frozen=True)
class Provenance:
    seed: int
    toml: str  # without what is secret, as is config
    config: str  # every key with its value, defaults included, as JSON
    stages: list[StageRow]
    versions: dict[str, str]
    machines: list[str]
    total: str
    broken: pd.DataFrame


def of_study(study: Study) -> Provenance:
    """Collect the records of all finished stages; the report's own record is written after the report."""
    records = [(name, record) for name in STAGES[:-1] if (record := study.record(name))]
    path = study.stage("index") / "broken.parquet"
    return Provenance(
        seed=study.config.seed,
        toml=settings.toml(study),
        config=json.dumps(settings.every_setting(study), indent=2, ensure_ascii=False),
        stages=[_stage(name, record) for name, record in records],
        versions=versions(),
        machines=sorted({str(record.get("machine", "")) for _, record in records} - {""}),
        total=formatting.seconds(sum(float(record.get("seconds", 0)) for _, record in records)),
        broken=tables.IMAGES.read(path) if path.exists() else tables.IMAGES.frame(),
    )


def _stage(name: str, record: dict[str, Any]) -> StageRow:
    return StageRow(
        name=name,
        seconds=formatting.seconds(record.get("seconds")),
        finished=str(record.get("finished", pages.UNDEFINED)).replace("T", " ")[:16],
        fingerprint=str(record.get("fingerprint", pages.UNDEFINED)),
        summary=", ".join(f"{key} {_plain(value)}" for key, value in record.get("summary", {}).items()),
    )


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return pages.number(value, 3)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
