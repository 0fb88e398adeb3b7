"""A network whose unit finds one patch, and images with a patch at a known place: what it does is known by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from exemplum import images, models
from exemplum.explanations.request import Request, Settings
from exemplum.index import build_index
from exemplum.models import Model
from exemplum.queries import CorpusImages
from exemplum.records import Unit

SIZE, PATCH, STRIDE, IMAGES = 48, 8, 4, 60
UNIT = Unit("find", 0)
OPPOSITE = Unit("find", 1)


class Finder(nn.Module):
    """Unit find:0 is the brightness of 8 × 8 pixels above mid-grey, every 4 pixels; find:1 the same below."""

    def __init__(self) -> None:
        super().__init__()
        self.find = nn.Conv2d(3, 2, PATCH, STRIDE)
        nn.init.constant_(self.find.weight[0], 1 / (3 * PATCH**2))
        nn.init.constant_(self.find.weight[1], -1 / (3 * PATCH**2))
        nn.init.constant_(self.find.bias, 0)
        self.total = nn.Linear(2, 2)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.find(pictures)
        return self.total(maps.mean((2, 3)))


def finder() -> Model:
    plain = {"mean": (0.5,) * 3, "std": (1.0,) * 3}
    return models.load(Finder(), input_size=SIZE, preprocessing=models.Preprocessing(SIZE, SIZE, **plain))


def places() -> np.ndarray:
    """Top and left of each image's patch, on the grid of the cells, (images, 2)."""
    return STRIDE * np.random.default_rng(0).integers(0, (SIZE - PATCH) // STRIDE + 1, (IMAGES, 2))


def pictures() -> list[np.ndarray]:
    """Grey noise with a patch, the brighter the later the image: the first are darkest, the last brightest."""
    rng = np.random.default_rng(1)
    found = []
    for level, (top, left) in zip(np.linspace(0, 255, IMAGES), places(), strict=True):
        picture = rng.integers(122, 134, (SIZE, SIZE, 3)).astype(np.uint8)
        picture[top : top + PATCH, left : left + PATCH] = round(level)
        found.append(picture)
    return found


def request(folder: Path, references: tuple[int, ...] = (3,), batches: int = 4, **settings: str) -> Request:
    """For both units, and the poles' 25 most extreme images."""
    model, corpus = finder(), images.open_images(pictures())
    index = build_index(model, corpus, ["find"], keep=25, workers=0, **settings)
    given = CorpusImages(model, corpus, index, references, batches, seed=7)
    return Request((UNIT, OPPOSITE), given, Settings(seed=7, **settings), folder)
