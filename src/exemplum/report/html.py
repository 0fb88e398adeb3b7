"""The report of a study as one HTML file: pictures and figures inside, no other file needed, no request sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from exemplum import store
from exemplum.report import (
    cards,
    exporting,
    figures,
    findings,
    listing,
    page,
    provenance,
    respondents,
    screens,
    style,
    wording,
)
from exemplum.report import strength as strengths
from exemplum.report.embedding import Pictures
from exemplum.report.select import Tables, how, pick
from exemplum.study import Study

QUESTION = "Which of the two images at the center is also a strongly (maximally) activating image?"


def write(
    study: Study,
    tables: Tables,
    folder: Path,
    exported: list[exporting.Exported],
    notes: tuple[str, ...] = (),
    blinding: str = "",
) -> dict[str, Any]:
    """Write folder/index.html and folder/figures. Returns a summary: figures, units, megabytes, missing pictures."""
    pictures = Pictures(study.folder)
    shown = page.show(figures.PLOTS, tables.estimates, folder / "figures")
    ratings = _of_kept(tables.ratings, tables.exclusions)
    if len(ratings):
        shown.append(page.show_ratings(ratings, folder / "figures", len(shown) + 1))
    unit_cards = cards.cards(tables, pictures)
    examples = screens.screens(tables, pictures)
    found = findings.findings(tables)
    strong = strengths.strengths(tables.stimuli, tables.units)
    text = page.render(
        "report.html.j2",
        title=_title(study, tables),
        asked=_asked(study, tables),
        question=QUESTION,
        made=str((study.record("analysis") or {}).get("finished", ""))[:10],
        findings=found,
        told=[finding for finding in found if not finding.check] or found,
        conditions=findings.conditions(found),
        how=how(pick(tables.estimates, "accuracy")),
        respondents=respondents.respondents(tables.responses),
        people=respondents.people(tables.people),
        main_figure=shown[:1],
        figures=shown[1:],
        screens=examples,
        strength=strong,
        strength_sentence=strengths.sentence(strong),
        cards=unit_cards,
        units_left_out=int((tables.units["role"] == "main").sum()) - len(unit_cards),
        comparisons=listing.listing(tables.comparisons, listing.COMPARISON_COLUMNS),
        provenance=provenance.provenance(study),
        notes=notes,
        blinding=blinding,
        verdicts=findings.verdicts(tables.verdicts),
        exclusions=respondents.exclusions(tables.exclusions),
        exported=exported,
        missing=pictures.missing,
    )
    store.write_text(folder / "index.html", text)
    return {
        "figures": len(shown),
        "units": len(unit_cards),
        "megabytes": round(len(text.encode()) / 1e6, 1),
        "page": str(folder / "index.html"),
    } | ({"missing pictures": len(pictures.missing)} if pictures.missing else {})


def _of_kept(ratings: pd.DataFrame, exclusions: pd.DataFrame) -> pd.DataFrame:
    """RATINGS of the participants whom no rule excludes."""
    who = ["experiment", "observer", "participant"]
    excluded = pd.MultiIndex.from_frame(exclusions.loc[exclusions["verdict"] == "excluded", who])
    return ratings[~pd.MultiIndex.from_frame(ratings[who]).isin(excluded)]


def _title(study: Study, tables: Tables) -> str:
    methods = [style.label(m) for m in style.ordered(tables.stimuli["method"])]
    network = "a network" if study.config.stimuli else _network(study)
    return f"How well do {wording.listed(methods)} images explain the units of {network}?"


def _network(study: Study) -> str:
    if study.config.stimuli:
        return "not known: the study was made from finished stimuli"
    name = study.config.model.load
    return "the embedded InceptionV1" if name == "embedded" else name


def _asked(study: Study, tables: Tables) -> dict[str, Any]:
    units = tables.units[tables.units["role"] == "main"]
    main = tables.trials[tables.trials["kind"] == "main"]
    return {
        "study": study.folder.resolve().name,
        "network": _network(study),
        "images": study.config.stimuli.load if study.config.stimuli else study.config.images.load,
        "protocol": study.config.design.protocol,
        "units": units["unit"].nunique(),
        "layers": sorted(set(units["layer"]), key=style.natural_key),
        "conditions": [style.label(c) for c in style.ordered(main["condition"])],
        "sessions": tables.trials["participant"].nunique(),
        "main_trials": len(main),
        "trials_a_session": _typical(tables.trials),
    }


def _typical(trials: pd.DataFrame) -> int:
    return int(trials.groupby("participant").size().median()) if len(trials) else 0
