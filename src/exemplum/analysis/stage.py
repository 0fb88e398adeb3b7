"""The stage `analysis`: responses/*.parquet → analysis/estimates and comparisons, as Parquet and CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from exemplum import store
from exemplum.analysis import checks
from exemplum.analysis.comparisons import comparisons
from exemplum.analysis.estimates import estimates
from exemplum.store import Table
from exemplum.study import Study
from exemplum.tables import COMPARISONS, ESTIMATES, TRIALS

VERSION = 1


def fingerprint(study: Study) -> str:
    """A hash of all that the analysis depends on: the answers themselves, since people may still be answering."""
    files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _answers(study)]
    record = study.record("responses") or {}
    return store.digest(
        VERSION, study.config.seed, study.config.analysis.model_dump(), record.get("fingerprint"), files
    )


def run(study: Study) -> dict[str, Any]:
    """Analyse every answer there is. Raises UserError if the answers cannot be used."""
    responses = checks.read(study.stage("responses"), _conditions(study))
    folder, config = study.stage("analysis"), study.config
    estimated = estimates(responses, config.seed, config.analysis.bootstrap)
    compared = comparisons(responses, config.seed)
    write(folder, "estimates", ESTIMATES, estimated)
    write(folder, "comparisons", COMPARISONS, compared)
    observers = responses.groupby("observer")["participant"].nunique()
    return {"answers": len(responses), "observers": ", ".join(f"{name} ({n})" for name, n in observers.items()),
            "estimates": len(estimated), "comparisons": len(compared)}  # fmt: skip


def write(folder: Path, name: str, table: Table, rows: pd.DataFrame) -> None:
    """Write a table as FOLDER/NAME.parquet and, for reading, FOLDER/NAME.csv."""
    frame = table.write(folder / f"{name}.parquet", rows)
    store.write_text(folder / f"{name}.csv", frame.to_csv(index=False, float_format="%.10g"))


def _answers(study: Study) -> list[Path]:
    return sorted(study.stage("responses").glob("*.parquet"))


def _conditions(study: Study) -> list[str] | None:
    """The conditions of the design, if there is one: an answer to another condition belongs to another study."""
    path = study.stage("design") / "trials.parquet"
    return sorted(TRIALS.read(path)["condition"].unique()) if path.exists() else None
