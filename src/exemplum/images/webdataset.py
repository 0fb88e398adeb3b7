"""`webdataset:GLOB`: images in tar shards, read in place."""

from __future__ import annotations

import json
import os
import re
import tarfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from glob import escape, glob
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from exemplum.images.corpus import CorpusError, ImageError, ImageRecord, Label, PrintedCorpus, data_root
from exemplum.images.decoding import decode_bytes
from exemplum.images.folders import EXTENSIONS, Names, as_id
from exemplum.store import StoreError, atomic, digest

SIDECARS = ("", "cls", "json", "txt")  # files with labels of an image; the first one present is read
SCHEMA = 1  # of the cached list of positions


@dataclass(frozen=True)
class ShardContents:
    """The position of every image in some shards, and of its labels; one row per image."""

    names: Names  # the sample's key, with its folder in the tar
    places: np.ndarray  # (images, 6) int64: shard, offset, size; kind of sidecar (in SIDECARS), its offset, its size


class ShardCorpus(PrintedCorpus):
    """Samples with an image in WebDataset's shards. Each takes about 60 bytes and its name in memory."""

    def __init__(self, pattern: str) -> None:
        """Find the positions of the images: one pass over the shards' headers, which is cached.

        Raises CorpusError if no file matches `pattern` (with `*`, `?` and `{000..146}`), if a shard is broken or
        compressed, or if none holds an image.
        """
        self.name = f"webdataset:{pattern}"
        self.shards = _matching(pattern)
        if not self.shards:
            raise CorpusError(f"no file matches webdataset:{pattern}; check the path after webdataset:")
        known = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in self.shards]
        self.fingerprint = digest([(Path(path).name, size, time) for path, size, time in known])
        self._contents = _contents(self.shards, data_root() / "shards" / f"{digest(known, SCHEMA)}.npz")
        if not len(self):
            raise CorpusError(f"none of the {len(self.shards)} shards of webdataset:{pattern} holds an image")
        self._above = os.path.commonpath([path.parent for path in self.shards])

    def __len__(self) -> int:
        return len(self._contents.names)

    def record(self, row: int) -> ImageRecord:
        """Shard and key are the id; `.cls`, else the plain values of `.json`, else `.txt` are the labels."""
        key = as_id(self._contents.names[row])
        shard, _, _, kind, offset, size = self._contents.places[row].tolist()
        labels = _labels(SIDECARS[kind], self._read(shard, offset, size)) if kind else {}
        return ImageRecord(f"{self.shards[shard].relative_to(self._above).as_posix()}/{key}", labels=labels)

    def decode(self, row: int) -> np.ndarray:
        """RGB uint8 (h, w, 3). Raises ImageError if the image is broken or its shard is gone."""
        name = f"{self.shards[self._contents.places[row, 0]]}/{as_id(self._contents.names[row])}"
        shard, offset, size, *_ = self._contents.places[row].tolist()
        try:
            content = self._read(shard, offset, size)
        except OSError as error:
            raise ImageError(name, error.strerror or str(error)) from error
        return decode_bytes(content, name)

    def _read(self, shard: int, offset: int, size: int) -> bytes:
        with self.shards[shard].open("rb") as handle:
            handle.seek(offset)
            return handle.read(size)


def beside(pattern: str, folder: Path) -> str:
    """A relative pattern as one of files in `folder`, if there are some; else as it is."""
    within = f"{escape(str(folder))}/{pattern}"
    return within if not os.path.isabs(pattern) and _matching(within) else pattern


def _matching(pattern: str) -> list[Path]:
    found = {path for plain in _braces(os.path.expanduser(pattern)) for path in glob(plain, recursive=True)}
    return [Path(path) for path in sorted(found) if os.path.isfile(path)]


def _braces(pattern: str) -> list[str]:
    """`a{08..10}.tar` as a08.tar, a09.tar and a10.tar."""
    found = re.search(r"\{(\d+)\.\.(\d+)\}", pattern)
    if not found:
        return [pattern]
    first, last = found.groups()
    numbers = (str(number).zfill(len(first)) for number in range(int(first), int(last) + 1))
    return [
        whole for number in numbers for whole in _braces(pattern[: found.start()] + number + pattern[found.end() :])
    ]


def _contents(shards: list[Path], kept: Path) -> ShardContents:
    """The positions of all images, from the cache file `kept` if it is valid, else from the shards."""
    if kept.exists():
        with np.load(kept) as saved:
            return ShardContents(Names(saved["block"].tobytes(), saved["ends"]), saved["places"])
    places = array("q")
    names = Names.of(_scan(shards, places))
    table = np.frombuffer(places, dtype=np.int64).reshape(-1, 6)
    # if the cache cannot be written, the shards are read again next time
    with suppress(StoreError), atomic(kept) as temporary, temporary.open("wb") as handle:
        np.savez(handle, block=np.frombuffer(names.block, dtype=np.uint8), ends=names.ends, places=table)
    return ShardContents(names, table)


def _scan(shards: list[Path], places: array[int]) -> Iterator[bytes]:
    """The key of every sample with an image; its position is appended to `places`."""
    for number, shard in enumerate(shards):
        for key, members in groupby(_members(shard), key=lambda member: _split(member.name)[0]):
            if place := _place(members):
                places.extend((number, *place))
                yield key


def _place(members: Iterable[tarfile.TarInfo]) -> tuple[int, ...]:
    """Offset and size of a sample's first image, then kind, offset and size of its sidecar; empty without an image."""
    image: tuple[int, ...] = ()
    sidecar = (0, 0, 0)
    for member in members:
        kind = _split(member.name)[1]
        if f".{kind.rpartition('.')[2]}" in EXTENSIONS and not image:
            image = (member.offset_data, member.size)
        elif kind in SIDECARS[1:] and (not sidecar[0] or SIDECARS.index(kind) < sidecar[0]):
            sidecar = (SIDECARS.index(kind), member.offset_data, member.size)
    return (*image, *sidecar) if image else ()


def _members(shard: Path) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # tarfile would keep every one
                if member.isfile():
                    yield member
    except (tarfile.TarError, OSError) as error:
        raise CorpusError(
            f"the shard {shard} is broken or compressed ({error}); shards must be complete, uncompressed tar files"
        ) from error


def _split(name: str) -> tuple[bytes, str]:
    """Split a path into the sample's key, up to the first dot of the file name, and the extension."""
    folder, slash, file = name.rpartition("/")
    stem, _, kind = file.partition(".")
    return os.fsencode(folder + slash + stem), kind.lower()


def _labels(kind: str, content: bytes) -> dict[str, Label]:
    text = content.decode("utf-8", errors="replace").strip()
    if kind == "cls":
        return {"class": int(text) if text.lstrip("-").isdecimal() else text}
    if kind == "txt":
        return {"text": text}
    try:
        values: Any = json.loads(text)
    except json.JSONDecodeError:
        return {}
    named = values if isinstance(values, dict) else {}
    return {str(key): value for key, value in named.items() if type(value) in (str, int, float)}
