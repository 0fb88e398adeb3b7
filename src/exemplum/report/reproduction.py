"""The report of a reproduction: published numbers beside those that our analysis finds in the same data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from exemplum import pages, store, tables
from exemplum.report import figures, findings, formatting, page, style
from exemplum.report.formatting import Tables, how, pick
from exemplum.store import Table

TITLES = {"1": "Experiment I", "2": "Experiment II"}
STUDY = (
    "Borowski, Zimmermann et al., “Exemplary Natural Images Explain CNN Activations Better than State-of-the-Art "
    "Feature Visualization” (ICLR 2021)"
)


@dataclass(frozen=True)
class Experiment:
    """One experiment's part of the page."""

    anchor: str
    title: str
    respondents: list[findings.Respondent]
    figures: list[page.PageFigure]
    comparisons: formatting.Listing


def write_reproduction(out: Path) -> dict[str, Any]:
    """Write OUT/index.html and OUT/figures from the tables that `exemplum reproduce` wrote into OUT.

    Reads estimates and comparisons (required), responses, ratings, verdicts, effects, published and findings
    (optional), each as OUT/NAME.parquet or OUT/NAME.csv. `published` has one row per published number or statement:
    experiment, quantity, published, says (equals, above, …), ours, agrees, source, note. Raises StoreError naming a
    table that is missing or broken.
    """
    found = Tables(
        estimates=_table(out, "estimates", tables.ESTIMATES),
        comparisons=_table(out, "comparisons", tables.COMPARISONS),
        responses=_table(out, "responses", tables.RESPONSES, needed=False),
        verdicts=_table(out, "verdicts", tables.VERDICTS, needed=False),
        ratings=_table(out, "ratings", tables.RATINGS, needed=False),
        effects=_table(out, "effects", tables.EFFECTS, needed=False),
    )
    headlines, noticed = _any(out, "published"), _any(out, "findings")
    experiments = list(_experiments(found, out / "figures"))
    said = findings.findings(found)
    text = page.render(
        "reproduction.html.j2",
        title="The published study, reproduced from its own trials",
        study=STUDY,
        headlines=_headlines(headlines),
        agreement=_agreement(_headlines(headlines)),
        findings=said,
        verdicts=findings.declared_verdicts(found.verdicts),
        kinds=findings.apart(said),
        conditions=findings.conditions(said),
        how=how(pick(found.estimates, "accuracy")),
        experiments=experiments,
        noticed=formatting.listing(noticed),
        exported=[
            formatting.ExportedTable(path.stem, "", 0, 0)
            for path in sorted(out.glob("*.csv"))
        ],
    )  # fmt: skip
    store.write_text(out / "index.html", text)
    return {"figures": sum(len(e.figures) for e in experiments), "page": str(out / "index.html")}


def _experiments(found: Tables, folder: Path) -> Any:
    first = 1
    for name in sorted(set(found.estimates["experiment"]), key=style.natural_key):
        estimates = found.estimates[found.estimates["experiment"] == name]
        prefix = f"experiment_{name}_"
        shown = page.show(figures.PLOTS, estimates, folder, first, prefix)
        ratings = found.ratings[found.ratings["experiment"] == name]
        if len(ratings):
            shown.append(page.show_ratings(ratings, folder, first + len(shown), prefix))
        effects = found.effects[found.effects["experiment"] == name]
        shown += page.show_units(effects, folder, first + len(shown), prefix)
        first += len(shown)
        rows = found.comparisons[found.comparisons["experiment"] == name]
        who = findings.who_answered(found.responses[found.responses["experiment"] == name])
        title = TITLES.get(name, f"Experiment {name}")
        yield Experiment(
            f"experiment-{name}", title, who, shown, formatting.listing(rows, formatting.COMPARISON_COLUMNS, most=250)
        )


@dataclass(frozen=True)
class Headline:
    experiment: str
    quantity: str
    published: str
    ours: str
    agrees: bool
    source: str
    note: str


def _headlines(rows: pd.DataFrame) -> list[Headline]:
    return [
        Headline(
            experiment=TITLES.get(str(row["experiment"]), str(row["experiment"])).removeprefix("Experiment "),
            quantity=row["quantity"],
            published=_relation(row["says"], float(row["published"])),
            ours=pages.number(float(row["ours"]), 4),
            agrees=bool(row["agrees"]),
            source=row["source"],
            note="" if pd.isna(row["note"]) else row["note"],
        )
        for _, row in rows.iterrows()
    ]


def _relation(says: str, value: float) -> str:
    if says == "equals":
        return f"{value:g}"
    return f"{says} {value:g}" if says in ("above", "below") else says


def _agreement(headlines: list[Headline]) -> str:
    """How many headlines agree, in words."""
    agreeing = sum(headline.agrees for headline in headlines)
    return f"{agreeing} of {len(headlines)} published numbers and statements agree with ours within their precision."


def _table(out: Path, name: str, table: Table, needed: bool = True) -> pd.DataFrame:
    """OUT/NAME.parquet, or else OUT/NAME.csv, as a checked table."""
    if not needed and not any((out / f"{name}.{kind}").exists() for kind in ("parquet", "csv")):
        return table.frame()
    if (out / f"{name}.parquet").exists() or not (out / f"{name}.csv").exists():
        return table.read(out / f"{name}.parquet")
    texts = {column: "str" for column, spec in table.columns.items() if spec.dtype == "str"}
    raw = pd.read_csv(out / f"{name}.csv", dtype=texts)
    return table.frame(raw.fillna(dict.fromkeys(texts, "")))


def _any(out: Path, name: str) -> pd.DataFrame:
    for path, read in ((out / f"{name}.parquet", pd.read_parquet), (out / f"{name}.csv", pd.read_csv)):
        if path.exists():
            return read(path)
    return pd.DataFrame()
