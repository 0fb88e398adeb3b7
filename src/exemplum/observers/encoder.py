"""Encoders: pictures as vectors, and the rule by which similar vectors answer a trial.

The rule is that of the machine interpretability score (Zimmermann, Klein & Brendel 2024): with s(q, E) the mean
similarity of a query q to the references E of a pole,

    Δ = [s(first, E⁺) − s(first, E⁻)] − [s(second, E⁺) − s(second, E⁻)]

and the first query is chosen if Δ > 0. Terms of a pole that is not shown drop out. The score's σ(αΔ) would not change
any choice.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np

from exemplum import store
from exemplum.observers.observer import ObserverError
from exemplum.runtime import track

Key = TypeVar("Key")  # whatever stands for a picture
Metric = Literal["cosine", "euclidean"]
TINY = 1e-12  # a picture whose vector is 0 has similarity 0 to all


class Encoder(Protocol):
    """Pictures as vectors. With the rule above it is an observer of trials, and it scores units.

    metric: what two vectors are compared by: `cosine`, or `euclidean`, which is minus the squared distance.
    """

    @property
    def name(self) -> str:
        """The name of the observer."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes with everything that decides the vectors."""
        ...

    @property
    def metric(self) -> Metric: ...

    def encode(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """Pictures of any sizes, uint8 (h, w, 3) → float32 (n, d)."""
        ...


def similarities(first: np.ndarray, second: np.ndarray, metric: Metric) -> np.ndarray:
    """Similarity of each vector to each other: (…, n, d) and (…, m, d) → (…, n, m).

    `cosine`: −1 to 1; 0 for a vector of length 0. `euclidean`: minus the squared distance, at most 0.

    >>> vectors = np.array([[1.0, 0.0], [3.0, 4.0]])
    >>> similarities(vectors, vectors, "cosine").round(2).tolist(), similarities(vectors, vectors, "euclidean").tolist()
    ([[1.0, 0.6], [0.6, 1.0]], [[0.0, -20.0], [-20.0, 0.0]])
    """
    if metric == "cosine":
        return unit(first) @ np.swapaxes(unit(second), -1, -2)
    # distances do not change, but small ones of large vectors would be lost in rounding
    centre = second.mean(-2, keepdims=True)
    first, second = first - centre, second - centre
    squares = (first**2).sum(-1)[..., :, None] + (second**2).sum(-1)[..., None, :]
    return np.minimum(2 * first @ np.swapaxes(second, -1, -2) - squares, 0)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (…, d) of length 1; one of length 0 stays so."""
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + TINY)


def evidence(queries: np.ndarray, maximal: np.ndarray, minimal: np.ndarray, metric: Metric) -> np.ndarray:
    """Δ of tasks: above 0 is evidence for the first query, below 0 for the second.

    queries: vectors of both, (…, 2, d). maximal, minimal: of the references of a pole, (…, k, d); k = 0 if it is not
    shown. Returns (…); 0 without any references.

    >>> first, second = [1.0, 0.0], [0.0, 1.0]
    >>> round(float(evidence(np.array([first, second]), np.array([[1.0, 0.1]]), np.zeros((0, 2)), "cosine")), 2)
    0.9
    """
    support = np.zeros(queries.shape[:-1], np.result_type(queries, np.float32))
    for sign, references in ((1, maximal), (-1, minimal)):
        if references.shape[-2]:
            support = support + sign * similarities(queries, references, metric).mean(-1)
    return support[..., 0] - support[..., 1]


def comparable(encoder: Encoder, vectors: np.ndarray, layer: str) -> np.ndarray:
    """Vectors (n, d) as the units of this layer may be judged by them: without that layer, if it is the encoder's own.

    Raises ObserverError if nothing is left.
    """
    own = getattr(encoder, "tested_layers", {}).get(layer)
    if own is None:
        return vectors
    if own.stop - own.start == vectors.shape[1]:
        raise ObserverError(
            f"{encoder.name} compares pictures by layer {layer}, whose units are tested; choose another as its layer "
            "in study.toml"
        )
    return np.delete(vectors, own, axis=1)


class VectorCache:
    """The vectors of pictures by one encoder, each computed once and kept in a file."""

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        """The file is FOLDER/NAME.npz. One of another encoder, or a broken one, is computed again."""
        self.encoder = encoder
        name = re.sub(r"[^\w.+-]", "_", encoder.name)  # one of the user's own may hold any character
        self.path = folder / f"{name}.npz"

    def vectors(self, keys: Sequence[str], picture: Callable[[str], np.ndarray]) -> np.ndarray:
        """The vector of each picture, float32 (n, d), in the order of `keys`; `picture` gives the picture of a key.

        A key says what the picture shows, as a hash of its file does.
        """
        known = self._read()
        if new := [key for key in dict.fromkeys(keys) if key not in known]:
            known |= dict(zip(new, encoded(self.encoder, new, picture), strict=True))
            self._write(known)
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, 1), np.float32)

    def _read(self) -> dict[str, np.ndarray]:
        if not self.path.exists():
            return {}
        try:
            with np.load(self.path) as held:
                if str(held["made"]) != self.encoder.fingerprint:
                    return {}
                return dict(zip(held["keys"].tolist(), held["values"], strict=True))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return {}

    def _write(self, vectors: dict[str, np.ndarray]) -> None:
        keys = sorted(vectors)
        with store.atomic(self.path) as temporary, temporary.open("wb") as handle:
            np.savez(handle, made=self.encoder.fingerprint, keys=keys, values=np.stack([vectors[key] for key in keys]))


def encoded(encoder: Encoder, keys: Sequence[Key], picture: Callable[[Key], np.ndarray]) -> np.ndarray:
    """The vectors of pictures, float32 (n, d), with progress. Raises ObserverError if they are of another shape."""
    with track(encoder.name, len(keys), "pictures") as advance:
        vectors = encoder.encode(_each(keys, picture, advance))
    if vectors.ndim != 2 or len(vectors) != len(keys):
        raise ObserverError(
            f"encode of observer {encoder.name} returned shape {vectors.shape} for {len(keys)} pictures; it must "
            "return one row per picture"
        )
    return vectors


def _each(
    keys: Sequence[Key], picture: Callable[[Key], np.ndarray], advance: Callable[[int], None]
) -> Iterator[np.ndarray]:
    for key in keys:
        yield picture(key)
        advance(1)
