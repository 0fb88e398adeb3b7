"""The explanations stage: choose units, let every method make pictures, measure them, and list all stimuli."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from exemplum import records, store, tables
from exemplum.errors import UserError, command, shown
from exemplum.explanations import Explanation, ExplanationsSection, finished, gather, synthetic as synthesis, units
from exemplum.explanations.gather import measured
from exemplum.explanations.methods import OwnMethod, load_method
from exemplum.explanations.request import ExplanationMethod, ImageCache, Request, Settings
from exemplum.explanations.synthetic import SyntheticSection
from exemplum.images import Corpus
from exemplum.index import ActivationIndex, stage as index_stage
from exemplum.protocols import Protocol, protocol
from exemplum.records import Picture, StudyUnit
from exemplum.study import Config, Stage, Study, StudyError, toml_files, user_code

if TYPE_CHECKING:
    from exemplum.explanations.synthetic.recipes import Recipe
    from exemplum.models import Model

VERSION = 2
FOLDER = "explanations"
NATURAL = "natural"  # the condition, and the method of that name


def check_names(study: Study) -> None:
    """Raise UserError if study.toml names a protocol, method, recipe or stimuli that do not exist."""
    config = study.config
    with study.setting("[design] protocol"):
        protocol(config.design.protocol)
    if config.stimuli:
        with study.setting("[stimuli] load"):
            found = finished.read(study.resolve(config.stimuli.load.removeprefix("folder:")))
        with study.setting(""):
            finished.study_units(found, config.units.practice or 0)
        return
    for use in _uses(study):
        _check_use(study, use)
    with study.setting("[explanations]" if any(use.has_table for use in _uses(study)) else "[explanations] methods"):
        distinct(_uses(study))
    if not any(use.method == "synthetic" and use.has_table for use in _uses(study)):
        _check_synthetic(study, config.synthetic, "[synthetic]")


def check(study: Study) -> None:
    """Raise UserError if there are too few images, or the model lacks units that study.toml requests."""
    config = study.config
    if config.stimuli:
        return
    plan = protocol(config.design.protocol)
    with study.setting(""):
        model = index_stage.load_model(study)
        images(index_stage.open_corpus(study), config, plan)
        units.check(model, index_stage.layers(study, model), config.units, len(plan.main_sets) or 1)


def fingerprint(study: Study) -> str:
    config = study.config
    if config.stimuli:
        files = gather.files(study.resolve(config.stimuli.load.removeprefix("folder:")))
        return store.digest(VERSION, config.stimuli.model_dump(), config.units.practice, files)
    index = index_stage.made(study)
    return store.digest(
        VERSION, index, config.units.model_dump(), config.design.protocol,
        [_key(study, use, _load(study, use), index) for use in _uses(study)],
    )  # fmt: skip


def forget(study: Study) -> None:
    """Mark all pictures to be remade; the existing ones stay until the new ones are complete."""
    if not study.config.stimuli:
        for use in _uses(study):
            gather.forget(study.stage(FOLDER) / use.name)


def run(study: Study) -> dict[str, Any]:
    return _run_finished(study) if study.config.stimuli else _run_methods(study)


def _run_finished(study: Study) -> dict[str, Any]:
    section = study.config.stimuli
    assert section is not None
    found = finished.read(study.resolve(section.load.removeprefix("folder:")))
    practice = study.config.units.practice
    parts = finished.study_units(found, len(found) // 4 if practice is None else practice)
    folder = study.stage(FOLDER)
    homes = [folder / method for method in finished.METHODS.values()]
    for home in homes:
        shutil.rmtree(gather.workplace(home), ignore_errors=True)  # of a run that was stopped
    rows = list(finished.stimuli(found, study.folder, folder, section.rotate, gather.workplace))
    study.begin_writing(FOLDER)
    for home in homes:
        if gather.workplace(home).exists():  # there may be natural images alone
            gather.put_in_place(home)
    stimuli = tables.STIMULI.write(folder / "stimuli.parquet", rows)
    tables.STUDY_UNITS.write(folder / "units.parquet", units.rows(parts))
    return {"units": len(parts), "pictures": stimuli["path"].nunique()}


def _run_methods(study: Study) -> dict[str, Any]:
    if not study.is_current("index", index_stage.fingerprint(study)):
        raise UserError(
            f"the index of {study.folder} was made from other images or settings; run: {command('index', study.folder)}"
        )
    model, index, folder = index_stage.load_model(study), index_stage.load(study), study.stage(FOLDER)
    plan = protocol(study.config.design.protocol)
    chosen = _choose(study, model, index, plan)
    methods = [(use, _load(study, use)) for use in _uses(study)]
    made = index_stage.made(study)
    keys = {use.name: _key(study, use, method, made) for use, method in methods}
    stored: list[Picture] = []
    cache = ImageCache()
    for use, method in methods:
        request = Request(
            [entry.unit for entry in chosen], plan.reference_counts, model, index_stage.open_corpus(study), index,
            _settings(study, use), folder / use.name, study.ray, cache,
        )  # fmt: skip
        stored += gather.pictures(use.name, method, request, study.folder, keys[use.name])
    study.begin_writing(FOLDER)
    for name, key in keys.items():
        gather.settle(folder / name, key)
    tables.STUDY_UNITS.write(folder / "units.parquet", units.rows(chosen))
    stimuli = tables.STIMULI.write(folder / "stimuli.parquet", measured(stored, model, index, study))
    tables.PICTURES.write(folder / "pictures.parquet", gather.picture_rows(stored))
    tables.TRACES.write(folder / "traces.parquet", gather.trace_rows(stored))
    return {"units": len(chosen), "pictures": stimuli["path"].nunique(), **_success(stimuli)}


def _uses(study: Study) -> list[Explanation]:
    """The methods of study.toml; natural images are needed as queries in any case."""
    uses = list(study.config.explanations.uses)
    return uses if NATURAL in [use.method for use in uses] else [Explanation(NATURAL, NATURAL), *uses]


def _check_use(study: Study, use: Explanation) -> None:
    """Raise UserError for a method that does not exist, or does not take its parameters."""
    with study.setting(use.setting):
        method = _load(study, use)
        if use.method == NATURAL != use.name:
            raise UserError("method natural can only be used under the name natural: write [explanations.natural]")
        if isinstance(method, OwnMethod):
            if use.has_table:
                method.check()
        elif use.method != "synthetic" and use.parameters:
            raise UserError(f"method {use.method} takes no parameters (got {', '.join(use.parameters)})")
    if use.method == "synthetic" and use.has_table:
        _check_synthetic(study, _synthetic(study, use), use.setting)


def _check_synthetic(study: Study, section: SyntheticSection, setting: str) -> None:
    found = _with_path(study, section)
    with study.setting("" if isinstance(section.recipe, dict) else f"{setting} recipe"):
        chosen = synthesis.recipe(found.recipe)
    with study.setting(f"{setting} snapshots"):
        snapshots(section, chosen)


def _load(study: Study, use: Explanation) -> ExplanationMethod:
    method = load_method(use.method, user_code.places(study.folder), study.resolve)
    return replace(method, parameters=use.parameters) if isinstance(method, OwnMethod) else method


def _synthetic(study: Study, use: Explanation) -> SyntheticSection:
    """The section [synthetic], with the keys of this use's table in place of its own."""
    section = study.config.synthetic
    if use.method != "synthetic" or not use.parameters:
        return section
    try:
        return SyntheticSection.model_validate(section.model_dump(exclude_unset=True) | dict(use.parameters))
    except ValidationError as error:
        problem = toml_files.problems(error, SyntheticSection, f"explanations.{use.name}")
        raise StudyError(f"{study.folder / 'study.toml'}: {problem}") from error


