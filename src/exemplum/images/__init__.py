"""Corpora: collections of images by name, with a record and an image for every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import lazy_loader
import numpy as np
from PIL import Image
from pydantic import Field

from exemplum.errors import did_you_mean
from exemplum.images.corpus import (
    ArrayCorpus,
    Corpus,
    CorpusError,
    ImageError,
    ImageRecord,
    grid,
    sheet,
    subset,
    thumbnails,
)
from exemplum.images.decoding import decode_file
from exemplum.images.embedded import EmbeddedCorpus, photograph
from exemplum.images.folders import FolderCorpus
from exemplum.images.torchvision_datasets import TorchvisionCorpus
from exemplum.images.webdataset import ShardCorpus, beside as beside
from exemplum.study import Name, Section

if TYPE_CHECKING:
    from exemplum.images.copies import identical as identical, thumbnail as thumbnail
    from exemplum.images.near_duplicates import near_duplicates as near_duplicates

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        # which import SciPy
        "copies": ["identical", "thumbnail"],
        "near_duplicates": ["near_duplicates"],
    },
)
__all__ += [
    "ArrayCorpus", "Corpus", "CorpusError", "EmbeddedCorpus", "FolderCorpus", "ImageError", "ImageRecord",
    "ImagesSection", "beside", "decode_file", "grid", "open_corpus", "open_images", "photograph", "sheet", "subset",
    "thumbnails",
]  # fmt: skip


class ImagesSection(Section):
    """The corpus: the images that exemplars and queries are taken from."""

    load: Name = "embedded"
    """Which images: `embedded`, `folder:PATH`, `torchvision:NAME` or `webdataset:GLOB`."""
    limit: int | None = Field(None, ge=1, le=1_000_000_000)
    """Use a random subset of this size, drawn by `seed`; all images if left out.

    At least as many as one batch of queries and references takes: 20 with 9 references per pole."""


KINDS: dict[str, Callable[[str, int, Path | None], Corpus]] = {
    "folder": lambda rest, _seed, _root: FolderCorpus(rest),
    "webdataset": lambda rest, _seed, _root: ShardCorpus(rest),
    "torchvision": lambda rest, _seed, root: TorchvisionCorpus(rest, root),
}
EXPECTED = {"folder": "folder:PATH", "torchvision": "torchvision:NAME", "webdataset": "webdataset:GLOB"}


def open_corpus(spec: str, seed: int = 0, root: Path | None = None) -> Corpus:
    """Open the images that `spec` names: `embedded`, `folder:PATH`, `torchvision:NAME` or `webdataset:GLOB`.

    `seed` determines the drawings of `embedded` and nothing else. `root` is the folder of torchvision's datasets (by
    default the environment variable EXEMPLUM_DATA, else ~/.cache/exemplum). Raises CorpusError.
    """
    kind, colon, rest = spec.partition(":")
    if spec == "embedded":
        return EmbeddedCorpus(seed)
    if kind not in KINDS:
        hint = did_you_mean(spec if not colon else f"{kind}:", ["embedded", *(f"{known}:" for known in KINDS)])
        raise CorpusError(f"unknown images {spec!r}{hint}{_as_path(spec)}")
    if not (colon and rest):
        raise CorpusError(f"images {spec!r} are incomplete; write {EXPECTED[kind]}")
    return KINDS[kind](rest, seed, root)


def open_images(
    given: str | Path | Sequence[np.ndarray | Image.Image] | Corpus, *, limit: int | None = None, seed: int = 0
) -> Corpus:
    """Open images: what `open_corpus` takes, a folder as a Path, arrays or Pillow images, or a corpus as it is.

    With a `limit` so many of them, drawn by `seed`. Raises CorpusError.

    >>> len(open_images([np.zeros((32, 48, 3), np.uint8)] * 5))
    5
    >>> len(open_images("embedded", limit=100))
    100
    """
    if isinstance(given, str | Path):
        corpus = open_corpus(f"folder:{given}" if isinstance(given, Path) else given, seed)
    elif isinstance(given, list | tuple | np.ndarray):
        corpus = ArrayCorpus(given)
    else:
        corpus = cast("Corpus", given)
    return subset(corpus, limit, np.random.default_rng(seed)) if limit else corpus


def _as_path(spec: str) -> str:
    return f"; {spec} is a folder: write folder:{spec}" if Path(spec).expanduser().is_dir() else ""
