"""The similarity observer chooses the query that is more like the maximal and less like the minimal references.

The decision is that of the machine interpretability score (Zimmermann, Klein & Brendel 2024): with s(q, E) the mean
similarity of a query to the references of a pole,

    Δ = [s(top, E⁺) − s(top, E⁻)] − [s(bottom, E⁺) − s(bottom, E⁻)]

and top is chosen if Δ > 0. Terms of a pole that is not shown drop out. The score's σ(αΔ) would not change any choice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from exemplum import design, store
from exemplum.errors import REMAKE
from exemplum.observers.feature_network import AUTO, FeatureNetwork, choose, of_study
from exemplum.observers.observer import ObserverError, answer, coin, graded
from exemplum.records import Response, Side, Trial
from exemplum.runtime import track
from exemplum.study import Study

if TYPE_CHECKING:
    from exemplum.models import Model


SIMILARITY = "similarity"
SAME_NETWORK = "similarity-same-network"  # so that wherever its answers are shown, this is


class Similarity:
    """Compares pictures by the features of a network.

    Trials without references are decided by a coin toss, with confidence 1. Otherwise confidence is the third of |Δ|
    over `calibration` (the trials of the design) that the trial belongs to: it ranks trials within one study.
    """

    def __init__(self, features: Features, calibration: Iterable[Trial] = (), *, same_network: bool = False) -> None:
        """`same_network`: the features are those of the tested network. Its tested layer is then never compared."""
        self.features, self.same_network = features, same_network
        self.name = SAME_NETWORK if same_network else SIMILARITY
        strengths = [abs(self.evidence(trial)) for trial in calibration if any(trial.references)]
        low, high = np.quantile(strengths, [1 / 3, 2 / 3]) if strengths else (0.0, 0.0)
        self.thresholds = (float(low), float(high))

    @classmethod
    def of_pictures(
        cls,
        pictures: Mapping[str, np.ndarray],
        *,
        model: str | Model = AUTO,
        tested: Model | None = None,
        layers: Sequence[str] = (),
        trials: Sequence[Trial] = (),
        same_network: bool = False,
    ) -> Similarity:
        """An observer of trials made by hand, whose images are the names of `pictures`, uint8 (h, w, 3).

        model: compares by its features; `auto` takes `efficientnet-lite0`, or `embedded` where that is `tested`.
        tested: the network whose units are tested. One with the same weights as `model` is refused, unless
        `same_network` is set; the observer is then called `similarity-same-network`.
        layers: of the model, its default ones if not given.
        trials: calibrate confidence.

        >>> import exemplum as ex
        >>> from exemplum.images.embedded import photograph
        >>> names = ("grass", "gravel", "brick", "coffee")
        >>> pictures = {name: np.asarray(photograph(name).convert("RGB")) for name in names}
        >>> trial = ex.make_trial("mixed4a:30", max=["grass"], min=["coffee"], queries=("gravel", "coffee"))
        >>> observer = ex.observers.Similarity.of_pictures(pictures, tested=ex.load("embedded"))
        >>> str(observer.respond(trial, np.random.default_rng(0)).choice)
        'top'
        """
        network = choose(model, tested, layers=layers, same_network=same_network)
        values = np.stack(_computed(network, list(pictures), pictures.__getitem__))
        return cls(_split(network, list(pictures), values), trials, same_network=network.is_tested)

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        if not any(trial.references):
            return Response(trial.trial_id, self.name, coin(rng), 1)
        evidence = self.evidence(trial)
        return answer(self.name, trial, evidence, graded(abs(evidence), self.thresholds), rng)

    def evidence(self, trial: Trial) -> float:
        """Δ: above 0 is evidence for the top. Which query is right is not used."""
        layer = trial.unit.unit.layer
        top, bottom = (self._support(trial, trial.queries[side], layer) for side in (Side.TOP, Side.BOTTOM))
        return top - bottom

    def _support(self, trial: Trial, query: str, layer: str) -> float:
        like_max = self._likeness(query, trial.references.max, layer)
        return like_max - self._likeness(query, trial.references.min, layer)

    def _likeness(self, query: str, references: Sequence[str], layer: str) -> float:
        without = layer if self.same_network else ""
        return self.features.similarity(query, references, without) if references else 0.0


def similarity(study: Study) -> Similarity:
    trials = design.load(study).trials
    paths = {path for trial in trials for path in (*trial.references, trial.query_max, trial.query_min)}
    return Similarity(features(study, sorted(paths)), trials, same_network=of_study(study).is_tested)


BATCH = 32  # images per forward pass
TINY = 1e-12  # a picture without any activation has similarity 0 to all


class Features:
    """Feature vectors of images, one of unit length per layer."""

    def __init__(self, paths: Sequence[str], layers: dict[str, np.ndarray]) -> None:
        """`layers`: layer → (images, channels), in the order of `paths`; vectors are normalized to unit length."""
        self.rows = {path: row for row, path in enumerate(paths)}
        self.layers = {name: values / (np.linalg.norm(values, axis=1, keepdims=True) + TINY)
                       for name, values in layers.items()}  # fmt: skip

    def similarity(self, image: str, others: Sequence[str], without: str = "") -> float:
        """Mean cosine between an image and others, over these and over all layers except `without`; −1 to 1.

        Raises ObserverError if no layer is left.
        """
        layers = [values for name, values in self.layers.items() if name != without]
        if not layers:
            raise ObserverError(
                f"similarity compares pictures by layer {without}, whose units are tested; "
                "choose another in study.toml: [observers.similarity] layer"
            )
        row, rows = self.rows[image], [self.rows[other] for other in others]
        return float(np.mean([(values[rows] @ values[row]).mean() for values in layers]))


def features(study: Study, paths: Sequence[str]) -> Features:
    """Features of a study's images by the network of [observers.similarity], each distinct picture once.

    They are cached in `responses/features.npz`, and reused if network and pictures are the same.
    """
    network = of_study(study)
    prints = {path: _print(study.folder / path) for path in paths}
    kept = study.stage("responses") / "features.npz"
    known = _read(kept, network)
    new = {key: path for path, key in prints.items() if key not in known}
    if new:
        known |= dict(zip(new, _computed(network, list(new.values()), partial(_read_png, study)), strict=True))
        _write(kept, network, {key: known[key] for key in set(prints.values())})
    return _split(network, paths, np.stack([known[prints[path]] for path in paths]))


def _split(network: FeatureNetwork, names: Sequence[str], values: np.ndarray) -> Features:
    """Features of vectors in which the layers stand side by side."""
    ends = np.cumsum([network.model.layer(name).channels for name in network.layers])[:-1]
    return Features(names, dict(zip(network.layers, np.split(values, ends, axis=1), strict=True)))


def _read_png(study: Study, path: str) -> np.ndarray:
    return store.read_png(study.folder / path)


def _computed(network: FeatureNetwork, names: list[str], picture: Callable[[str], np.ndarray]) -> list[np.ndarray]:
    """Spatial means of every layer after its ReLU, concatenated: (channels of all layers,) for each image."""
    import torch

    model, layers = network.model, network.layers
    reader, found = model.reader(layers, relu="after"), []
    with track("features", len(names), "images") as advance, torch.inference_mode():
        for start in range(0, len(names), BATCH):
            images = [model.fit(picture(name)) for name in names[start : start + BATCH]]
            pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
            maps = reader(pixels)
            found += list(torch.cat([maps[name].mean((2, 3)) for name in layers], dim=1).float().numpy())
            advance(len(images))
    return found


def _print(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:24]
    except OSError as error:
        raise ObserverError(f"{path} cannot be read ({error.strerror}); {REMAKE}") from error


def _read(path: Path, network: FeatureNetwork) -> dict[str, np.ndarray]:
    if not path.exists():
        return {}
    try:
        with np.load(path) as held:
            if str(held["made"]) != _made(network):
                return {}
            return dict(zip(held["prints"].tolist(), held["values"], strict=True))
    except (OSError, ValueError, KeyError):
        return {}  # a broken cache is recomputed


def _write(path: Path, network: FeatureNetwork, values: dict[str, np.ndarray]) -> None:
    keys = sorted(values)
    with store.atomic(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, made=_made(network), prints=keys, values=np.stack([values[key] for key in keys]))


def _made(network: FeatureNetwork) -> str:
    return " ".join([network.model.fingerprint, *network.layers])
