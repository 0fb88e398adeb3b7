"""Many images of a corpus on one picture, to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from exemplum.images.corpus import Corpus, ImageError

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
