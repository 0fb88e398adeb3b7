"""Example trials as an observer sees them: one screen a condition and scheme, all about one unit where possible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exemplum.report import style, wording
from exemplum.report.embedding import Pictures
from exemplum.report.select import Tables

SIZES = {"query": 160, "many": 88, "one": 200}  # px of the embedded copies
MOST = 8  # screens


@dataclass(frozen=True)
class Screen:
    """One trial, drawn. Images are data URIs; references are in the order of the screen, row by row."""

    title: str
    trial_id: str
    unit: str
    minimal: list[str]
    maximal: list[str]
    queries: tuple[str, str]  # top, bottom
    right: str  # top or bottom: told only below the screen
    evidence: str  # activations of the two queries
    answers: str  # how observers answered this trial


def screens(tables: Tables, pictures: Pictures) -> list[Screen]:
    """An example for each condition and scheme of the design's main trials, in the report's order of conditions."""
    main = tables.trials[tables.trials["kind"] == "main"]
    return [_screen(trial, tables, pictures) for trial in _examples(main)][:MOST]


def _examples(main: pd.DataFrame) -> list[pd.Series]:
    if main.empty:
        return []
    shown = main.groupby("unit")["condition"].nunique()
    candidates = shown[shown == shown.max()].index
    # A unit from the middle of the network: early ones are simple, late ones hard to see at this size.
    unit = sorted(candidates, key=style.natural_key)[len(candidates) // 2]
    examples = []
    for condition in style.ordered(main["condition"]):
        own = main[main["condition"] == condition]
        for scheme in sorted(set(own["scheme"]), key=style.natural_key):
            rows = own[own["scheme"] == scheme]
            same = rows[rows["unit"] == unit]
            examples.append((same if len(same) else rows).sort_values("trial_id").iloc[0])
    return examples


def _screen(trial: pd.Series, tables: Tables, pictures: Pictures) -> Screen:
    def small(paths: tuple[str, ...]) -> list[str]:
        return [pictures.uri(path, SIZES["one" if len(paths) == 1 else "many"]) for path in paths]

    queries = {trial["max_side"]: trial["query_max"]}
    queries["bottom" if trial["max_side"] == "top" else "top"] = trial["query_min"]
    scheme = f", {trial['scheme']}" if trial["scheme"] else ""
    return Screen(
        title=f"{_heading(trial['condition'])}{scheme}",
        trial_id=trial["trial_id"],
        unit=trial["unit"],
        minimal=small(trial["min_references"]),
        maximal=small(trial["max_references"]),
        queries=(pictures.uri(queries["top"], SIZES["query"]), pictures.uri(queries["bottom"], SIZES["query"])),
        right=trial["max_side"],
        evidence=_evidence(trial, tables.stimuli),
        answers=_answers(trial, tables.responses),
    )


def _heading(condition: str) -> str:
    return "Without references" if condition == "none" else style.label(condition).capitalize()


def _evidence(trial: pd.Series, stimuli: pd.DataFrame) -> str:
    known = stimuli.drop_duplicates("path").set_index("path")["activation"]
    best, least = (float(known.get(trial[query], np.nan)) for query in ("query_max", "query_min"))
    if wording.undefined(best) or wording.undefined(least):
        return "The unit's activations for the two are not known: the study was made from finished stimuli."
    return f"The unit's activation is {wording.number(best)} for it and {wording.number(least)} for the other."


def _answers(trial: pd.Series, responses: pd.DataFrame) -> str:
    rows = responses[responses["trial_id"] == trial["trial_id"]]
    said = []
    for observer in style.ordered_observers(rows["observer"]):
        own = rows[rows["observer"] == observer]
        said.append(f"{observer} {int(own['correct'].sum())} of {len(own)}")
    return f"Right answers to this very trial: {', '.join(said)}." if said else "No one answered this trial."
