"""The explanations stage: let every method make pictures of the study's units, measure them, and list them."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import ValidationError

from exemplum import models, queries, records, store, tables
from exemplum.errors import UserError, command, shown
from exemplum.explanations import Explanation, ExplanationsSection, finished, gather, synthetic as synthesis, timing
from exemplum.explanations.gather import measured
from exemplum.explanations.methods import BuiltInMethod, OwnMethod, load_method, whole_images
from exemplum.explanations.natural import NaturalParameters, check_places
from exemplum.explanations.request import AskedImages, ExplanationMethod, Request, Settings
from exemplum.explanations.synthetic import SyntheticSection
from exemplum.index import stage as index_stage
from exemplum.protocols import protocol
from exemplum.queries import stage as queries_stage, units
from exemplum.records import Picture, Unit
from exemplum.study import Config, Section, Stage, Study, StudyError, toml_files, user_code

if TYPE_CHECKING:
    from exemplum.explanations.synthetic.recipes import Recipe

VERSION = 5
PICTURES = 3  # version of how pictures are stored; only with a new one are all pictures made again
FOLDER = "explanations"


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
    """Raise UserError if a method cannot explain the units of a layer that study.toml requests."""
    if study.config.stimuli:
        return
    for use in _uses(study):
        method = load_use(study, use)
        if isinstance(method, BuiltInMethod) and isinstance(method.parameters, NaturalParameters):
            model = index_stage.load_model(study)
            with study.setting(f"{use.setting} show"):
                check_places(model, index_stage.layers(study, model), study.config.index.objective, method.parameters)


def fingerprint(study: Study) -> str:
    config = study.config
    if config.stimuli:
        files = store.listing(study.resolve(config.stimuli.load.removeprefix("folder:")))
        return store.digest(VERSION, config.stimuli.model_dump(), config.units.practice, files)
    made = queries_stage.made(study)
    return store.digest(VERSION, made, [pictures_key(study, use, load_use(study, use), made) for use in _uses(study)])


def estimate(study: Study) -> str:
    """How long the stage will take, as far as it is known before; empty if it will not take long."""
    if study.config.stimuli or study.ray:
        return ""
    uses = {use.name: load_use(study, use) for use in _uses(study) if use.method == "synthetic"}
    return timing.estimate(study, {name: settings(study, method).synthetic for name, method in uses.items()})


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
    return {**units.counted(entry.role for entry in parts), "pictures": stimuli["path"].nunique()}


def _run_methods(study: Study) -> dict[str, Any]:
    if not study.is_current("queries", queries_stage.fingerprint(study)):
        raise UserError(
            f"the queries of {study.folder} were made from other images or settings; run: "
            f"{command('query', study.folder)}"
        )
    model, index, folder = index_stage.load_model(study), index_stage.load(study), study.stage(FOLDER)
    listed = queries.load_units(study)
    chosen = [Unit.parse(name) for name in listed["unit"]]
    methods = [(use, load_use(study, use)) for use in _uses(study)]
    made = queries_stage.made(study)
    keys = {use.name: pictures_key(study, use, method, made) for use, method in methods}
    given, asked = queries.corpus_images(study, model, index), _asked(study)
    stored: list[Picture] = []
    for use, method in methods:
        request = Request(chosen, given, settings(study, method), folder / use.name, study.ray, asked)
        pictures = gather.pictures(use.name, method, request, study.folder, keys[use.name])
        if isinstance(method, OwnMethod) and model.has_network:  # measured, whatever it states
            pictures = [replace(picture, activation=None) for picture in pictures]
        stored += pictures
    study.begin_writing(FOLDER)
    for name, key in keys.items():
        gather.settle(folder / name, key)
    (folder / "units.parquet").unlink(missing_ok=True)  # of a version that chose the units here
    of_corpus = [use.name for use, _ in methods if use.is_of_corpus]
    stimuli = tables.STIMULI.write(folder / "stimuli.parquet", measured(stored, model, index, study, of_corpus))
    by_recipe = {use.name for use, _ in methods if use.method == "synthetic"}  # facts of other methods may be anything
    optimized = [picture for picture in stored if picture.method in by_recipe]
    tables.PICTURES.write(folder / "pictures.parquet", gather.picture_rows(optimized))
    tables.TRACES.write(folder / "traces.parquet", gather.trace_rows(optimized))
    said = _success(stimuli, of_corpus) | _same(methods)
    return {**units.counted(listed["role"]), "pictures": stimuli["path"].nunique(), **said}


def _asked(study: Study) -> dict[Unit, AskedImages]:
    """The queries of each unit."""
    table = tables.QUERIES.read(study.stage("queries") / "queries.parquet")
    found = {}
    for unit, own in table.groupby("unit"):
        ids, groups, paths = (
            {*own[f"{name}max"], *own[f"{name}min"]} - {""} for name in ("image_", "group_", "query_")
        )
        files = tuple(study.folder / path for path in sorted(paths))
        found[Unit.parse(str(unit))] = AskedImages(frozenset(ids), frozenset(groups), files)
    return found


def _uses(study: Study) -> list[Explanation]:
    return list(study.config.explanations.uses)


def _check_use(study: Study, use: Explanation) -> None:
    """Raise UserError for a method that does not exist, or does not take its parameters."""
    with study.setting(use.setting):
        method = _find(study, use)
        if isinstance(method, OwnMethod):
            if use.has_table:
                replace(method, parameters=use.parameters).check()
        elif use.parameters and not (isinstance(method, BuiltInMethod) and type(method.parameters).model_fields):
            raise UserError(f"method {use.method} takes no parameters (got {', '.join(use.parameters)})")
    if isinstance(method, BuiltInMethod):
        parameters = _parameters(study, use, method)
        if study.config.model.load.startswith(models.TABLE):
            _check_table(study, use, parameters)
        if isinstance(parameters, SyntheticSection) and use.has_table:
            _check_synthetic(study, parameters, use.setting)


def _check_table(study: Study, use: Explanation, parameters: Section) -> None:
    """Raise UserError for a built-in method that needs a network, where a table of activations is the model."""
    what = "optimizes pictures" if isinstance(parameters, SyntheticSection) else ""
    if isinstance(parameters, NaturalParameters):
        asked = f"show = {parameters.show!r}" if parameters.show != "image" else ""
        asked = asked or ('order = "diverse"' if parameters.order == "diverse" else "")
        what = f"with {asked} reads maps" if asked else ""
    if what:
        with study.setting(use.setting):
            raise UserError(
                f"method {use.method} {what}, for which it needs a network, but [model] load is a table of "
                "activations; use natural, random, folder: or a method of your own"
            )


def _check_synthetic(study: Study, section: SyntheticSection, setting: str) -> None:
    found = _with_path(study, section)
    with study.setting("" if isinstance(section.recipe, dict) else f"{setting} recipe"):
        chosen = synthesis.recipe(found.recipe)
    with study.setting(f"{setting} snapshots"):
        snapshots(section, chosen)


def _find(study: Study, use: Explanation) -> ExplanationMethod:
    return load_method(use.method, user_code.places(study.folder), study.resolve)


def load_use(study: Study, use: Explanation) -> ExplanationMethod:
    """The method with the parameters of this use. Raises StudyError if it does not take them."""
    method = _find(study, use)
    if isinstance(method, BuiltInMethod):
        return replace(method, parameters=_parameters(study, use, method))
    return replace(method, parameters=use.parameters) if isinstance(method, OwnMethod) else method


def whole(study: Study, uses: Iterable[Explanation]) -> dict[str, str]:
    """Of these uses those whose pictures are whole images of the corpus, for every unit: name → natural or random."""
    kinds = {use.name: whole_images(load_use(study, use)) for use in uses}
    return {name: kind for name, kind in kinds.items() if kind}


def _parameters(study: Study, use: Explanation, method: BuiltInMethod) -> Section:
    """A built-in method's parameters: of `synthetic` those of the section of this name, and over them this use's."""
    model = type(method.parameters)
    section = study.config.synthetic if model is SyntheticSection else method.parameters
    if not use.parameters:
        return section
    try:
        return model.model_validate(section.model_dump(exclude_unset=True) | dict(use.parameters))
    except ValidationError as error:
        problem = toml_files.problems(error, model, f"explanations.{use.name}")
        raise StudyError(f"{study.folder / 'study.toml'}: {problem}") from error


def _with_path(study: Study, section: SyntheticSection) -> SyntheticSection:
    """The same section, with the full path of a recipe's file."""
    if isinstance(section.recipe, str) and section.recipe.endswith(".toml"):
        return section.model_copy(update={"recipe": str(study.resolve(section.recipe))})
    return section


