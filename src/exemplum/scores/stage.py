"""The scores stage: machine scores of every unit of the indexed layers, beside their nulls; writes `scores/`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from exemplum import observers, queries, responses, store, tables
from exemplum.errors import UserError
from exemplum.explanations import Explanation, ExplanationMethod, stage as explanations_stage, whole_images
from exemplum.index import stage as index_stage
from exemplum.queries import stage as queries_stage
from exemplum.records import Picture, Pole, Unit
from exemplum.runtime import Cluster, console, styled
from exemplum.scores import page, populations, stored, summary
from exemplum.scores.pictures import scored_pictures
from exemplum.scores.populations import OF_UNITS, IndexSettings
from exemplum.scores.scoring import Plan, draw_and_embed, scored
from exemplum.scores.stored import FOLDER
from exemplum.scores.units import of_nulls
from exemplum.study import Stage, Study

VERSION = 3
KEPT = "cache"  # vectors of images, indexes of nulls, and of a run that was stopped:
PARTS = "parts"  # scores of some units


def needs(study: Study) -> tuple[str, ...]:
    """The stages whose results are scored: those that make pictures only if there are other than the corpus's own."""
    return ("index",) if not _drawn(study) else ("index", "queries", "explanations")


def check_names(study: Study) -> None:
    """Raise UserError if study.toml names a method or a file that does not exist."""
    if study.config.stimuli:
        raise UserError(f"{study.folder / 'study.toml'}: scores need a network and images, but [stimuli] are finished")
    _everywhere(study)
    if study.config.scores.calibration:
        with study.setting("[scores] calibration"):
            responses.calibrated_observers(study.resolve(study.config.scores.calibration))


def check(study: Study) -> None:
    """Raise UserError if study.toml names an observer that does not exist, or that answers trials alone."""
    with study.setting("[scores] observers"):
        observers.encoders(study, study.config.scores.observers)
    with study.setting("[scores] calibration"):
        _alphas(study)


def fingerprint(study: Study) -> str:
    section = study.config.scores
    made = [
        index_stage.made(study),
        [explanations_stage.pictures_key(study, use, method, "") for use, method in _everywhere(study)],
    ]
    if _drawn(study):
        made += [queries_stage.made(study), _pictures_made(study)]
    judges = [[encoder.name, encoder.fingerprint] for encoder in observers.encoders(study, section.observers)]
    uses = [[use.name, use.method, dict(use.parameters)] for use in _uses(study)]
    return store.digest(
        VERSION, made, section.model_dump(), uses, judges, study.config.seed, _alphas(study),
        study.config.explanations.baseline,
    )  # fmt: skip


def _pictures_made(study: Study) -> str:
    """The fingerprint of the explanations, with a mark that tells pictures that a forced run changed."""
    now = explanations_stage.fingerprint(study)
    return study.made("explanations") or now if study.is_current("explanations", now) else now


def forget(study: Study) -> None:
    """Delete vectors and indexes of nulls, so that they are made again; the scores stay until there are new ones."""
    shutil.rmtree(study.stage(FOLDER) / KEPT, ignore_errors=True)


def _forget_unused(kept: Path, since: float) -> None:
    """Delete vectors and indexes of nulls that were not used since this time: those of earlier settings."""
    indexes = [path.parent for path in kept.glob("*/*/settings.json")]
    for path in [*kept.glob("*/*.npy"), *indexes]:
        if path.stat().st_mtime < since:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def run(study: Study) -> dict[str, Any]:
    began = time.time()
    config, section = study.config, study.config.scores
    model, corpus = index_stage.load_model(study), index_stage.open_corpus(study)
    index = index_stage.load(study).attached(model, corpus)
    layers = index_stage.layers(study, model)
    plan = Plan(section.tasks, section.references, tuple(map(_name, section.difficulty)), config.seed)
    cluster, kept = Cluster(study.ray) if study.ray else None, study.stage(FOLDER) / KEPT
    settings = IndexSettings(
        config.index.relu, config.index.objective, config.index.keep, config.index.sample, config.index.batch,
        config.index.precision, config.seed,
    )  # fmt: skip
    own = populations.own(index, [Unit.parse(name) for name in index.units["unit"]])
    rows = explanations_stage.whole(study, _uses(study))
    encoders, alphas = observers.encoders(study, section.observers), _alphas(study)
    drawn = draw_and_embed(
        [own, *of_nulls(section.nulls, model, corpus, layers, settings, kept, cluster)], plan, corpus,
        model.preprocessing, encoders, kept, cluster=cluster,
    )  # fmt: skip
    found = [scored(
        drawn, encoders, rows=rows, pictures=_pictures(study),
        read=lambda picture: store.read_png(study.folder / picture.path),
        nulls=[null for null in section.nulls if null in OF_UNITS], alphas=alphas,
    )]  # fmt: skip
    parts = kept / PARTS / fingerprint(study)
    for use, method in _everywhere(study):
        found += scored_pictures(
            use.name, method, own, model, drawn, encoders, explanations_stage.settings(study, method), alphas=alphas,
            folder=parts / use.name,
        )  # fmt: skip
    table = tables.SCORES.concat(found)
    baseline = config.explanations.baseline
    differences, summaries = summary.differences(table, baseline), summary.summaries(table)
    study.begin_writing(FOLDER)
    tables.SCORES.write(study.stage(FOLDER) / "scores.parquet", table)
    tables.SCORE_SUMMARIES.write(study.stage(FOLDER) / "summaries.parquet", summaries)
    tables.SCORE_DIFFERENCES.write(study.stage(FOLDER) / "differences.parquet", differences)
    stored.note(study, needs(study))
    random = tuple(name for name, kind in rows.items() if kind == populations.RANDOM)
    network = page.network_name(config.model.load)
    about = page.About(network, f"{len(corpus):,} images, {config.images.load}", baseline, random, config.seed)
    page.write(study.stage(FOLDER) / stored.PAGE, page.Found(table, summaries, differences, about), index)
    _forget_unused(kept, began)
    shutil.rmtree(kept / PARTS, ignore_errors=True)
    _say(differences, next(iter(rows), baseline), section.observers, plan.difficulties)
    return {"units": len(own.units)} | _shares(table, section.observers[0], plan.difficulties)


