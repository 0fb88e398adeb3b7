"""The similarity observer chooses the query that is more like the maximal and less like the minimal references.

What it compares is an encoder's vectors: those of a network, or of a low-level cue (encoder.py has the rule).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from exemplum import design, store
from exemplum.observers import SIMILARITY, encoder as encoders
from exemplum.observers.encoder import Encoder, VectorCache
from exemplum.observers.feature_network import AUTO
from exemplum.observers.observer import answer, coin, graded
from exemplum.records import Response, Side, Trial
from exemplum.study import Study

if TYPE_CHECKING:
    from exemplum.models import Model


class Similarity:
    """Compares pictures by the vectors of an encoder.

    Trials without references are decided by a coin toss, with confidence 1. Otherwise confidence is the third of |Δ|
    over `calibration` (the trials of the design) that the trial belongs to: it ranks trials within one study.
    """

    def __init__(
        self, encoder: Encoder, pictures: Sequence[str], vectors: np.ndarray, calibration: Iterable[Trial] = ()
    ) -> None:
        """`vectors` are the encoder's, (n, d), in the order of `pictures`, which are named as trials name them."""
        self.name, self.encoder = encoder.name, encoder
        self._rows = {name: row for row, name in enumerate(pictures)}
        self._vectors = vectors
        self._of_layer: dict[str, np.ndarray] = {}
        strengths = [abs(self.evidence(trial)) for trial in calibration if any(trial.references)]
        low, high = np.quantile(strengths, [1 / 3, 2 / 3]) if strengths else (0.0, 0.0)
        self.thresholds = (float(low), float(high))

    @classmethod
    def of_pictures(
        cls,
        pictures: Mapping[str, np.ndarray],
        *,
        encoder: Encoder | None = None,
        model: str | Model = AUTO,
        tested: Model | None = None,
        layers: Sequence[str] = (),
        trials: Sequence[Trial] = (),
        same_network: bool = False,
    ) -> Similarity:
        """An observer of trials made by hand, whose images are the names of `pictures`, uint8 (h, w, 3).

        encoder: compares by its vectors, instead of by the features of a network.
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
        if encoder is None:
            from exemplum.observers.network_encoder import network_encoder  # late: torch takes seconds to import

            encoder = network_encoder(model, tested, name=SIMILARITY, layers=layers, same_network=same_network)
        names = list(pictures)
        return cls(encoder, names, encoders.encoded(encoder, names, pictures.__getitem__), trials)

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        if not any(trial.references):
            return Response(trial.trial_id, self.name, coin(rng), 1)
        evidence = self.evidence(trial)
        return answer(self.name, trial, evidence, graded(abs(evidence), self.thresholds), rng)

    def evidence(self, trial: Trial) -> float:
        """Δ: above 0 is evidence for the top. NaN without references. Which query is right is not used."""
        queries, references = trial.queries, trial.references
        if not any(references):
            return float("nan")
        vectors = self._for_layer(trial.unit.unit.layer)
        shown = ((queries[Side.TOP], queries[Side.BOTTOM]), references.max, references.min)
        of = [vectors[[self._rows[name] for name in names]].astype(np.float64) for names in shown]
        return float(encoders.evidence(of[0], of[1], of[2], self.encoder.metric))

    def _for_layer(self, layer: str) -> np.ndarray:
        if layer not in self._of_layer:
            self._of_layer[layer] = encoders.comparable(self.encoder, self._vectors, layer)
        return self._of_layer[layer]


def of_study(study: Study, encoder: Encoder) -> Similarity:
    """The observer of a study's trials that compares by this encoder; vectors are kept in `responses/vectors`."""
    trials = design.load(study).trials
    paths = sorted({path for trial in trials for path in (*trial.references, trial.query_max, trial.query_min)})
    return Similarity(encoder, paths, vectors(study, encoder, paths), trials)


def vectors(study: Study, encoder: Encoder, paths: Sequence[str]) -> np.ndarray:
    """The vectors of a study's pictures, (n, d), each distinct picture computed once."""
    keys = {path: store.picture_hash(study.folder / path) for path in paths}
    places = {key: study.folder / path for path, key in keys.items()}
    return vector_cache(study, encoder).vectors([keys[path] for path in paths], lambda key: store.read_png(places[key]))


def vector_cache(study: Study, encoder: Encoder) -> VectorCache:
    """Where the vectors of a study's pictures by this encoder are kept."""
    return VectorCache(study.stage("responses") / VECTORS, encoder)


VECTORS = "vectors"  # folder of the caches
