"""The queries stage: choose the units of a study, and the pairs of images that test each of them."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exemplum import models, records, store, tables
from exemplum.errors import UserError, command
from exemplum.images import Corpus
from exemplum.index import ActivationIndex, stage as index_stage
from exemplum.protocols import Protocol, protocol
from exemplum.queries import ANY, OCCLUSION, WINDOW, Queries, units, windows
from exemplum.queries.dealing import is_query
from exemplum.queries.request import CorpusImages, QueryImage, QueryPair, QueryRequest
from exemplum.queries.sources import OwnSource, load_source
from exemplum.queries.table import FOLDER
from exemplum.records import StudyUnit, Unit, unit_columns
from exemplum.runtime import track
from exemplum.study import Config, Stage, Study, user_code

if TYPE_CHECKING:
    from exemplum.models import Model

VERSION = 1


def corpus_images(study: Study, model: Model, index: ActivationIndex) -> CorpusImages:
    """The images of the study's corpus, dealt into queries and references; the same in every stage of a command."""
    key = f"corpus images of {index_stage.made(study)}"
    if key not in study.opened:
        config = study.config
        percentiles = tuple(sorted(use.parameters["percentile"] for use in config.queries.uses if use.source == WINDOW))
        study.opened[key] = CorpusImages(
            model, index_stage.open_corpus(study), index, protocol(config.design.protocol).reference_counts,
            config.explanations.batches, config.seed, percentiles,
        )  # fmt: skip
    found: CorpusImages = study.opened[key]
    return found


def check_names(study: Study) -> None:
    """Raise UserError if study.toml names a protocol or a query source that does not exist."""
    config = study.config
    with study.setting("[design] protocol"):
        protocol(config.design.protocol)
    taken, is_table = set(), config.model.load.startswith(models.TABLE)
    for use in config.queries.uses:
        with study.setting(use.setting):
            records.check_difficulty(use.name)
            if use.name in taken:
                raise UserError(f"two difficulties are called {use.name!r}; rename one")
            taken.add(use.name)
            _load(study, use)
            if is_table and (use.source == OCCLUSION or use.source.startswith("folder:")):
                raise UserError(
                    f"source {use.source.partition(':')[0]} measures pictures, but [model] load is a table of "
                    "activations; use extreme or a percentile"
                )


def check(study: Study) -> None:
    """Raise UserError if there are too few images, or the model lacks units that study.toml requests."""
    config, plan = study.config, protocol(study.config.design.protocol)
    with study.setting(""):
        model = index_stage.load_model(study)
        _check_images(index_stage.open_corpus(study), config, plan)
        units.check(model, index_stage.drawn_layers(study, model), config.units, len(plan.main_sets) or 1)


def fingerprint(study: Study) -> str:
    config = study.config
    return store.digest(
        VERSION, index_stage.made(study), config.units.model_dump(), config.design.protocol,
        config.explanations.batches, config.seed, [_key(study, use) for use in config.queries.uses],
    )  # fmt: skip


def made(study: Study) -> str:
    """The fingerprint, with a mark that distinguishes queries that a forced run changed."""
    now = fingerprint(study)
    return study.made(FOLDER) or now if study.is_current(FOLDER, now) else now


def forget(study: Study) -> None:
    """Mark all pairs to be remade; the existing ones stay until the new ones are complete."""
    for record in study.stage(FOLDER).glob("*/*/*/pairs.json"):
        record.unlink()


def run(study: Study) -> dict[str, Any]:
    if not study.is_current("index", index_stage.fingerprint(study)):
        raise UserError(
            f"the index of {study.folder} was made from other images or settings; run: {command('index', study.folder)}"
        )
    model, index = index_stage.load_model(study), index_stage.load(study)
    given = corpus_images(study, model, index)
    plan = protocol(study.config.design.protocol)
    chosen = _choose(study, model, index, plan, partial(_unable, given))
    asked = QueryRequest(
        [entry.unit for entry in chosen], given, study.config.index.relu, study.config.index.objective,
        study.config.index.batch,
    )  # fmt: skip
    rows, kept = [], []
    for use in study.config.queries.uses:
        home = study.stage(FOLDER) / use.name / store.digest(made_from(study, use), [str(unit) for unit in asked.units])
        rows += _pairs(study, use, asked, home)
        kept.append(home)
    study.begin_writing(FOLDER)
    tables.STUDY_UNITS.write(study.stage(FOLDER) / "units.parquet", units.rows(chosen))
    table = tables.QUERIES.write(study.stage(FOLDER) / "queries.parquet", rows)
    _remove_others(study.stage(FOLDER), kept)
    batches = table.groupby("unit")["batch"].nunique()
    least = int(batches.min())
    cut = f" instead of {given.batches}" if least < given.batches else ""
    return {
        **units.counted(entry.role for entry in chosen), "pairs": len(table), "batches": f"{least}{cut}",
        **_margins(table),
    }  # fmt: skip


