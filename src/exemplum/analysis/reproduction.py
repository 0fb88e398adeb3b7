"""The published study analysed like any study from its own trials, and compared with the published numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exemplum import store
from exemplum.analysis import AnalysisSection, importers
from exemplum.analysis.estimates.intervals import RESAMPLES
from exemplum.analysis.importers import borowski2021
from exemplum.analysis.stage import Results, analyse, write
from exemplum.responses import check
from exemplum.store import csv_text
from exemplum.tables import RATINGS, RESPONSES

SEED = 2021


def reproduce(data: Path, out: Path, seed: int = SEED, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Import both experiments of Borowski et al. (2021) from `data` and write their analysis into `out`.

    Writes, each as .parquet and .csv: responses, ratings, estimates, comparisons, models and verdicts; and
    findings.csv (oddities in the data) and published.csv (each published number or statement beside ours).
    Returns a short summary. Raises UserError if a file is missing or differs from the published one.
    """
    imported = borowski2021.read(data)
    check(imported.responses, str(data), negative_times=True)  # two of the published times are negative, and are kept
    settings = AnalysisSection(bootstrap=resamples)
    results = analyse(imported.responses, imported.ratings, seed=seed, settings=settings)
    compared = beside({name: results[name] for name in ("estimates", "comparisons")})
    _write(out, imported, results, compared)
    found = importers.as_table(imported.findings)
    return {
        "answers": len(imported.responses),
        "participants": imported.responses.groupby("experiment")["participant"].nunique().sum(),
        "oddities found in the data": int((found["count"] > 0).sum()),
        "published numbers that agree": f"{int(compared['agrees'].sum())} of {len(compared)}",
    }


def _write(out: Path, imported: borowski2021.PublishedData, results: Results, compared: pd.DataFrame) -> None:
    write(out, "responses", RESPONSES, imported.responses)
    write(out, "ratings", RATINGS, imported.ratings)
    results.write(out)
    for name, table in (("findings", importers.as_table(imported.findings)), ("published", compared)):
        store.write_text(out / f"{name}.csv", csv_text(table, float_format="%.10g"))


ABSTRACT = "abstract (arXiv:2010.12606)"
FIG_4A = "Fig. 4A, bars of the vector file on the project page"
FIG_6A = "Fig. 6, expertise, bars of the vector file on the project page"
FIG_6C = "Fig. 6, presentation schemes, bars of the vector file on the project page"
ROUNDED = 0.005  # given to the percent
DRAWN = 0.0005  # read from coordinates with two decimals, 120 to 170 of which are an accuracy of 1
P_VALUE = 0.0005  # given with three decimals
BELOW, ABOVE, SIGNIFICANT, NOT_SIGNIFICANT = "below", "above", "p < .05", "n.s."


@dataclass(frozen=True)
class Headline:
    """One published statement: a number (`value`, within `reading`) or a relation (`says`) to `value`."""

    source: str
    experiment: str
    quantity: str
    table: str  # estimates or comparisons
    where: dict[str, str]  # our row to compare it with
    column: str  # of that row; `half` is half the interval
    value: float
    reading: float = np.nan
    says: str = ""
    note: str = ""


@dataclass(frozen=True)
class _Bar:
    condition: str
    by: str
    group: str
    mean: float
    half: float
    reading: float
    source: str
    experiment: str = field(default="2")

    def headlines(self) -> list[Headline]:
        where = {"measure": "accuracy", "trial_kind": "main", "condition": self.condition, "by": self.by,
                 "group": self.group, "subset": "all", "aggregate": "participants", "interval": "sem2"}  # fmt: skip
        name = f"accuracy, {self.condition}" + (f", {self.group}" if self.group else "")
        return [
            Headline(self.source, self.experiment, name, "estimates", where, "estimate", self.mean, self.reading),
            Headline(self.source, self.experiment, f"{name}: ±", "estimates", where, "half", self.half, self.reading),
        ]


BARS = (
    _Bar("natural", "all", "", 0.92, 0.02, ROUNDED, ABSTRACT, "1"),
    _Bar("synthetic", "all", "", 0.82, 0.04, ROUNDED, ABSTRACT, "1"),
    _Bar("natural", "scheme", "Max-1", 0.73, 0.04, ROUNDED, ABSTRACT),
    _Bar("synthetic", "scheme", "Max-1", 0.65, 0.05, ROUNDED, ABSTRACT),
    _Bar("natural", "all", "", 0.9222, 0.0169, DRAWN, FIG_4A, "1"),
    _Bar("synthetic", "all", "", 0.8200, 0.0404, DRAWN, FIG_4A, "1"),
    _Bar("synthetic", "expertise", "expert", 0.7050, 0.0281, DRAWN, FIG_6A),
    _Bar("synthetic", "expertise", "lay", 0.6942, 0.0264, DRAWN, FIG_6A),
    _Bar("natural", "expertise", "expert", 0.8338, 0.0318, DRAWN, FIG_6A),
    _Bar("natural", "expertise", "lay", 0.8125, 0.0312, DRAWN, FIG_6A),
    _Bar("synthetic", "scheme", "Max-1", 0.6522, 0.0531, DRAWN, FIG_6C),
    _Bar("synthetic", "scheme", "Max-9", 0.6674, 0.0362, DRAWN, FIG_6C),
    _Bar("synthetic", "scheme", "Min-Max-1", 0.7587, 0.0538, DRAWN, FIG_6C),
    _Bar("synthetic", "scheme", "Min-Max-9", 0.7174, 0.0420, DRAWN, FIG_6C),
    _Bar("natural", "scheme", "Max-1", 0.7304, 0.0411, DRAWN, FIG_6C),
    _Bar("natural", "scheme", "Max-9", 0.8109, 0.0347, DRAWN, FIG_6C),
    _Bar("natural", "scheme", "Min-Max-1", 0.8370, 0.0473, DRAWN, FIG_6C),
    _Bar("natural", "scheme", "Min-Max-9", 0.9087, 0.0335, DRAWN, FIG_6C),
)


