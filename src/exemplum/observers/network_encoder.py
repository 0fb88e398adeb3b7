"""The encoder of a network: spatial means of its layers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from exemplum import store
from exemplum.index import Measurer
from exemplum.observers import SIMILARITY
from exemplum.observers.encoder import Metric, unit
from exemplum.observers.feature_network import AUTO, FeatureNetwork, choose

if TYPE_CHECKING:
    from exemplum.models import Model

BATCH = 32  # pictures per forward pass
RESIZING = "torch, antialiased"  # part of a fingerprint: changes with the last digits of vectors
BY_TORCH = ("bilinear", "bicubic")  # the filters that torch has


def network_encoder(
    model: str | Model = AUTO, tested: Model | None = None, *, name: str = "", layers: Sequence[str] = (),
    weights: str | None = None, input_size: int | None = None, same_network: bool = False,
) -> NetworkEncoder:  # fmt: skip
    """An encoder by the features of a network, for `ex.score` and for observers made by hand.

    model: a Model, or one by name; `auto` takes the first of `efficientnet-lite0` and `embedded` that is independent of
    `tested`, the network whose units are judged. name: of the observer; if not given `similarity` for `auto`, else the
    model's. layers: its default ones if not given. Raises ObserverError if it has weights in common with `tested` and
    `same_network` is not set, and as `ex.load` does.

    >>> import exemplum as ex
    >>> encoder = network_encoder("auto", ex.load("embedded"))
    >>> encoder.name, encoder.about
    ('similarity', 'features of efficientnet-lite0 at 128 px, independent of the tested network')
    """
    network = choose(model, tested, layers=layers, weights=weights, input_size=input_size, same_network=same_network)
    given = name or (SIMILARITY if model == AUTO else network.model.name.replace(":", " "))
    return NetworkEncoder(network.observer_name(given), network)


class NetworkEncoder:
    """Spatial means of every layer after its ReLU, each of length 1, side by side.

    So the cosine of two vectors is the mean over the layers of the cosine of each. (A layer without any activation for
    one of the pictures does not count.)
    """

    metric: Metric = "cosine"

    def __init__(self, name: str, network: FeatureNetwork) -> None:
        self.name, self.network = name, network

    @property
    def fingerprint(self) -> str:
        return store.digest(self.network.model.fingerprint, self.network.layers, RESIZING)

    @property
    def about(self) -> str:
        """What the pictures are compared by, as the report's list of observers says it."""
        return f"features of {self.network.about}"

    @property
    def tested_layers(self) -> Mapping[str, slice]:
        """The columns of each layer, where the network is the tested one; empty if it is another."""
        if not self.network.is_tested:
            return {}
        widths = [self.network.model.layer(name).channels for name in self.network.layers]
        ends = list(itertools.accumulate(widths))
        return {
            name: slice(end - width, end) for name, width, end in zip(self.network.layers, widths, ends, strict=True)
        }

    def encode(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """Pictures of any sizes, uint8 (h, w, 3) → float32 (n, channels of all layers)."""
        found, waiting = list[np.ndarray](), iter(pictures)
        while batch := list(itertools.islice(waiting, BATCH)):
            found.append(self._vectors(np.stack([fit(self.network.model, picture) for picture in batch])))
        width = sum(self.network.model.layer(name).channels for name in self.network.layers)
        return np.concatenate(found) if found else np.zeros((0, width), np.float32)

    def __getstate__(self) -> dict[str, Any]:
        """Without what reads the network: another process makes its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_measurer"}

    @cached_property
    def _measurer(self) -> Measurer:
        return Measurer(self.network.model, self.network.layers, relu="after", objective="channel")

    def _vectors(self, pictures: np.ndarray) -> np.ndarray:
        widths = [self.network.model.layer(name).channels for name in self.network.layers]
        means = np.split(self._measurer.images(pictures), np.cumsum(widths)[:-1], axis=1)
        return np.concatenate([unit(of_layer) for of_layer in means], axis=1)


def fit(model: Model, picture: np.ndarray) -> np.ndarray:
    """The picture at the model's input size, as `model.fit` makes it to within two of 255 levels, in a sixth of
    the time where the picture is square: uint8 (h, w, 3) → uint8 (size, size, 3).
    """
    preprocessing = model.preprocessing
    (height, width), side, filter_ = picture.shape[:2], preprocessing.size, preprocessing.interpolation
    if height != width or height == side or filter_ not in BY_TORCH:
        return model.fit(picture)
    pixels = torch.tensor(picture).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(pixels, (side, side), mode=filter_, antialias=True)
    return resized[0].permute(1, 2, 0).numpy()
