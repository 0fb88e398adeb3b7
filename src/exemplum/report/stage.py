"""The report stage: from the tables of a study to one HTML file, figures and tables."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from exemplum import checks, pages, queries, scores, store, tables
from exemplum.records import easiest_first
from exemplum.report import (
    figures,
    findings,
    formatting,
    page,
    paper,
    pictures as strengths,
    prediction,
    provenance,
    ranking,
    scored,
    style,
)  # fmt: skip
from exemplum.report.formatting import Tables, how, pick
from exemplum.report.page import Pictures
from exemplum.report.pictures import example_screens, make_cards
from exemplum.responses import exclusions, files, read_all, read_entered
from exemplum.study import Stage, Study, blinding, stamped

SCHEMA = 7  # of the report; a new number makes every report stale
ALWAYS = ("estimates", "comparisons", "responses")  # exported even if they are empty
UPSTREAM = ("explanations", "design", "responses", "analysis")


def fingerprint(study: Study) -> str:
    """Hash of everything that the report depends on: earlier stages, settings, people's answers, who entered."""
    upstream = [study.made(stage) for stage in UPSTREAM]
    answers = [(path.name, path.stat().st_size) for path in files(study.stage("responses"), "responses")]
    settings = study.config.model_dump(mode="json")
    entered = read_entered(study)
    return store.digest(
        SCHEMA, upstream, answers, settings, *blinding.state(study), checks.made(study), scores.made(study),
        asdict(entered) if entered else None,
    )  # fmt: skip


def run(study: Study) -> dict[str, Any]:
    """Write the report. Raises StoreError naming a missing table and the stage that makes it."""
    folder = study.stage("report")
    found = read(study)
    study.begin_writing("report")
    if blinding.is_blind(study):  # figures and tables of an unblinded report must not stay beside this one
        for held in ("figures", "tables"):
            shutil.rmtree(folder / held, ignore_errors=True)
    with style.of_study(conditions(study, _people(found.responses))):
        return write(study, found, folder, _export(study, found), _notes(study), blinding.notice(study))


def _people(responses: pd.DataFrame) -> list[str]:
    return list(responses.loc[responses["observer_kind"] == "person", "observer"].unique())


def conditions(study: Study, people: Iterable[str] = ()) -> style.Conditions:
    """What study.toml says of the study's conditions; `people` are further observers that are people."""
    section = study.config.explanations
    of_corpus = [use.name for use in section.uses if use.method in ("natural", "random")]
    return style.Conditions(
        baseline=section.baseline,
        nulls=tuple(use.name for use in section.uses if use.method == "random"),
        exemplars=tuple({"natural", *of_corpus}),
        names=tuple(use.name for use in section.uses),
        stamp=stamped.kind_of(study.folder),
        people=(style.PEOPLE, *people),
    )


def read(study: Study) -> Tables:
    """All tables that the report shows; answers of people and machines together, without those that are blinded.

    Raises UserError for answers that `responses.check` refuses.
    """
    found = read_all(study.stage("responses"), allow_none=True)
    analysis = study.stage("analysis")
    stimuli, pairs = queries.load(study)
    shown = blinding.visible(
        study,
        found.responses,
        found.ratings,
        found.people,
        tables.ESTIMATES.read(analysis / "estimates.parquet"),
        tables.COMPARISONS.read(analysis / "comparisons.parquet"),
        _optional(tables.EXCLUSIONS, analysis / "exclusions.parquet"),
        _optional(tables.VERDICTS, analysis / "verdicts.parquet"),
        _optional(tables.MODELS, analysis / "models.parquet"),
        _optional(tables.EFFECTS, analysis / "effects.parquet"),
        _optional(tables.PEOPLE_AND_MACHINES, analysis / "people_and_machines.parquet"),
    )
    summaries, differences = scores.current(study)
    names = (
        "responses", "ratings", "people", "estimates", "comparisons", "exclusions", "verdicts", "models", "effects",
        "people_and_machines",
    )  # fmt: skip
    return Tables(
        units=queries.load_units(study),
        stimuli=stimuli,
        queries=pairs,
        trials=tables.TRIALS.read(study.stage("design") / "trials.parquet"),
        checks=checks.current(study),
        score_summaries=summaries,
        score_differences=differences,
        **dict(zip(names, shown, strict=True)),
    )