def headlines() -> list[Headline]:
    """Every number and statement that is certainly published; nothing is reconstructed from our results."""
    return [headline for bar in BARS for headline in bar.headlines()] + _relations()


def beside(results: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Each headline with ours: source, experiment, quantity, published, says, ours, agrees, note.

    `results` has the tables `estimates` and `comparisons`. `agrees` compares within the reading's precision plus half
    a unit of ours; a row missing from our tables has NaN and does not agree.
    """
    return pd.DataFrame([_row(headline, results[headline.table]) for headline in headlines()])


def _relations() -> list[Headline]:
    found = [
        Headline(FIG_4A, "1", "p of natural against synthetic, accuracy", "comparisons", _post_hoc("accuracy"), "p",
                 0.005, P_VALUE, note="agrees with the post hoc p before Bonferroni's correction, which would make it "
                 ".0145; see docs/explanation/reproduction.md"),
        Headline("the study's account (accuracy without references)", "1", "accuracy, none", "estimates",
                 _mean("none"), "estimate", 0.5, says=BELOW),
        Headline(ABSTRACT, "1", "natural better than synthetic", "comparisons", _post_hoc("accuracy"), "p_adjusted",
                 0.05, says=SIGNIFICANT),
        Headline(ABSTRACT, "1", "natural faster than synthetic (s, right answers)", "comparisons",
                 _post_hoc("rt_s", "correct"), "difference", 0.0, says=BELOW),
        Headline(ABSTRACT, "1", "natural faster than synthetic (right answers)", "comparisons",
                 _post_hoc("rt_s", "correct"), "p_adjusted", 0.05, says=SIGNIFICANT),
        Headline(ABSTRACT, "1", "more confident with natural than with synthetic (right answers)", "comparisons",
                 _post_hoc("confidence", "correct"), "difference", 0.0, says=ABOVE),
        Headline(ABSTRACT, "1", "more confident with natural than with synthetic (right answers)", "comparisons",
                 _post_hoc("confidence", "correct"), "p_adjusted", 0.05, says=SIGNIFICANT),
        Headline(ABSTRACT, "2", "natural better than synthetic, Max-1", "comparisons",
                 _paired("scheme", "Max-1"), "p", 0.05, says=SIGNIFICANT),
    ]  # fmt: skip
    for selection in ("hand_picked", "random"):
        found.append(Headline(ABSTRACT, "1", f"natural better than synthetic, {selection} units", "comparisons",
                              _paired("selection", selection), "difference", 0.0, says=ABOVE))  # fmt: skip
    for expertise in ("expert", "lay"):
        found.append(Headline(ABSTRACT, "2", f"natural better than synthetic, {expertise}", "comparisons",
                              _paired("expertise", expertise), "difference", 0.0, says=ABOVE))  # fmt: skip
    for condition in ("synthetic", "natural"):
        where = {"measure": "accuracy", "subset": "all", "by": "condition", "group": condition, "a": "expert",
                 "b": "lay", "test": "mann_whitney"}  # fmt: skip
        found.append(Headline(FIG_6A, "2", f"experts against lay people, {condition}", "comparisons", where, "p",
                              0.05, says=NOT_SIGNIFICANT))  # fmt: skip
    return found


def _mean(condition: str) -> dict[str, str]:
    return {"measure": "accuracy", "trial_kind": "main", "condition": condition, "by": "all", "subset": "all",
            "aggregate": "participants", "interval": "sem2"}  # fmt: skip


def _post_hoc(measure: str, subset: str = "all") -> dict[str, str]:
    return {"measure": measure, "subset": subset, "by": "all", "a": "natural", "b": "synthetic",
            "test": "rm_anova_posthoc"}  # fmt: skip


def _paired(by: str, group: str) -> dict[str, str]:
    return {"measure": "accuracy", "subset": "all", "by": by, "group": group, "a": "natural", "b": "synthetic",
            "test": "paired_t"}  # fmt: skip


def _row(headline: Headline, table: pd.DataFrame) -> dict[str, object]:
    chosen = table[table["experiment"] == headline.experiment]
    for column, value in headline.where.items():
        chosen = chosen[chosen[column] == value]
    ours = np.nan
    if len(chosen) == 1:
        row = chosen.iloc[0]
        ours = (row["high"] - row["low"]) / 2 if headline.column == "half" else row[headline.column]
    return {
        "source": headline.source, "experiment": headline.experiment, "quantity": headline.quantity,
        "published": headline.value, "says": headline.says or "equals", "ours": float(ours),
        "agrees": _agrees(headline, float(ours)), "note": headline.note,
    }  # fmt: skip


def _agrees(headline: Headline, ours: float) -> bool:
    if headline.says in (BELOW, SIGNIFICANT):
        return bool(ours < headline.value)
    if headline.says in (ABOVE, NOT_SIGNIFICANT):
        return bool(ours > headline.value)
    return bool(abs(ours - headline.value) <= headline.reading + 1e-9)
