"""The gallery's images: thumbnails on sprite sheets, one larger WebP per image, and activation maps of exemplars.

The corpus is decoded once. A sheet of 1,024 images is finished with all that belongs to it, so that a build which was
stopped continues with the next sheet.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from exemplum import store
from exemplum.gallery.maps import MapReader, Maps
from exemplum.gallery.selection import Selection
from exemplum.images import Corpus
from exemplum.runtime import track

if TYPE_CHECKING:
    from exemplum.models import Model

THUMB, ACROSS = 64, 32  # px of a thumbnail; thumbnails side by side
PER_SHEET = ACROSS * ACROSS
LARGEST = 320  # px of the larger WebP; networks that see less have theirs
THUMB_QUALITY, QUALITY = 76, 82  # of WebP
BATCH = 32  # images decoded and read at a time
GREY = 128  # of an image that can no longer be decoded


@dataclass(frozen=True)
class ImageFiles:
    """Where the gallery's images go: the folder that is published, and the one that keeps maps between builds."""

    folder: Path  # sheet-0.webp, …, large/0/0.webp, …
    cache: Path  # maps-0.npz, …

    def sheet(self, number: int) -> Path:
        return self.folder / f"sheet-{number}.webp"

    def large(self, number: int) -> Path:
        """A folder per sheet: tens of thousands of files in one are slow on many hosts."""
        return self.folder / "large" / str(number // PER_SHEET) / f"{number}.webp"

    def maps(self, number: int) -> Path:
        return self.cache / f"maps-{number}.npz"

    def is_done(self, number: int) -> bool:
        return self.sheet(number).exists() and self.maps(number).exists()


def write_images(files: ImageFiles, selection: Selection, model: Model, corpus: Corpus, reader: MapReader) -> Maps:
    """Write what is not written yet; the maps of all exemplars."""
    sheets = math.ceil(len(selection.rows) / PER_SHEET)
    left = [number for number in range(sheets) if not files.is_done(number)]
    total = len(selection.rows)
    done = total - sum(len(_numbers(number, total)) for number in left)
    with track("gallery images", total, "images", done) as advance, ThreadPoolExecutor(os.cpu_count()) as pool:
        for number in left:
            _write_sheet(number, files, selection, model, corpus, reader, pool, advance)
    return reader.collected([files.maps(number) for number in range(sheets)])


def _numbers(sheet: int, total: int) -> range:
    return range(sheet * PER_SHEET, min((sheet + 1) * PER_SHEET, total))


def _write_sheet(
    sheet: int, files: ImageFiles, selection: Selection, model: Model, corpus: Corpus, reader: MapReader,
    pool: ThreadPoolExecutor, advance: Callable[[int], None],
) -> None:  # fmt: skip
    numbers = _numbers(sheet, len(selection.rows))
    tiles = np.full((math.ceil(len(numbers) / ACROSS) * THUMB, ACROSS * THUMB, 3), GREY, np.uint8)
    read, written = [], []
    for part, images in _decoded(selection, model, corpus, numbers):
        for number, image in zip(part, images, strict=True):
            if image is not None:
                written.append(pool.submit(write_picture, files.large(number), image))
                down, right = (THUMB * at for at in divmod(number - numbers.start, ACROSS))
                tiles[down : down + THUMB, right : right + THUMB] = _thumbnail(image)
        read.append(reader.read(part, images))
        advance(len(part))
    for one in written:
        one.result()  # raises what went wrong in the thread
    _write_webp(files.sheet(sheet), Image.fromarray(tiles), THUMB_QUALITY)
    reader.save(files.maps(sheet), read)


def _decoded(
    selection: Selection, model: Model, corpus: Corpus, numbers: range
) -> Iterator[tuple[list[int], list[np.ndarray | None]]]:
    """Numbers with their images as the network sees them, BATCH at a time; None for one that is broken by now."""
    from exemplum.index import decode_batches  # late: torch takes seconds to import

    rows = selection.rows[numbers.start : numbers.stop]
    for place, batch in enumerate(decode_batches(corpus, model.preprocessing, rows, BATCH)):
        part = list(numbers[place * BATCH : (place + 1) * BATCH])
        found = dict(zip(batch.rows.tolist(), batch.images, strict=True))
        yield part, [found.get(int(selection.rows[number])) for number in part]


def _thumbnail(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((THUMB, THUMB), Image.Resampling.LANCZOS))


def write_picture(path: Path, image: np.ndarray) -> None:
    """Write a picture, uint8 (h, w, 3), as WebP of at most LARGEST px per side."""
    picture = Image.fromarray(image)
    if max(picture.size) > LARGEST:
        picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    _write_webp(path, picture, QUALITY)


def _write_webp(path: Path, picture: Image.Image, quality: int) -> None:
    with store.atomic(path, sync=False) as temporary:
        picture.save(temporary, format="WEBP", quality=quality, method=4)


def written_megabytes(folders: Sequence[Path]) -> float:
    """Size of all files in folders."""
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()) / 1e6
