"""The index stage: from model and images to the tables in `index/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exemplum import images, models, store
from exemplum.errors import UserError
from exemplum.images import Corpus
from exemplum.index.index import ActivationIndex
from exemplum.records import Unit
from exemplum.runtime import Cluster
from exemplum.study import Stage, Study, user_code

if TYPE_CHECKING:
    from exemplum.models import Model

VERSION = 3


def load_model(study: Study) -> Model:
    """The model of study.toml with weights and dictionaries; loaded once per command, since every stage needs it."""
    if "model" not in study.opened:
        study.opened["model"] = _with_dictionaries(study, load_network(study))
    model: Model = study.opened["model"]
    return model


def load_network(study: Study) -> Model:
    """The model without its dictionaries."""
    if "network" not in study.opened:
        section, places = study.config.model, user_code.places(study.folder)
        spec = f"{models.TABLE}{table}" if (table := _table(study)) else section.load
        study.opened["network"] = models.load(spec, study.weights(section.weights), section.input_size, places)
    network: Model = study.opened["network"]
    return network


def _table(study: Study) -> Path | None:
    """The file of activations that is the model; None if it is a network."""
    load = study.config.model.load
    return study.resolve(load.removeprefix(models.TABLE)) if load.startswith(models.TABLE) else None


def _with_dictionaries(study: Study, model: Model) -> Model:
    for name, table in study.config.dictionaries.tables.items():
        with study.setting(f"[dictionaries.{name}]"):
            file = _dictionary_file(study, table.load)
            spec, places = table.load if file is None else str(file), user_code.places(study.folder)
            loaded = models.dictionaries.load(spec, places=places, **table.settings)
            model = model.with_dictionary(name, table.layer, loaded)
    return model


def _dictionary_file(study: Study, load: str) -> Path | None:
    """The file or folder of a dictionary; None if it is made by code, package.module:factory."""
    path = study.resolve(load)
    return path if ":" not in load or path.exists() else None


def open_corpus(study: Study) -> Corpus:
    """The images of study.toml, a seeded subset if it sets a limit; listed once per command."""
    if "images" not in study.opened:
        study.opened["images"] = _open_corpus(study)
    corpus: Corpus = study.opened["images"]
    return corpus


def _open_corpus(study: Study) -> Corpus:
    section = study.config.images
    kind, _, path = section.load.partition(":")
    if kind == "webdataset":
        path = images.beside(path, study.folder.absolute())
    spec = f"{kind}:{study.resolve(path)}" if kind == "folder" and path else f"{kind}:{path}" if path else section.load
    corpus = images.open_corpus(spec, seed=study.config.seed)
    if not section.limit:
        return corpus
    return images.subset(corpus, section.limit, np.random.default_rng([study.config.seed, 2]))


def drawn_layers(study: Study, model: Model) -> list[str]:
    """The layers that units are drawn from: those of study.toml, or the model's default ones."""
    chosen = list(study.config.units.layers) or model.default_layers
    if not chosen:
        raise UserError(f"model {model.name} has no layer that can be read; name some in study.toml: [units] layers")
    for name in chosen:
        model.layer(name)  # raises for a wrong name now, not after an hour
    return chosen


def layers(study: Study, model: Model) -> list[str]:
    """Layers to index: those that units are drawn from, and those of the hand-picked units."""
    picked = [Unit.parse(name).layer for name in study.config.units.hand_picked]
    return list(dict.fromkeys([*drawn_layers(study, model), *picked]))


def check_names(study: Study) -> None:
    """Raise UserError for what study.toml names that is known to be absent without torch.

    These are images, files of weights, and layers and units of the embedded network.
    """
    with study.setting("[images] load"):
        open_corpus(study)
    section, units = study.config.model, study.config.units
    if section.weights and (section.load in models.OWN or section.weights.endswith(models.SUFFIXES)):
        with study.setting("[model] weights"):
            models.check_weights(Path(study.weights(section.weights) or ""))
    if activations := _table(study):
        with study.setting("[model] load"):
            models.check_table(activations)
        _refuse_settings(study)
    if section.load in models.LITE and not section.weights:
        with study.setting("[model] load"):
            models.lite_weights(section.load)
    known: Mapping[str, int | None] | None = (
        models.embedded_layers() if section.load == "embedded" and not section.weights else None
    )
    for name, table in study.config.dictionaries.tables.items():
        with study.setting(f"[dictionaries.{name}]"):
            models.check_dictionary_name(name, known or {})
            if file := _dictionary_file(study, table.load):
                models.check_dictionary(file)
        with study.setting(f"[dictionaries.{name}] layer"):
            _known_channels(table.layer, known)
    if known is not None:
        known = {**known, **dict.fromkeys(study.config.dictionaries.tables)}
    with study.setting("[units] layers"):
        for name in units.layers:
            _known_channels(name, known)
    if known is not None and study.config.index.objective == "cls":
        with study.setting("[index] objective"):
            raise models.no_class_token("embedded", next(iter([*units.layers, *known])))
    with study.setting("[units] hand_picked"):
        for unit in map(Unit.parse, units.hand_picked):
            channels = _known_channels(unit.layer, known)
            if channels is not None:
                _check_channel(unit, channels)


