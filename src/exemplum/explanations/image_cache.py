"""What has been decoded and dealt for a study's methods, so that each asks only for what none had before it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exemplum.images import Corpus
from exemplum.images.identical import thumbnail
from exemplum.models import Model

IMAGES = 500  # a unit's images for 9 references and 20 batches are 400; 75 MB of 224 px


@dataclass
class ImageCache:
    """Thumbnails of all images that were decoded, the latest images themselves, and what was dealt."""

    thumbnails: dict[int, np.ndarray] = field(default_factory=dict)  # row of the corpus → uint8 (16, 16, 3)
    images: OrderedDict[int, np.ndarray] = field(default_factory=OrderedDict)
    dealt: dict[Hashable, Any] = field(default_factory=dict)

    def image(self, row: int, corpus: Corpus, model: Model) -> np.ndarray:
        """The image as the network sees it: uint8 (input_size, input_size, 3)."""
        if row not in self.images:
            self.images[row] = model.crop(corpus.decode(row))
            self.thumbnails[row] = thumbnail(self.images[row])
        self.images.move_to_end(row)
        while len(self.images) > IMAGES:
            self.images.popitem(last=False)
        return self.images[row]

    def thumbnail(self, row: int, corpus: Corpus, model: Model) -> np.ndarray:
        if row not in self.thumbnails:
            self.image(row, corpus, model)
        return self.thumbnails[row]
