"""The Corpus protocol (a record and an image for every row), subsets, and contact sheets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image, ImageOps

from exemplum.errors import UserError
from exemplum.store import digest

Label = str | float | int


class ImageError(UserError):
    """An image cannot be decoded: the message names it, `reason` says why."""

    def __init__(self, image: str, reason: str) -> None:
        super().__init__(f"{image}: {reason}")
        self.image, self.reason = image, reason

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:  # errors are pickled by worker processes
        return type(self), (self.image, self.reason)


class CorpusError(UserError):
    """A corpus cannot be opened; the message says which one, why, and what to do."""


@dataclass(frozen=True)
class ImageRecord:
    """What is known about an image without decoding it."""

    image_id: str  # unique in the corpus, the same on every machine
    group: str = ""  # images of one group are near-duplicates; "" for none
    labels: dict[str, Label] = field(default_factory=dict)  # ground truth: class, family, source, place, …


class Corpus(Protocol):
    """Images by row. A corpus can be pickled, and must not keep decoded images."""

    @property
    def name(self) -> str:
        """The name that `open_corpus` was given."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the images change; computed without decoding."""
        ...

    def __len__(self) -> int: ...

    def record(self, row: int) -> ImageRecord: ...

    def decode(self, row: int) -> np.ndarray:
        """The image as RGB uint8 (h, w, 3). Raises ImageError with the reason if the file is broken."""
        ...


class SubsetCorpus:
    """Some rows of another corpus, in its order."""

    def __init__(self, corpus: Corpus, rows: np.ndarray) -> None:
        self.corpus = corpus
        self.rows = np.asarray(rows, dtype=np.int64)
        self.name = f"{corpus.name} ({len(self.rows):,} of {len(corpus):,} images)"
        self.fingerprint = digest(corpus.fingerprint, hash_of(self.rows))

    def __len__(self) -> int:
        return len(self.rows)

    def record(self, row: int) -> ImageRecord:
        return self.corpus.record(int(self.rows[row]))

    def decode(self, row: int) -> np.ndarray:
        return self.corpus.decode(int(self.rows[row]))


def subset(corpus: Corpus, n: int, rng: np.random.Generator) -> Corpus:
    """`n` images drawn without replacement, in the corpus's order; the corpus itself if it has no more than `n`.

    Raises ValueError if `n` is not positive.
    """
    if n < 1:
        raise ValueError(f"a subset has at least one image, got {n}")
    if n >= len(corpus):
        return corpus
    return SubsetCorpus(corpus, np.sort(rng.choice(len(corpus), size=n, replace=False)))


def hash_of(rows: np.ndarray) -> str:
    return digest(rows.tobytes().hex())


PAPER = 255


def sheet(
    corpus: Corpus, rows: int = 10, columns: int = 20, *, size: int = 96, first: int = 0, pick: Sequence[int] = ()
) -> np.ndarray:
    """A contact sheet of `rows` × `columns` images from row `first` on, or of the rows in `pick`.

    Returns RGB uint8; each image is cut to a square and scaled to `size` pixels, 2 px apart. Broken images are grey.
    """
    chosen = list(pick) or list(range(first, min(len(corpus), first + rows * columns)))
    step = size + 2
    page = np.full((rows * step + 2, columns * step + 2, 3), PAPER, dtype=np.uint8)
    for place, row in enumerate(chosen[: rows * columns]):
        top, left = 2 + place // columns * step, 2 + place % columns * step
        page[top : top + size, left : left + size] = _tile(corpus, row, size)
    return page


def _tile(corpus: Corpus, row: int, size: int) -> np.ndarray:
    try:
        image = Image.fromarray(corpus.decode(row))
    except ImageError:
        return np.full((size, size, 3), 128, dtype=np.uint8)
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS))


ROOT_VARIABLE = "EXEMPLUM_DATA"


def data_root() -> Path:
    """The folder that the environment variable EXEMPLUM_DATA names, else ~/.cache/exemplum."""
    return Path(os.environ.get(ROOT_VARIABLE) or "~/.cache/exemplum").expanduser()