def _refuse_settings(study: Study) -> None:
    """Raise UserError for settings of [index] that say how a network is read, where a table is the model."""
    for name in ("relu", "objective", "precision"):
        if name in study.config.index.model_fields_set:
            with study.setting(f"[index] {name}"):
                raise UserError("[model] load is a table, whose activations are as they are; leave this key out")


def _known_channels(layer: str, known: Mapping[str, int | None] | None) -> int | None:
    """The channels of a layer, as far as they are known without torch; `known` is None if no layer is."""
    whole = layer.removesuffix(models.CLASS_TOKEN)
    if known is not None and whole not in known:
        raise models.no_layer("embedded", layer, known)
    if known is not None and whole != layer:
        raise models.no_class_token("embedded", whole)
    return None if known is None else known[layer]


def check(study: Study) -> None:
    """Raise UserError if study.toml names a model, layers or units that do not exist."""
    model = _readable_model(study)
    if isinstance(model, models.TableModel):
        with study.setting("[model] load"):
            model.check_images(open_corpus(study))
    with study.setting("[units] layers" if study.config.units.layers else "[model] load"):
        drawn_layers(study, model)
    if study.config.index.objective == "cls":
        with study.setting("[index] objective"):
            for name in layers(study, model):
                model.layer(models.class_token(name))  # raises if it has none
    with study.setting("[units] hand_picked"):
        for unit in map(Unit.parse, study.config.units.hand_picked):
            _check_channel(unit, model.layer(unit.layer).channels)


def _readable_model(study: Study) -> Model:
    """The model, once it has taken an image of its input size."""
    try:
        load_network(study).layers  # noqa: B018  # found by running the network
    except UserError as error:  # of the network, its weights file, or an invalid path
        of_network = isinstance(error, models.ModelError) and not isinstance(error, models.WeightsError)
        with study.setting("[model] load" if of_network else "[model] weights"):
            raise
    return load_model(study)


def _check_channel(unit: Unit, channels: int) -> None:
    if unit.channel >= channels:
        raise UserError(f"{unit.layer} has channels 0 to {channels - 1}, not {unit.channel}")


def fingerprint(study: Study) -> str:
    """A hash of everything that the index depends on; worked out once per command."""
    if "index fingerprint" not in study.opened:
        study.opened["index fingerprint"] = _fingerprint(study)
    found: str = study.opened["index fingerprint"]
    return found


def _fingerprint(study: Study) -> str:
    model = load_model(study)
    return store.digest(
        VERSION, model.fingerprint, open_corpus(study).fingerprint, layers(study, model),
        study.config.index.model_dump(), study.config.seed,
    )  # fmt: skip


def made(study: Study) -> str:
    """The fingerprint, with a mark that distinguishes an index that a forced run changed."""
    now = fingerprint(study)
    return study.made("index") or now if study.is_current("index", now) else now


def estimate(study: Study) -> str:
    """How long the index will take on this machine; empty if it will not take long, or is made on a cluster."""
    if study.ray:
        return ""
    from exemplum.index import timing  # late: torch takes seconds to import

    model = load_model(study)
    if not model.has_network:
        return ""
    return timing.estimate(model, open_corpus(study), layers(study, model), study.config.index)


def forget(study: Study) -> None:
    """Delete the state of a stopped run; the existing index stays until the new one is complete."""
    from exemplum.index.build import PARTIAL  # late: torch takes seconds to import

    for name in PARTIAL:
        (study.stage("index") / f"{name}.npz").unlink(missing_ok=True)


def run(study: Study) -> dict[str, Any]:
    from exemplum.index.build import build_index, dtype  # late: torch takes seconds to import

    model, corpus, section = load_model(study), open_corpus(study), study.config.index
    index = build_index(
        model, corpus, layers(study, model), relu=section.relu, objective=section.objective, keep=section.keep,
        sample=section.sample, batch=section.batch, precision=section.precision, seed=study.config.seed,
        folder=study.stage("index"), cluster=Cluster(study.ray) if study.ray else None,
    )  # fmt: skip
    precision = dtype(section.precision, len(index.units), section.keep, len(corpus))
    study.begin_writing("index")
    index.save(study.stage("index"))
    return {
        "images": len(corpus) - len(index.broken), "broken": len(index.broken),
        "units": len(index.units), "dead": int(index.units["dead"].sum()),
        "rare": int(index.units["rare"].sum()),
        **({"precision": str(precision).removeprefix("torch.")} if model.has_network else {}),
    }  # fmt: skip


def load(study: Study) -> ActivationIndex:
    return ActivationIndex.load(study.stage("index"))


STAGE = Stage("index", fingerprint, run, check_names, check, forget, VERSION, estimate)
