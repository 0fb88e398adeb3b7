"""Vectors of the corpus's images by every observer: each image is decoded and embedded once, and kept on the disk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from exemplum import store
from exemplum.errors import UserError
from exemplum.images import Corpus, thumbnail
from exemplum.index import decode_batches
from exemplum.models import Preprocessing
from exemplum.observers import Encoder
from exemplum.runtime import Cluster, track

SHARD = 512  # images whose vectors are one file
BATCH = 32  # images that are handed to an encoder at a time
LOOKS = "thumbnails"  # beside the vectors of the encoders


@dataclass(frozen=True)
class Vectors:
    """Vectors of some rows of a corpus, by the names of the encoders, and thumbnails of the images."""

    rows: np.ndarray  # int64 (images,), ascending
    of: Mapping[str, np.ndarray]  # float32 (images, d)
    thumbnails: np.ndarray  # uint8 (images, 16, 16, 3)

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Where these rows of the corpus are, in an array of the same shape."""
        return np.searchsorted(self.rows, rows)


def embed(
    corpus: Corpus, preprocessing: Preprocessing, rows: np.ndarray, encoders: Sequence[Encoder],
    folder: Path | None = None, *, workers: int | None = None, cluster: Cluster | None = None,
) -> Vectors:  # fmt: skip
    """Embed these rows of the corpus as the tested network sees the images.

    With a `folder` the vectors are kept there, one file per shard and encoder: what was computed before is read.
    Raises UserError for an image that can no longer be decoded.
    """
    rows = np.unique(rows)
    shards = [rows[start : start + SHARD] for start in range(0, len(rows), SHARD)]
    names = [LOOKS, *(encoder.name for encoder in encoders)]
    files = _Files(folder, corpus, preprocessing, encoders)
    kept: dict[str, list[np.ndarray]] = {name: [] for name in names}
    with track("embedding", len(rows), "images") as advance:
        for shard, found in zip(shards, _computed(files, shards, corpus, preprocessing, workers, cluster), strict=True):
            for name in names:
                kept[name].append(found[name])
            advance(len(shard))
    joined = {name: np.concatenate(parts) if parts else np.empty((0, 1), np.float32) for name, parts in kept.items()}
    return Vectors(rows, {name: joined[name] for name in names[1:]}, joined[LOOKS])


class _Files:
    """The files of shards, and which vectors of a shard are not among them."""

    def __init__(
        self, folder: Path | None, corpus: Corpus, preprocessing: Preprocessing, encoders: Sequence[Encoder]
    ) -> None:
        images = [corpus.fingerprint, repr(preprocessing)]
        self.folder = folder
        self.encoders = {encoder.name: encoder for encoder in encoders}
        self.keys = {LOOKS: store.digest(images)} | {
            name: store.digest(images, encoder.fingerprint) for name, encoder in self.encoders.items()
        }

    def read(self, shard: np.ndarray) -> dict[str, np.ndarray]:
        """The vectors of a shard that are on the disk."""
        paths = {name: path for name in self.keys if (path := self._path(name, shard)) and path.exists()}
        for path in paths.values():
            path.touch()  # so that it is known to be in use
        return {name: np.load(path) for name, path in paths.items()}

    def write(self, shard: np.ndarray, found: Mapping[str, np.ndarray]) -> None:
        for name, values in found.items():
            if path := self._path(name, shard):
                with store.atomic(path) as temporary, temporary.open("wb") as handle:
                    np.save(handle, values)

    def _path(self, name: str, shard: np.ndarray) -> Path | None:
        return self.folder and self.folder / self.keys[name] / f"{store.digest(shard.tolist())}.npy"


def _computed(
    files: _Files, shards: Sequence[np.ndarray], corpus: Corpus, preprocessing: Preprocessing, workers: int | None,
    cluster: Cluster | None,
) -> Iterator[dict[str, np.ndarray]]:  # fmt: skip
    """The vectors of each shard, in order: read, or else computed and written."""
    held = [files.read(shard) for shard in shards]
    tasks = [
        (shard, tuple(name for name in files.keys if name not in found))
        for shard, found in zip(shards, held, strict=True) if len(found) < len(files.keys)
    ]  # fmt: skip
    make = partial(_Embedder, corpus, preprocessing, files.encoders)
    new = cluster.spread(partial(make, workers=0), tasks) if cluster else make(workers=workers).each(tasks)
    for shard, found in zip(shards, held, strict=True):
        if len(found) < len(files.keys):
            computed = next(new)
            files.write(shard, computed)
            found |= computed
        yield found


Task = tuple[np.ndarray, tuple[str, ...]]  # rows of a shard, and the names of what is to be computed


class _Embedder:
    """Computes what shards lack."""

    def __init__(
        self, corpus: Corpus, preprocessing: Preprocessing, encoders: Mapping[str, Encoder], *, workers: int | None
    ) -> None:
        self.corpus, self.preprocessing, self.encoders, self.workers = corpus, preprocessing, encoders, workers

    def __call__(self, task: Task) -> dict[str, np.ndarray]:
        return next(self.each([task]))

    def each(self, tasks: Sequence[Task]) -> Iterator[dict[str, np.ndarray]]:
        """The vectors of each shard. All shards but the last are full, so that no batch spans two of them."""
        if not tasks:
            return
        rows = np.concatenate([shard for shard, _ in tasks])
        batches = iter(decode_batches(self.corpus, self.preprocessing, rows, BATCH, self.workers))
        for shard, names in tasks:
            found: dict[str, list[np.ndarray]] = {name: [] for name in names}
            for batch in itertools.islice(batches, -(-len(shard) // BATCH)):
                self._refuse_broken(batch.broken)
                for name in names:
                    found[name].append(self._vectors(name, batch.images))
            yield {name: np.concatenate(parts) for name, parts in found.items()}

    def _vectors(self, name: str, pictures: np.ndarray) -> np.ndarray:
        if name == LOOKS:
            return np.stack([thumbnail(picture) for picture in pictures])
        return self.encoders[name].encode(pictures)

    def _refuse_broken(self, broken: Sequence[tuple[int, str]]) -> None:
        for row, reason in broken:
            raise UserError(
                f"image {self.corpus.record(row).image_id} of {self.corpus.name} could be read when the index was made "
                f"and cannot any more ({reason}); restore it, or make the index again"
            )