def _optional(table: store.Table, path: Path) -> pd.DataFrame:
    return table.read(path) if path.exists() else table.frame()


def _export(study: Study, found: Tables) -> list[formatting.ExportedTable]:
    folder = study.stage("report") / "tables"
    given: list[tuple[str, pd.DataFrame, store.Table]] = [
        ("estimates", found.estimates, tables.ESTIMATES),
        ("comparisons", found.comparisons, tables.COMPARISONS),
        ("models", found.models, tables.MODELS),
        ("effects", found.effects, tables.EFFECTS),
        ("verdicts", found.verdicts, tables.VERDICTS),
        ("people_and_machines", found.people_and_machines, tables.PEOPLE_AND_MACHINES),
        ("exclusions", found.exclusions, tables.EXCLUSIONS),
        ("people", found.people, tables.PEOPLE),
        ("ratings", found.ratings, tables.RATINGS),
        ("responses", found.responses, tables.RESPONSES),
        ("trials", found.trials, tables.TRIALS),
        ("stimuli", found.stimuli, tables.STIMULI),
        ("queries", found.queries, tables.QUERIES),
        ("units", found.units, tables.STUDY_UNITS),
        ("checks", found.checks, tables.CHECKS),
        ("score_summaries", found.score_summaries, tables.SCORE_SUMMARIES),
        ("score_differences", found.score_differences, tables.SCORE_DIFFERENCES),
    ]
    index = study.stage("index") / "units.parquet"
    if index.exists():
        given.append(("index_units", tables.INDEX_UNITS.read(index), tables.INDEX_UNITS))
    exported = []
    for name, frame, table in given:
        if len(frame) or name in ALWAYS:
            exported.append(formatting.export(folder, name, frame, table.summary))
        else:  # of an earlier report, whose table the study no longer has
            for suffix in (".csv", ".parquet"):
                (folder / f"{name}{suffix}").unlink(missing_ok=True)
    return exported


def _notes(study: Study) -> tuple[str, ...]:
    """The design's notes: where the study is smaller than its protocol."""
    from exemplum import design

    return tuple(design.load(study).notes)


MOST_NAMED = 4  # methods in the title
QUESTION = "Which of the two images at the center is also a strongly (maximally) activating image?"


