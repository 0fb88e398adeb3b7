"""The Corpus protocol (a record and an image for every row), subsets, and contact sheets."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image, ImageOps

from exemplum.errors import UserError
from exemplum.store import digest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


class PrintedCorpus:
    """Prints a corpus by its name and the number of its images."""

    name: str

    def __len__(self) -> int:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {len(self):,} image{'s' * (len(self) != 1)})"


class ArrayCorpus:
    """Images in memory: arrays uint8, (h, w, 3) or (h, w) for grey, or Pillow images; named by their places."""

    def __init__(self, given: Sequence[np.ndarray | Image.Image]) -> None:
        """Raises CorpusError naming the first that is no image, or if there is none."""
        if not len(given):
            raise CorpusError("the list of images is empty; give at least one image")
        self.images = [_rgb(image, place) for place, image in enumerate(given)]
        self.name = f"{len(self.images):,} images in memory"

    def __repr__(self) -> str:
        return f"ArrayCorpus({self.name})"

    @cached_property
    def fingerprint(self) -> str:
        return digest([(image.shape, hashlib.sha256(image.tobytes()).hexdigest()) for image in self.images])

    def __len__(self) -> int:
        return len(self.images)

    def record(self, row: int) -> ImageRecord:
        return ImageRecord(str(row))

    def decode(self, row: int) -> np.ndarray:
        return self.images[row]


def _rgb(image: np.ndarray | Image.Image, place: int) -> np.ndarray:
    if isinstance(image, Image.Image):
        return np.asarray(image.convert("RGB"))
    array = np.asarray(image)
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3))):
        raise CorpusError(
            f"image {place} is {array.dtype} of shape {array.shape}; images are uint8, (height, width, 3)"
        )
    planes = array[..., None] if array.ndim == 2 else array
    return np.ascontiguousarray(np.broadcast_to(planes, (*planes.shape[:2], 3)))


class SubsetCorpus:
    """Some rows of another corpus, in its order."""

    def __init__(self, corpus: Corpus, rows: np.ndarray) -> None:
        self.corpus = corpus
        self.rows = np.asarray(rows, dtype=np.int64)
        self.name = f"{corpus.name} ({len(self.rows):,} of {len(corpus):,} images)"
        self.fingerprint = digest(corpus.fingerprint, hash_of(self.rows))

    def __repr__(self) -> str:
        return f"SubsetCorpus({self.name!r})"

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
        raise ValueError(f"a subset must have at least one image (got {n})")
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


GAP = 4  # pixels between the images of a grid


def grid(
    images: Sequence[np.ndarray], captions: Sequence[str] = (), *, columns: int = 0, axes: Axes | None = None
) -> Axes:
    """Draw images of one size, uint8 (h, w, channels), side by side in one matplotlib Axes, captions above them.

    `columns` of them in a row, at most nine if not given.
    """
    import matplotlib.pyplot as plt  # late: it takes half a second

    columns = columns or min(9, max(1, len(images)))
    rows = math.ceil(len(images) / columns)
    height, width = images[0].shape[:2] if len(images) else (1, 1)
    lines = max((caption.count("\n") + 1 for caption in captions if caption), default=0)
    room = round(0.12 * lines * width)  # above each row, for its captions; a column is 1.4 inches wide
    page = np.full((rows * (height + room + GAP), columns * (width + GAP), 3), PAPER, np.uint8)
    axes = axes or plt.subplots(figsize=(1.4 * columns, 1.4 * rows * page.shape[0] / max(1, rows) / width))[1]
    for place, image in enumerate(images):
        top, left = place // columns * (height + room + GAP) + room, place % columns * (width + GAP)
        page[top : top + height, left : left + width] = image
        if place < len(captions):
            axes.text(left + width / 2, top - GAP / 2, captions[place], ha="center", va="bottom", fontsize=7)
    axes.imshow(page)
    axes.axis("off")
    return axes


def thumbnails(
    images: Sequence[np.ndarray] | np.ndarray, captions: Sequence[str] = (), *, size: int = 96, most: int = 36
) -> str:
    """At most so many images as HTML, `size` pixels per side, for notebooks."""
    shown = []
    for place, image in enumerate(images[:most]):
        held = io.BytesIO()
        Image.fromarray(np.broadcast_to(image, (*image.shape[:2], 3))).resize((size, size)).save(held, "PNG")
        caption = html.escape(captions[place]).replace("\n", "<br>") if place < len(captions) else ""
        source = f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"
        shown.append(
            f'<figure style="display:inline-block;margin:2px"><img src="{source}" width="{size}" height="{size}">'
            f'<figcaption style="font-size:70%;text-align:center">{caption}</figcaption></figure>'
        )
    more = f"<p>and {len(images) - most} more</p>" if len(images) > most else ""
    return "".join(shown) + more


ROOT_VARIABLE = "EXEMPLUM_DATA"


def data_root() -> Path:
    """The folder that the environment variable EXEMPLUM_DATA names, else ~/.cache/exemplum."""
    return Path(os.environ.get(ROOT_VARIABLE) or "~/.cache/exemplum").expanduser()
