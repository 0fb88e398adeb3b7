"""The published study from its own trials: imported, analysed as any study is, and set beside what was published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from exemplum import store
from exemplum.analysis import checks, published
from exemplum.analysis.importers import borowski2021, findings
from exemplum.analysis.intervals import RESAMPLES
from exemplum.analysis.results import Results, analyse, write
from exemplum.csv_text import csv_text
from exemplum.study import AnalysisSection
from exemplum.tables import RATINGS, RESPONSES

SEED = 2021


def reproduce(data: Path, out: Path, seed: int = SEED, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Import both experiments of Borowski et al. (2021) from `data` and write their analysis into `out`.

    Writes, each as .parquet and .csv: responses, ratings, estimates, comparisons, models and verdicts; and
    findings.csv (what the import noticed) and published.csv (each published number or statement beside ours).
    Returns a short summary. Raises UserError if a file is absent or not as published.
    """
    imported = borowski2021.read(data)
    checks.check(imported.responses, str(data), negative_times=True)  # two are published, and stay as they are
    settings = AnalysisSection(bootstrap=resamples)
    results = analyse(imported.responses, imported.ratings, seed=seed, settings=settings)
    compared = published.beside({name: results[name] for name in ("estimates", "comparisons")})
    _write(out, imported, results, compared)
    found = findings.as_table(imported.findings)
    return {
        "answers": len(imported.responses),
        "participants": imported.responses.groupby("experiment")["participant"].nunique().sum(),
        "things found in the data": int((found["count"] > 0).sum()),
        "published numbers that agree": f"{int(compared['agrees'].sum())} of {len(compared)}",
    }


def _write(out: Path, imported: borowski2021.Imported, results: Results, compared: pd.DataFrame) -> None:
    write(out, "responses", RESPONSES, imported.responses)
    write(out, "ratings", RATINGS, imported.ratings)
    results.write(out)
    for name, table in (("findings", findings.as_table(imported.findings)), ("published", compared)):
        store.write_text(out / f"{name}.csv", csv_text(table, float_format="%.10g"))
