"""What a corpus is: a length, and for every row a record and an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from exemplum.errors import UserError

Label = str | float | int


class ImageError(UserError):
    """An image cannot be decoded: the message names it, `reason` says why."""

    def __init__(self, image: str, reason: str) -> None:
        super().__init__(f"{image}: {reason}")
        self.image, self.reason = image, reason

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:  # errors cross from worker processes
        return type(self), (self.image, self.reason)


class CorpusError(UserError):
    """A corpus cannot be opened; the message says which, why and what to do."""


@dataclass(frozen=True)
class ImageRecord:
    """What is known of an image without decoding it."""

    image_id: str  # unique in the corpus, the same on every machine
    group: str = ""  # images of one group are near-duplicates; "" for none
    labels: dict[str, Label] = field(default_factory=dict)  # known truth: class, family, source, place, …


class Corpus(Protocol):
    """Images by row. Corpora can be pickled, and hold no decoded images that grow with their length."""

    @property
    def name(self) -> str:
        """What `images.open` was given."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the images do; cheap, no image is decoded for it."""
        ...

    def __len__(self) -> int: ...

    def record(self, row: int) -> ImageRecord: ...

    def decode(self, row: int) -> np.ndarray:
        """The image as RGB uint8 (h, w, 3). Raises ImageError with the reason if the file is broken."""
        ...