def _synthetic(study: Study, method: ExplanationMethod) -> SyntheticSection:
    """The settings of optimized pictures: of this use if it makes some, else those of the section [synthetic]."""
    own = method.parameters if isinstance(method, BuiltInMethod) else None
    return own if isinstance(own, SyntheticSection) else study.config.synthetic


def settings(study: Study, method: ExplanationMethod) -> Settings:
    """What a request for pictures of this method says of the study."""
    config = study.config
    synthetic = _with_path(study, _synthetic(study, method))
    return Settings(config.seed, config.index.relu, config.index.objective, synthetic)


def pictures_key(study: Study, use: Explanation, method: ExplanationMethod, made: str) -> str:
    """Hash of everything that a method's pictures depend on; pictures with another key are remade.

    `made` is what tells these queries from others: `made` of their stage.
    """
    config, section = study.config, _synthetic(study, method)
    plan = protocol(config.design.protocol)
    common = [PICTURES, use.method, index_stage.made(study), plan.reference_counts, config.seed]
    own: Any
    if isinstance(method, BuiltInMethod):
        own = [method.parameters.model_dump(), made if use.is_of_corpus else ""]
    elif isinstance(method, OwnMethod):
        own = [method.source, _deciding(config).model_dump(), made, use.parameters]
    else:
        own = store.listing(study.resolve(use.method.removeprefix("folder:")))
    found = _with_path(study, section)
    from_file = [] if use.is_of_corpus or found == section else [synthesis.recipe(found.recipe).digest]
    return store.digest(*common, own, *from_file)