def _with_path(study: Study, section: SyntheticSection) -> SyntheticSection:
    """The same section, with the full path of a recipe's file."""
    if isinstance(section.recipe, str) and section.recipe.endswith(".toml"):
        return section.model_copy(update={"recipe": str(study.resolve(section.recipe))})
    return section


def _settings(study: Study, use: Explanation) -> Settings:
    config = study.config
    synthetic = _with_path(study, _synthetic(study, use))
    return Settings(config.seed, config.explanations.batches, config.index.relu, config.index.objective, synthetic)


def _key(study: Study, use: Explanation, method: ExplanationMethod, index: str) -> str:
    """Hash of everything that a method's pictures depend on; pictures with another key are remade.

    `index` is what tells this index from others: `made` of its stage.
    """
    config, section = study.config, _synthetic(study, use)
    plan = protocol(config.design.protocol)
    common = [VERSION, use.method, index, plan.reference_counts, config.seed]
    own: Any
    if use.method == NATURAL:
        own = config.explanations.batches
    elif use.method == "synthetic":
        own = section.model_dump()
    elif isinstance(method, OwnMethod):
        own = [method.source, _deciding(config).model_dump(), *([use.parameters] if use.parameters else [])]
    else:
        own = gather.files(study.resolve(use.method.removeprefix("folder:")))
    found = _with_path(study, section)
    from_file = [] if use.method == NATURAL or found == section else [synthesis.recipe(found.recipe).digest]
    return store.digest(*common, own, *from_file)


