"""Whose units are scored: those of the network, and for the nulls those of an untrained one or random directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from exemplum import store
from exemplum.errors import UserError
from exemplum.images import Corpus
from exemplum.index import ActivationIndex
from exemplum.records import Unit
from exemplum.runtime import Cluster

if TYPE_CHECKING:
    from exemplum.models import Model

UNTRAINED, DIRECTIONS, SHUFFLED, RANDOM = "untrained", "directions", "shuffled", "random"
NULLS = (UNTRAINED, SHUFFLED, DIRECTIONS, RANDOM)
OF_UNITS = (SHUFFLED, RANDOM)  # nulls of the same units: what is random are their images
MOST_DIRECTIONS = 128  # random directions of a layer; as many as it has channels if these are fewer


@dataclass(frozen=True)
class Population:
    """Units that are scored, and the index that ranks the corpus's images for them."""

    null: str  # "" for the network's own units
    index: ActivationIndex
    units: tuple[Unit, ...]  # as the index names them
    names: tuple[Unit, ...]  # as the table names them: of the layer that they are compared with


def own(index: ActivationIndex, units: Sequence[Unit]) -> Population:
    return Population("", index, tuple(units), tuple(units))


@dataclass(frozen=True)
class IndexSettings:
    """How the indexes of nulls are made: as that of the network."""

    relu: Literal["before", "after"]
    objective: str
    keep: int
    sample: int
    batch: int = 32
    precision: str = "auto"
    seed: int = 0


def untrained(
    model: Model, corpus: Corpus, layers: Sequence[str], settings: IndexSettings, folder: Path | None = None,
    cluster: Cluster | None = None,
) -> Population:  # fmt: skip
    """Every unit of these layers in the same architecture with random weights. Dictionaries have none."""
    from exemplum.models import untrained as without_training  # late: torch takes seconds to import

    real = [layer for layer in layers if layer not in model.dictionaries]
    if not real:
        raise UserError("null untrained needs layers of the network itself, but all of these are of dictionaries")
    random = without_training(_network(model, UNTRAINED), corpus, seed=settings.seed)
    index = _index(random, corpus, real, settings, folder, cluster)
    units = tuple(unit for layer in real for unit in random.units(layer))
    return Population(UNTRAINED, index, units, units)


def directions(
    model: Model, corpus: Corpus, layers: Sequence[str], settings: IndexSettings, folder: Path | None = None,
    cluster: Cluster | None = None,
) -> Population:  # fmt: skip
    """Random directions in the space of every layer's channels, equally likely in all directions.

    Those of a dictionary lie in the layer that it is attached to.
    """
    from exemplum.models import dictionaries  # late: torch takes seconds to import

    _network(model, DIRECTIONS)
    names: dict[str, str] = {}  # of the virtual layer → of the layer
    for place, layer in enumerate(layers):
        attached = model.dictionaries.get(layer)
        base, relu = (layer, settings.relu) if attached is None else (attached.layer, attached.dictionary.relu)
        channels = model.layer(base).channels
        rng = np.random.default_rng([settings.seed, *layer.encode()])
        matrix = rng.standard_normal((min(channels, MOST_DIRECTIONS), channels)).astype(np.float32)
        matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
        name = f"random_directions_{place}"
        model = model.with_dictionary(name, base, dictionaries.directions(matrix, relu=relu))
        names[name] = layer
    index = _index(model, corpus, list(names), settings, folder, cluster)
    units = tuple(unit for name in names for unit in model.units(name))
    return Population(DIRECTIONS, index, units, tuple(Unit(names[unit.layer], unit.channel) for unit in units))


def _network(model: Model, null: str) -> Model:
    if not model.has_network:
        raise UserError(f"null {null} needs a network, but the model is a table of activations; leave it out")
    return model


def _index(
    model: Model, corpus: Corpus, layers: list[str], settings: IndexSettings, folder: Path | None,
    cluster: Cluster | None,
) -> ActivationIndex:  # fmt: skip
    """The index of a null; with a folder it is kept there, and a pass that was stopped continues."""
    from exemplum.index import build_index  # late: torch takes seconds to import

    key = store.digest(model.fingerprint, corpus.fingerprint, layers, vars(settings))
    home = folder and folder / key
    if home and (home / "settings.json").exists():
        home.touch()  # so that it is known to be in use
        return ActivationIndex.load(home)
    index = build_index(
        model, corpus, layers, relu=settings.relu, objective=settings.objective, keep=settings.keep,
        sample=settings.sample, batch=settings.batch, precision=settings.precision, seed=settings.seed, folder=home,
        cluster=cluster,
    )  # fmt: skip
    if home:
        index.save(home)
    return index