def made_from(study: Study, use: Queries) -> list[Any]:
    """Everything that the pairs of one source depend on, but for what a forced run has changed in the index."""
    config = study.config
    percentiles = [use.parameters["percentile"] for use in config.queries.uses if use.source == WINDOW]
    return [
        VERSION, index_stage.fingerprint(study), protocol(config.design.protocol).reference_counts,
        config.explanations.batches, config.seed, percentiles, _key(study, use),
    ]  # fmt: skip


def _margins(table: pd.DataFrame) -> dict[str, str]:
    medians = table.groupby("difficulty", sort=False)["margin"].median()
    return {str(name): f"(median margin {margin:.1f} SD)" for name, margin in medians.items()}


def _key(study: Study, use: Queries) -> list[Any]:
    source = _load(study, use)
    own: Any = source.fingerprint if isinstance(source, OwnSource) else ""
    if use.source.startswith("folder:"):
        own = store.listing(study.resolve(use.source.removeprefix("folder:")))
    return [use.name, use.source, dict(use.parameters), own]


def _load(study: Study, use: Queries) -> Any:
    return load_source(use.source, use.parameters, user_code.places(study.folder), study.resolve)


def _pairs(study: Study, use: Queries, asked: QueryRequest, home: Path) -> list[dict[str, Any]]:
    """Rows of QUERIES of one source; the pairs of a unit are saved as soon as they are complete."""
    records_of = {unit: home / unit.slug / "pairs.json" for unit in asked.units}
    made, source = index_stage.made(study), _load(study, use)
    place = source.place if isinstance(source, OwnSource) else ""
    missing = [unit for unit, record in records_of.items() if not _is_done(record, made)]
    batches = {unit: len(asked.batches(unit)) for unit in asked.units}
    total, left = sum(batches.values()), sum(batches[unit] for unit in missing)
    told = nullcontext() if isinstance(source, OwnSource) else study.setting(use.setting)  # their errors name a file
    with told, track(f"queries {use.name}", total, "batches", done=total - left) as advance:
        if missing:
            request = QueryRequest(tuple(missing), asked.corpus_images, asked.relu, asked.objective, asked.batch)
            for unit, own in itertools.groupby(source(request), key=lambda pair: pair.unit):
                if _is_done(records_of[unit], made):
                    for other in missing:  # none of those of this run is known to have all its pairs
                        records_of[other].unlink(missing_ok=True)
                    raise UserError(
                        f"query source {use.source} gave pairs of {unit}, which is complete already; give all pairs of "
                        f"a unit one after the other{place}"
                    )
                pairs = list(_counted(own, batches[unit], request.references, advance))
                rows = list(_stored(study, use, request, home, unit, pairs, place))
                store.write_json(records_of[unit], {"index": made, "pairs": rows})
        if absent := [str(unit) for unit, record in records_of.items() if not _is_done(record, made)]:
            raise UserError(
                f"query source {use.source} gave no pair of {absent[0]}; give pairs of all of request.units{place}"
            )
    return [row for record in records_of.values() for row in store.read_json(record)["pairs"]]


def _counted(
    pairs: Iterable[QueryPair], batches: int, references: Sequence[int], advance: Callable[[int], None]
) -> Iterator[QueryPair]:
    """The pairs of one unit; `advance` learns of each batch with its first pair, and of the rest at the end.

    It ends with the last pair that can come, and not when the next unit's first one does, which may take hours.
    """
    seen: set[int] = set()
    left = {(batch, k) for batch in range(batches) for k in references}
    for pair in pairs:
        if pair.batch not in seen:
            seen.add(pair.batch)
            advance(1)
        yield pair
        left -= {(pair.batch, k) for k in references if pair.references in (None, k)}
        if not left:
            return
    advance(batches - len(seen))


def _is_done(record: Path, made: str) -> bool:
    """Whether a unit's pairs are there, and of this index."""
    if not record.exists() or (held := store.read_json(record))["index"] != made:
        return False
    names = [row[name] for row in held["pairs"] for name in ("query_max", "query_min")]
    return all((record.parent / Path(name).name).exists() for name in names)


