"""The networks whose features similarity observers compare by: which ones, and whether one is the tested one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from exemplum import models
from exemplum.errors import UserError
from exemplum.observers import SAME_NETWORK
from exemplum.observers.observer import ObserverError
from exemplum.study import Study, user_code

if TYPE_CHECKING:
    from exemplum.models import Model

AUTO = "auto"
# Networks that `auto` takes, the first that is not the tested one, and their input size. At 128 px EfficientNet-Lite0
# is right as often as at its own 224, in a third of the time (docs/reference/observers.md).
CANDIDATES: dict[str, int | None] = {"efficientnet-lite0": 128, "embedded": None}
COMMON = 0.1  # share of common weights from which two networks count as one


@dataclass(frozen=True)
class FeatureNetwork:
    """A network with the layers whose features are compared."""

    model: Model
    layers: list[str]
    shared: float  # share of weights in common with the tested network; NaN if that is not known

    @property
    def is_tested(self) -> bool:
        """Whether it has so many weights in common with the tested network that it would judge itself."""
        return self.shared >= COMMON

    def observer_name(self, name: str) -> str:
        """The name of an observer that compares by it, which says wherever answers are shown if it judges itself."""
        return f"{name}{SAME_NETWORK}" if self.is_tested else name

    @property
    def about(self) -> str:
        """The network, and how it relates to the tested one, as summary and report say it."""
        if math.isnan(self.shared):
            relation = "; whether the tested network has the same weights is not known"
        elif self.is_tested:
            relation = f", which has {self.shared:.0%} of its weights in common with the tested network"
        else:
            relation = ", independent of the tested network"
        return f"{self.model.name} at {self.model.input_size} px{relation}"


def choose(
    spec: str | Model = AUTO,
    tested: Model | None = None,
    *,
    layers: Sequence[str] = (),
    weights: str | None = None,
    input_size: int | None = None,
    same_network: bool = False,
    places: Sequence[Path] | None = None,
) -> FeatureNetwork:
    """The network of this name, or with `auto` the first candidate that has no weights in common with the tested one.

    Raises ObserverError if it has some and `same_network` is not set, and as `models.load` does.
    """
    if spec == AUTO:
        return _automatic(tested, layers, input_size)
    model = models.load(spec, weights, input_size, places) if isinstance(spec, str) else spec
    found = _of(model, tested, layers)
    if found.is_tested and not same_network:
        raise ObserverError(
            f"{model.name} has {found.shared:.0%} of its weights in common with the tested network, which would judge "
            f"itself; {WAY_OUT}"
        )
    return found


WAY_OUT = 'use model = "auto" or name another network, or set same_network = true'


def _automatic(tested: Model | None, layers: Sequence[str], input_size: int | None) -> FeatureNetwork:
    for name, size in CANDIDATES.items():
        found = _of(_candidate(name, input_size or size), tested, ())
        if not found.is_tested:
            return _of(found.model, tested, layers) if layers else found
    raise ObserverError(
        f"the tested network has weights in common with {' and with '.join(CANDIDATES)}; name another network as model"
    )


@cache
def _candidate(name: str, input_size: int | None) -> Model:
    """Loaded once per process: every study of one takes it."""
    return models.load(name, input_size=input_size)


def _of(model: Model, tested: Model | None, layers: Sequence[str]) -> FeatureNetwork:
    shared = math.nan if tested is None else models.shared_weights(model, tested)
    return FeatureNetwork(model, [model.layer(name).name for name in layers] or list(model.default_layers), shared)


def of_study(study: Study, name: str) -> FeatureNetwork:
    """The network of [observers.NAME]; loaded once per command."""
    section = study.config.observers.similar[name]
    key = f"features of {section}"
    if key not in study.opened:
        study.opened[key] = choose(
            section.model, _tested(study), layers=[section.layer] if section.layer else (),
            weights=study.weights(section.weights), input_size=section.input_size, same_network=section.same_network,
            places=user_code.places(study.folder),
        )  # fmt: skip
    found: FeatureNetwork = study.opened[key]
    return found


def _tested(study: Study) -> Model | None:
    """The tested network; None in a study of finished stimuli, and if it can no longer be loaded."""
    from exemplum.index import stage as index_stage

    if study.config.stimuli:
        return None
    try:
        return index_stage.load_model(study)
    except UserError:  # the stages that need it say so; a study that people have answered needs it no more
        return None


def check_names(study: Study, observer: str) -> None:
    """Raise UserError for what can be told of [observers.NAME] without torch.

    These are files of weights that are missing, layers of the embedded network, and the tested network by its name.
    """
    section, tested = study.config.observers.similar[observer], study.config.model
    name = section.model
    by_name = not study.config.stimuli and study.weights(section.weights) == study.weights(tested.weights)
    if name == AUTO:
        first, second = CANDIDATES
        name = second if by_name and tested.load == first else first
    elif by_name and tested.load == name and not section.same_network:
        raise ObserverError(f"{name} is the tested network, which would judge itself; {WAY_OUT}")
    if section.weights and section.model == AUTO:
        raise ObserverError('weights need a model: set model to the name of their network, instead of "auto"')
    if section.weights and (name in models.OWN or section.weights.endswith(models.SUFFIXES)):
        models.check_weights(Path(study.weights(section.weights) or ""))
    elif name in models.LITE:
        models.lite_weights(name)
    if section.layer and name == "embedded" and not section.weights:
        known = models.embedded_layers()
        if section.layer not in known:
            raise models.no_layer(name, section.layer, known)
