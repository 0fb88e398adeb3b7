"""The files of STUDY/report/paper: methods in words, participant flow, table of exclusions, scripts that refit."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pandas as pd

from exemplum import store
from exemplum.report import page
from exemplum.report.figures.flow import participants as drawn_flow
from exemplum.report.formatting import Listing, Tables, listing
from exemplum.report.paper import methods as words
from exemplum.report.paper.participants import Flow, flow
from exemplum.report.paper.rules import by_rule
from exemplum.responses import read_entered
from exemplum.study import Study, stamped

SCRIPTS = ("refit.R", "refit.py")
FOLDER, METHODS, FLOW, RULES = "paper", "methods.md", "participant_flow", "exclusions_by_rule"


@dataclass(frozen=True)
class Paper:
    """What the report shows of the files."""

    methods: list[words.Paragraph]
    references: list[str]
    flow_image: str  # data URI
    flow_alt: str
    flow_width: int  # CSS px
    flow_least: int  # CSS px to which it shrinks on a narrow screen
    rules: Listing


def write(study: Study, tables: Tables, folder: Path) -> Paper | None:
    """Write the files of a study that people answered into folder/paper; None, and no folder, if nobody did."""
    paper = folder / FOLDER
    shutil.rmtree(paper, ignore_errors=True)
    found = flow(tables.responses, tables.exclusions, read_entered(study))
    if found is None:
        return None
    rules, cited = by_rule(tables.exclusions), words.references()
    paragraphs = words.methods(study, tables, found, rules)
    store.write_text(paper / METHODS, words.markdown(paragraphs, cited, rules, stamped.notice(study)))
    store.write_text(paper / f"{RULES}.csv", store.csv_text(rules))
    store.write_text(paper / f"{RULES}.tex", latex(rules))
    store.write_text(paper / f"{FLOW}.csv", store.csv_text(found.table()))
    figure = drawn_flow(found).get_figure(root=True)
    assert figure is not None
    image, width = page.drawn(figure, paper, FLOW)
    for name in SCRIPTS:
        store.write_text(paper / name, script(name))
    return Paper(paragraphs, cited, image, _described(found), width, page.LEAST, listing(rules))


def script(name: str) -> str:
    """The text of one of SCRIPTS."""
    return resources.files("exemplum.report.paper").joinpath(name).read_text(encoding="utf-8")


def latex(table: pd.DataFrame) -> str:
    """A table for LaTeX with the package booktabs."""
    if table.empty:
        return "% no rule of exclusion was declared\n"
    numeric = [pd.api.types.is_numeric_dtype(table[name]) for name in table]
    rows = [[_escaped(str(value)) for value in row] for row in table.itertuples(index=False)]
    lines = [
        f"\\begin{{tabular}}{{{''.join('r' if one else 'l' for one in numeric)}}}", "\\toprule",
        f"{' & '.join(map(_escaped, table))} \\\\", "\\midrule", *(f"{' & '.join(row)} \\\\" for row in rows),
        "\\bottomrule", "\\end{tabular}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    for character in ("\\", "_", "%", "&", "#", "$", "{", "}"):
        text = text.replace(character, "\\textbackslash " if character == "\\" else f"\\{character}")
    return text


def _described(found: Flow) -> str:
    parts = [f"{step.name} {step.n}" + "".join(f"; {reason} {n}" for reason, n in step.left) for step in found.steps]
    return f"Participant flow. {'. '.join(parts)}."