def _deciding(config: Config) -> Config:
    """The settings that pictures of a user's method may depend on, with all others at their defaults.

    Network and images count by their content, with the index, and not by the paths that name them, which differ in a
    new version of a study.
    """
    return Config(
        seed=config.seed, index=config.index, synthetic=config.synthetic,
        explanations=ExplanationsSection(batches=config.explanations.batches),
        design=type(config.design)(protocol=config.design.protocol),
    )  # fmt: skip


def _success(stimuli: pd.DataFrame, of_corpus: Collection[str]) -> dict[str, str]:
    """For each use, except of corpus images: pictures that failed, and poles of units with one beyond every image."""
    made = stimuli[stimuli["margin"].notna() & ~stimuli["method"].isin(of_corpus)]
    return {str(name): _success_of(of) for name, of in made.groupby("method", sort=False)}


def _same(methods: Sequence[tuple[Explanation, ExplanationMethod]]) -> dict[str, str]:
    """For each use of a built-in method with the parameters of an earlier one: the name of that."""
    found: dict[str, str] = {}
    for place, (use, method) in enumerate(methods):
        earlier = [other.name for other, its in methods[:place] if its == method]
        if isinstance(method, BuiltInMethod) and earlier:
            found[use.name] = f"(the same pictures as {earlier[0]})"
    return found


def _success_of(made: pd.DataFrame) -> str:
    beaten = made.groupby(["unit", "pole"])["margin"].max() > 0
    failed = f"{made['failed'].sum()} of {len(made)} pictures weaker than the median image"
    return f"({failed}; the strongest beats every image for {beaten.mean():.0%} of units and poles)"


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


STAGE = Stage(FOLDER, fingerprint, run, check_names, check, forget, VERSION, estimate)