def _stored(
    study: Study, use: Queries, request: QueryRequest, home: Path, unit: Unit, pairs: Sequence[QueryPair], where: str
) -> Iterator[dict[str, Any]]:
    """Write a unit's pairs, and give their rows. Raises UserError for a pair that has no truth.

    `where` is the place of a user's source, for errors.
    """
    measured = _activations(request, unit, pairs)
    facts = request.index.units.iloc[request.index.row(unit)]
    for pair, values in zip(pairs, measured, strict=True):
        if problem := _without_truth(values):
            raise UserError(
                f"{unit} has {problem} for both {use.name} queries of batch {pair.batch}; choose another unit, or "
                f"another difficulty{where}"
            )
        order = (0, 1) if values[0] > values[1] else (1, 0)
        k = ANY if pair.references is None else pair.references
        row: dict[str, Any] = {
            **unit_columns(unit, request.model.branch(unit)), "difficulty": use.name, "source": use.source,
            "references": k, "batch": pair.batch, "margin": float((values[order[0]] - values[order[1]]) / facts["std"]),
            "facts": json.dumps(dict(pair.facts)),
        }  # fmt: skip
        for pole, place in zip(("max", "min"), order, strict=True):
            image, value = pair.images[place], float(values[place])
            path = home / unit.slug / f"{'' if k == ANY else f'k{k}_'}batch{pair.batch:02d}_{pole}.png"
            store.write_png(path, image.image)
            row |= {
                f"query_{pole}": path.relative_to(study.folder).as_posix(), f"image_{pole}": image.image_id,
                f"group_{pole}": image.group, f"activation_{pole}": value,
                f"percentile_{pole}": request.index.percentile(unit, value),
            }  # fmt: skip
        yield row


def _without_truth(activations: np.ndarray) -> str:
    """Why it cannot be said which of two activations is higher; "" if it can."""
    if not np.isfinite(activations).all():
        return f"no finite activation, {activations[0]:.4g} and {activations[1]:.4g},"
    return f"the same activation, {activations[0]:.4g}," if activations[0] == activations[1] else ""


def _activations(request: QueryRequest, unit: Unit, pairs: Sequence[QueryPair]) -> np.ndarray:
    """The activations of both images of each pair, (pairs, 2): given ones, and measured ones."""
    both: list[QueryImage] = [image for pair in pairs for image in pair.images]
    unknown = [place for place, image in enumerate(both) if image.activation is None]
    values = np.array([np.nan if image.activation is None else image.activation for image in both])
    if unknown:
        shown = np.stack([request.model.fit(both[place].image) for place in unknown])
        values[unknown] = request.measure(unit, shown)
    return values.reshape(-1, 2)


def _unable(given: CorpusImages, unit: Unit) -> str:
    """Why a unit cannot be tested; "" if it can."""
    try:
        dealt = given.deal(unit)
    except UserError as error:
        return str(error)
    extremes = [[image for image in images if is_query(image, k)] for k, images in dealt.exemplars.items()]
    for asked in [*extremes, *dealt.windows.values()]:
        low = max((image.activation for image in asked if image.pole == "min"), default=-np.inf)
        high = min((image.activation for image in asked if image.pole == "max"), default=np.inf)
        if not low < high:
            return f"{unit} has the same activation, {high:.4g}, for queries of both poles"
    return ""


def expected_units(study: Study) -> dict[str, int]:
    """Layer → how many of the study's units will be drawn from it or are hand-picked, before they are chosen."""
    model, plan = index_stage.load_model(study), protocol(study.config.design.protocol)
    sets = len(plan.main_sets) or 1
    share = plan.practice_units / (plan.units * sets)
    return units.expected(model, index_stage.drawn_layers(study, model), study.config.units, share, sets)


def _choose(
    study: Study, model: Model, index: ActivationIndex, plan: Protocol, unable: Callable[[Unit], str]
) -> list[StudyUnit]:
    section = study.config.units
    rng = np.random.default_rng([study.config.seed, 1])
    sets = plan.main_sets or ("",)
    practice_sets = (*plan.catch_sets, *plan.practice_sets) or ("",)
    share = plan.practice_units / (plan.units * len(sets))
    with study.setting(""):
        drawn = index_stage.drawn_layers(study, model)
        return units.choose(model, index, section, share, rng, sets, practice_sets, unable, layers=drawn)


def _remove_others(folder: Path, kept: Sequence[Path]) -> None:
    """Remove pairs of other settings."""
    for home in folder.glob("*/*"):
        if home.is_dir() and home not in kept:
            shutil.rmtree(home, ignore_errors=True)
    for name in folder.iterdir():
        if name.is_dir() and not any(name.iterdir()):
            name.rmdir()


def _check_images(corpus: Corpus, config: Config, plan: Protocol) -> None:
    """Raise UserError if there are too few images, or too few of them kept, for one batch of natural exemplars."""
    bins = min(plan.reference_counts) + 1
    if len(corpus) < 2 * bins:
        key = "limit" if config.images.limit else "load"
        raise UserError(
            f"[images] {key} gives {len(corpus)} images; protocol {plan.name} needs at least {2 * bins} "
            f"({bins} for each pole)"
        )
    percentiles = [use.parameters["percentile"] for use in config.queries.uses if use.source == WINDOW]
    most = max(plan.reference_counts)
    if percentiles and len(corpus) < windows.least(most, max(percentiles)):
        raise UserError(windows.too_small(len(corpus), most, max(percentiles)))
    if config.index.keep < bins:
        raise UserError(f"[index] keep must be at least {bins} for protocol {plan.name} (got {config.index.keep})")


STAGE = Stage(FOLDER, fingerprint, run, check_names, check, forget, VERSION)
