"""`embedded`: patches of photographs and drawings, mixed so that every part of the corpus holds both."""

from __future__ import annotations

import numpy as np

from exemplum.images import drawings, photographs
from exemplum.images.corpus import ImageRecord
from exemplum.store import digest

EACH = 45  # drawings of a family


class EmbeddedCorpus:
    """The photographs in the packages that Exemplum needs anyway, and drawings. `seed` draws other drawings."""

    name = "embedded"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._patches = photographs.patches()
        self._families = tuple(drawings.FAMILIES)
        self.fingerprint = digest(photographs.fingerprint(), drawings.fingerprint(), EACH, seed)

    def __len__(self) -> int:
        return len(self._patches) + len(self._families) * EACH

    def record(self, row: int) -> ImageRecord:
        place = self._place(row)
        if isinstance(place, photographs.Patch):
            return place.record()
        family, number = place
        return ImageRecord(
            f"drawings/{family}/{number:03d}", labels=drawings.drawing(family, number, self.seed).labels()
        )

    def decode(self, row: int) -> np.ndarray:
        """RGB uint8 (128, 128, 3)."""
        place = self._place(row)
        if isinstance(place, photographs.Patch):
            return place.decode()
        return drawings.drawing(*place, self.seed).image()

    def _place(self, row: int) -> photographs.Patch | tuple[str, int]:
        """What a row shows: photographs stand evenly among the drawings, and families take turns."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of a corpus of {len(self)} images")
        before = row * len(self._patches) // len(self)
        if (row + 1) * len(self._patches) // len(self) > before:
            return self._patches[before]
        number, family = divmod(row - before, len(self._families))
        return self._families[family], number