def _shares(table: pd.DataFrame, observer: str, difficulties: Sequence[str]) -> dict[str, str]:
    """Mean accuracies of the first observer by method and null, at each difficulty."""
    own = table[table["observer"] == observer]
    found = {}
    for (method, null), of in own.groupby(["method", "null"], sort=False):
        means = of.groupby("difficulty")["accuracy"].mean()
        found[f"null {null}" if null else str(method)] = " / ".join(f"{means[name]:.3f}" for name in difficulties)
    return {"accuracy": f"by {observer} at {' / '.join(difficulties)}", **found}


def _say(differences: pd.DataFrame, method: str, judges: Sequence[str], difficulties: Sequence[str]) -> None:
    for observer in judges[:1]:
        for difficulty in difficulties:
            for sentence in summary.said_against_nulls(differences, method, observer, difficulty):
                console.print(styled((f"{method} by {observer} at {difficulty}, minus {sentence}", "dim")))


def _uses(study: Study) -> list[Explanation]:
    """The uses of methods that are scored. Raises UserError for one that [explanations] does not have."""
    known = {use.name: use for use in study.config.explanations.uses}
    chosen = study.config.scores.methods or tuple(known)
    with study.setting("[scores] methods"):
        for name in chosen:
            if name not in known:
                raise UserError(f"{name} is no method of [explanations], which has {', '.join(known)}")
    return [known[name] for name in chosen]


def _drawn(study: Study) -> list[str]:
    """The methods whose pictures the stage of explanations makes, of the units that the study tests."""
    uses = _uses(study)
    others = {*explanations_stage.whole(study, uses), *study.config.scores.every_unit}
    return [use.name for use in uses if use.name not in others]


def _everywhere(study: Study) -> list[tuple[Explanation, ExplanationMethod]]:
    """The methods that make pictures here, of every unit. Raises UserError for one that is not scored or makes none."""
    uses, found = {use.name: use for use in _uses(study)}, []
    with study.setting("[scores] every_unit"):
        for name in study.config.scores.every_unit:
            if name not in uses:
                raise UserError(f"{name} is not among the methods that are scored, {', '.join(uses)}")
            method = explanations_stage.load_use(study, uses[name])
            if whole_images(method):
                raise UserError(f"{name} shows whole images of the corpus, of every unit already; leave it out")
            found.append((uses[name], method))
    return found


def _pictures(study: Study) -> dict[str, list[Picture]]:
    if not (names := _drawn(study)):
        return {}
    stimuli, _ = queries.load(study)
    found: dict[str, list[Picture]] = {name: [] for name in names}
    for row in stimuli[stimuli["method"].isin(names)].itertuples(index=False):
        found[str(row.method)].append(Picture(
            Unit.parse(str(row.unit)), Pole(row.pole), int(row.position), None, int(row.references), int(row.batch),
            str(row.image), str(row.group), path=str(row.path),
        ))  # fmt: skip
    return found


def _alphas(study: Study) -> dict[str, float]:
    """α of each observer that the file of the calibration has. Raises UserError if it is of other encoders."""
    if study.config.scores.calibration is None:
        return {}
    path = study.resolve(study.config.scores.calibration)
    fitted = responses.calibrated_observers(path)
    encoders = observers.encoders(study, study.config.scores.observers)
    return {
        encoder.name: responses.read_calibration(path, encoder).alpha for encoder in encoders if encoder.name in fitted
    }


def _name(difficulty: str | float) -> str:
    return difficulty if isinstance(difficulty, str) else f"{difficulty:g}"


STAGE = Stage(FOLDER, fingerprint, run, check_names, check, forget, VERSION, needs=needs)