def _deciding(config: Config) -> Config:
    """The settings that pictures of a user's method may depend on, with all others at their defaults."""
    return Config(
        seed=config.seed, model=config.model, images=config.images, index=config.index, synthetic=config.synthetic,
        explanations=ExplanationsSection(batches=config.explanations.batches),
        design=type(config.design)(protocol=config.design.protocol),
    )  # fmt: skip


def _choose(study: Study, model: Model, index: ActivationIndex, plan: Protocol) -> list[StudyUnit]:
    section = study.config.units
    rng = np.random.default_rng([study.config.seed, 1])
    sets = plan.main_sets or ("",)
    practice_sets = (*plan.catch_sets, *plan.practice_sets) or ("",)
    share = plan.practice_units / (plan.units * len(sets))
    with study.setting(""):
        return units.choose(model, index, section, share, rng, sets, practice_sets)


def _success(stimuli: pd.DataFrame) -> dict[str, str]:
    """For each method but natural: pictures that failed, and units' poles with a picture beyond the exemplars."""
    made = stimuli[stimuli["margin"].notna() & (stimuli["method"] != "natural")]
    return {str(name): _success_of(of) for name, of in made.groupby("method", sort=False)}


def _success_of(made: pd.DataFrame) -> str:
    beaten = made.groupby(["unit", "pole"])["margin"].max() > 0
    failed = f"{made['failed'].sum()} of {len(made)} failed"
    return f"({failed}, {beaten.mean():.0%} of units' poles beyond their best exemplar)"


def distinct(uses: Sequence[Explanation]) -> None:
    """Raise UserError for a name that no condition can have, or that two uses have."""
    taken: dict[str, Explanation] = {}
    for use in uses:
        name = records.check_condition(use.name)
        key = name.casefold()  # some file systems treat Sharp and sharp as one folder
        if key in taken:
            raise UserError(
                f"{_shown(taken[key])} and {_shown(use)} would both be the condition {name!r} (upper and lower case "
                "are the same); rename one, or give it a table [explanations.NAME]"
            )
        taken[key] = use


def _shown(use: Explanation) -> str:
    return use.setting if use.has_table else shown(use.method)


def snapshots(section: SyntheticSection, recipe: Recipe) -> None:
    """Raise UserError for a snapshot after the last step, if study.toml names the steps itself."""
    last = section.steps or recipe.steps
    late = [step for step in section.snapshots if step > last]
    if late and "snapshots" in section.model_fields_set:
        raise UserError(f"step {late[0]} is never reached; steps go from 0 to {last}")


def images(corpus: Corpus, config: Config, plan: Protocol) -> None:
    """Raise UserError if there are too few images, or too few of them kept, for one batch of natural exemplars."""
    bins = min(plan.reference_counts) + 1
    if len(corpus) < 2 * bins:
        key = "limit" if config.images.limit else "load"
        raise UserError(
            f"[images] {key} gives {len(corpus)} images; protocol {plan.name} needs at least {2 * bins} "
            f"({bins} for each pole)"
        )
    if config.index.keep < bins:
        raise UserError(f"[index] keep must be at least {bins} for protocol {plan.name} (got {config.index.keep})")


STAGE = Stage(FOLDER, fingerprint, run, check_names, check, forget, VERSION)