def write(
    study: Study,
    tables: Tables,
    folder: Path,
    exported: list[formatting.ExportedTable],
    notes: tuple[str, ...] = (),
    blinding: str = "",
) -> dict[str, Any]:
    """Write folder/index.html and folder/figures. Returns a summary: figures, units, megabytes, missing pictures."""
    pictures = Pictures(study.folder)
    shown = page.show(figures.PLOTS, tables.estimates, folder / "figures")
    ratings = exclusions.kept(tables.ratings, tables.exclusions)
    if len(ratings):
        shown.append(page.show_ratings(ratings, folder / "figures", len(shown) + 1))
    judged = tables.effects[~tables.effects["observer"].isin(style.CHECKS)]
    shown += page.show_units(judged, folder / "figures", len(shown) + 1)
    predicted = prediction.prediction(tables, folder / "figures", len(shown) + 1)
    unit_cards = make_cards(tables, pictures)
    examples = example_screens(tables, pictures)
    ranked = ranking.rankings(tables)
    found = findings.ranked(findings.findings(tables), ranked)
    strong = strengths.strengths(tables.stimuli, tables.units)
    text = page.render(
        "report.html.j2",
        title=_stamped(study, _title(study, tables)),
        stamp=stamped.notice(study),
        asked=_asked(study, tables),
        question=QUESTION,
        made=study.day("analysis"),
        findings=found,
        kinds=findings.apart(found),
        told=findings.apart([finding for finding in found if not finding.check] or found),
        conditions=findings.conditions(found),
        how=how(pick(tables.estimates, "accuracy")),
        rankings=ranked,
        baseline=style.conditions().baseline,
        unjudged=findings.unjudged(tables),
        respondents=findings.who_answered(tables.responses, _told(study)),
        people_told=findings.people_sentence(tables.people),
        main_figure=shown[:1],
        figures=shown[1:],
        prediction=predicted,
        screens=examples,
        checked=checks.counts(tables.checks),
        check_conclusion=checks.conclusion(tables.checks),
        check_lines=checks.lines(tables.checks),
        check_all=checks.lines(tables.checks, fine=True),
        paper=paper.write(study, tables, folder),
        scored=scored.section(tables),
        scores_page=f"../{scores.FOLDER}/{scores.PAGE}" if scores.page_of(study) else "",
        strength=strong,
        strength_sentence=strengths.sentence(strong),
        cards=unit_cards,
        units_left_out=int((tables.units["role"] == "main").sum()) - len(unit_cards),
        claims=formatting.listing(tables.verdicts, formatting.CLAIM_COLUMNS),
        comparisons=formatting.listing(tables.comparisons, formatting.COMPARISON_COLUMNS),
        provenance=provenance.of_study(study),
        notes=notes,
        blinding=blinding,
        verdicts=findings.declared_verdicts(tables.verdicts),
        exclusions=findings.exclusion_sentences(tables.exclusions),
        exported=exported,
        missing=pictures.missing,
    )
    store.write_text(folder / "index.html", text)
    return {
        "figures": len(shown) + len(predicted.figures),
        "units": len(unit_cards),
        "megabytes": round(len(text.encode()) / 1e6, 1),
        "page": str(folder / "index.html"),
    } | ({"missing pictures": len(pictures.missing)} if pictures.missing else {})


def _title(study: Study, tables: Tables) -> str:
    methods = [style.label(m) for m in style.ordered(tables.stimuli["method"])]
    network = "a network" if study.config.stimuli else _network(study)
    named = pages.listed(methods) if len(methods) <= MOST_NAMED else f"{len(methods)} kinds of"
    return f"How well do {named} images explain the units of {network}?"


def _stamped(study: Study, title: str) -> str:
    kind = stamped.kind_of(study.folder)
    return f"{kind.capitalize()}: {title}" if kind else title


def _network(study: Study) -> str:
    if study.config.stimuli:
        return "unknown: the study was made from finished stimuli"
    name = study.config.model.load
    return "the embedded InceptionV1" if name == "embedded" else name


def _asked(study: Study, tables: Tables) -> dict[str, Any]:
    units = tables.units[tables.units["role"] == "main"]
    main = tables.trials[tables.trials["kind"] == "main"]
    return {
        "study": stamped.of(study.folder).resolve().name,
        "network": _network(study),
        "images": study.config.stimuli.load if study.config.stimuli else study.config.images.load,
        "protocol": study.config.design.protocol,
        "units": units["unit"].nunique(),
        "layers": sorted(set(units["layer"]), key=style.natural_key),
        "conditions": [style.label(c) for c in style.ordered(main["condition"])],
        "difficulties": easiest_first(name for name in main["difficulty"] if name),
        "sessions": tables.trials["participant"].nunique(),
        "main_trials": len(main),
        "trials_per_session": _typical(tables.trials),
    }


def _typical(trials: pd.DataFrame) -> int:
    return int(trials.groupby("participant").size().median()) if len(trials) else 0


# in the summary of the responses stage, after the name of an observer → what the report says of it
DOES = {" compares": "compares queries with references by ", " asks": "asks "}


def _told(study: Study) -> dict[str, str]:
    """Observer → what it compares pictures by, or which model it asks, as the responses stage told it."""
    said = {key: str(value) for key, value in (study.record("responses") or {}).get("summary", {}).items()}
    found = {"similarity": f"{DOES[' compares']}features {said['features']}"} if "features" in said else {}  # up to 0.2
    for verb, does in DOES.items():
        found |= {key.removesuffix(verb): f"{does}{said[key]}" for key in said if key.endswith(verb)}
    return found


STAGE = Stage("report", fingerprint, run)
