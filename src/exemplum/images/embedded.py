"""`embedded`: patches of photographs and drawings, mixed so that every part of the corpus has both."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from exemplum.images import drawings
from exemplum.images.corpus import CorpusError, ImageRecord, PrintedCorpus
from exemplum.store import digest

EACH = 45  # drawings per family


class EmbeddedCorpus(PrintedCorpus):
    """Photographs of scikit-image and scikit-learn, and drawings, which depend on `seed`."""

    name = "embedded"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._families = tuple(drawings.FAMILIES)
        self.fingerprint = digest(fingerprint(), drawings.fingerprint(), EACH, seed)

    @property
    def _patches(self) -> tuple[Patch, ...]:
        return patches()  # placed when first asked for, so that a corpus opens at once

    def __len__(self) -> int:
        return len(self._patches) + len(self._families) * EACH

    def record(self, row: int) -> ImageRecord:
        place = self._place(row)
        if isinstance(place, Patch):
            return place.record()
        family, number = place
        return ImageRecord(
            f"drawings/{family}/{number:03d}", labels=drawings.drawing(family, number, self.seed).labels()
        )

    def decode(self, row: int) -> np.ndarray:
        """RGB uint8 (128, 128, 3)."""
        place = self._place(row)
        if isinstance(place, Patch):
            return place.decode()
        return drawings.drawing(*place, self.seed).image()

    def _place(self, row: int) -> Patch | tuple[str, int]:
        """The content of a row: photographs are spread evenly among the drawings, and families alternate."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of a corpus of {len(self)} images")
        before = row * len(self._patches) // len(self)
        if (row + 1) * len(self._patches) // len(self) > before:
            return self._patches[before]
        number, family = divmod(row - before, len(self._families))
        return self._families[family], number


# every real photograph in the two packages, but motorcycle_right (the other eye's view) and the 25 px faces
SOURCES = {
    "astronaut": "skimage/data/astronaut.png",
    "brick": "skimage/data/brick.png",
    "camera": "skimage/data/camera.png",
    "cell": "skimage/data/cell.png",
    "chelsea": "skimage/data/chelsea.png",
    "china": "sklearn/datasets/images/china.jpg",
    "clock": "skimage/data/clock_motion.png",
    "coffee": "skimage/data/coffee.png",
    "coins": "skimage/data/coins.png",
    "flower": "sklearn/datasets/images/flower.jpg",
    "grass": "skimage/data/grass.png",
    "gravel": "skimage/data/gravel.png",
    "hubble": "skimage/data/hubble_deep_field.jpg",
    "ihc": "skimage/data/ihc.png",
    "microaneurysms": "skimage/data/microaneurysms.png",
    "moon": "skimage/data/moon.png",
    "motorcycle": "skimage/data/motorcycle_left.png",
    "page": "skimage/data/page.png",
    "retina": "skimage/data/retina.jpg",
    "rocket": "skimage/data/rocket.jpg",
    "text": "skimage/data/text.png",
}
SIZE = 128  # pixels of a decoded patch
MOST = 60  # patches per photograph
# side in pixels of the photograph: how many of them, before near-duplicates; half an octave apart
SIDES = {448: 3, 320: 6, 224: 9, 160: 12, 112: 15, 80: 24}
SAME = 0.75  # intersection over union above which a patch counts as a copy of another, and is left out
OVERLAP = 0.2  # patches whose intersection over union is above this are near-duplicates: one group
GROUP = 6  # patches in a group, at most
FEWER = {"clock": 12, "cell": 20}  # with large smooth areas, whose patches look alike
TAKEN = -1  # where no patch may be
TRIES = 150  # random places tried per photograph and side
EMPTY_STD = 10.0  # grey levels; below it a patch shows nothing
EMPTY_QUARTER_STD = 4.0  # grey levels; three quarters of a patch at least reach it
BLACK = 4  # grey level; the retina's mask is below it
MOST_BLACK = 0.35  # share of black pixels in a patch, at most


@dataclass(frozen=True)
class Patch:
    """A square of a photograph, in its pixels."""

    source: str
    x: int
    y: int
    side: int
    region: int  # patches of one region overlap by more than OVERLAP, those of two do not

    def record(self) -> ImageRecord:
        return ImageRecord(
            f"photographs/{self.source}/{self.x}-{self.y}-{self.side}",
            group=f"{self.source}-{self.region}",
            labels={"part": "photograph", "source": self.source, "x": self.x, "y": self.y, "size": self.side},
        )

    def decode(self) -> np.ndarray:
        """RGB uint8 (SIZE, SIZE, 3)."""
        box = (self.x, self.y, self.x + self.side, self.y + self.side)
        resized = photograph(self.source).resize((SIZE, SIZE), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
        return np.array(resized)


@cache  # the places take a second
def patches() -> tuple[Patch, ...]:
    """All patches, alternating between photographs, so that any first part has all of them."""
    by_source = [_places(source) for source in SOURCES]
    return tuple(found[i] for i in range(max(map(len, by_source))) for found in by_source if i < len(found))


def fingerprint() -> str:
    """A hash of the photographs' files and of the patches."""
    hashes = [hashlib.sha256(_path(source).read_bytes()).hexdigest() for source in SOURCES]
    return digest(
        hashes, SIZE, MOST, SIDES, SAME, OVERLAP, GROUP, FEWER, TRIES, EMPTY_STD, EMPTY_QUARTER_STD, BLACK, MOST_BLACK
    )


@lru_cache(maxsize=len(SOURCES))  # 12 MB in all
def photograph(source: str) -> Image.Image:
    """A photograph as an RGB image."""
    with Image.open(_path(source)) as image:
        return image.convert("RGB")


def overlap(a: Patch, b: Patch) -> float:
    """Intersection over union of two patches of one photograph, 0 to 1; 0 for two photographs."""
    if a.source != b.source:
        return 0.0
    wide = min(a.x + a.side, b.x + b.side) - max(a.x, b.x)
    high = min(a.y + a.side, b.y + b.side) - max(a.y, b.y)
    shared = max(wide, 0) * max(high, 0)
    return shared / (a.side**2 + b.side**2 - shared)


def _places(source: str) -> list[Patch]:
    """Patches at random places, large ones first: in separate regions, then near-duplicates up to MOST."""
    # seeded by the source's name: the photographs' patches are the same in every study
    rng = np.random.default_rng(zlib.crc32(source.encode()))
    grey = np.asarray(photograph(source).convert("L"), dtype=np.float32)
    boxes = np.empty((0, 4))  # x, y, side, region
    cap = FEWER.get(source, MOST)
    for lonely in (True, False):
        for side, most in SIDES.items():
            boxes = _add(boxes, grey, side, min(len(boxes) + most, cap) if lonely else cap, lonely, rng)
    order = rng.permutation(len(boxes))  # any first part has all scales
    return [Patch(source, *(int(value) for value in boxes[place])) for place in order]


def _add(
    boxes: np.ndarray, grey: np.ndarray, side: int, most: int, lonely: bool, rng: np.random.Generator
) -> np.ndarray:
    """Patches of one side at random places, until there are `most` in all or TRIES places were tried."""
    height, width = grey.shape
    if side > min(height, width):
        return boxes
    places = np.stack([rng.integers(width - side + 1, size=TRIES), rng.integers(height - side + 1, size=TRIES)], axis=1)
    # most places are taken: leave these out at once, and check the others again in turn
    for place in places[_regions(boxes, places, side, lonely) != TAKEN]:
        region = _regions(boxes, place[None], side, lonely)[0]
        if len(boxes) < most and region != TAKEN and _shows_something(grey, int(place[0]), int(place[1]), side):
            boxes = np.vstack([boxes, (*place, side, region)])
    return boxes


def _regions(boxes: np.ndarray, places: np.ndarray, side: int, lonely: bool) -> np.ndarray:
    """The region of a patch at each of `places` (n, 2): a new one, or that of the patches it is near; (n,).

    TAKEN if it is near two regions or only a part of one, or if its region is full or has a copy of it.
    """
    known = np.unique(boxes[:, 3])
    if not len(known):
        return np.zeros(len(places), dtype=np.int64)
    shares = _overlaps(boxes, places, side)
    near = shares > OVERLAP
    of_region = boxes[:, 3][:, None] == known
    sizes = of_region.sum(axis=0)
    touched = near.astype(int) @ of_region
    joins = (touched == sizes) & (sizes < GROUP)
    fits = (joins | (touched == 0)).all(axis=1) & ((touched > 0).sum(axis=1) == 1) & (shares.max(axis=1) <= SAME)
    regions = np.where(fits & (not lonely), joins.argmax(axis=1), TAKEN)
    return np.where(near.any(axis=1), regions, len(known))


def _overlaps(boxes: np.ndarray, places: np.ndarray, side: int) -> np.ndarray:
    """Intersection over union of patches at `places` (n, 2) with boxes (m, 4); (n, m)."""
    x, y = places[:, :1], places[:, 1:]
    wide = np.minimum(x + side, boxes[:, 0] + boxes[:, 2]) - np.maximum(x, boxes[:, 0])
    high = np.minimum(y + side, boxes[:, 1] + boxes[:, 2]) - np.maximum(y, boxes[:, 1])
    shared = wide.clip(0) * high.clip(0)
    return np.asarray(shared / (side**2 + boxes[:, 2] ** 2 - shared))


def _shows_something(grey: np.ndarray, x: int, y: int, side: int) -> bool:
    step = max(side // 64, 1)
    sample = grey[y : y + side : step, x : x + side : step]
    if sample.std() < EMPTY_STD or (sample < BLACK).mean() > MOST_BLACK:
        return False
    quarters = [quarter for rows in np.array_split(sample, 2) for quarter in np.array_split(rows, 2, axis=1)]
    return sum(quarter.std() >= EMPTY_QUARTER_STD for quarter in quarters) >= 3


def _path(source: str) -> Path:
    """The photograph's file. Its package is found without importing it, which would take long."""
    package, _, path = SOURCES[source].partition("/")
    if not (found := find_spec(package)):
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    for folder in found.submodule_search_locations or ():
        if (file := Path(folder) / path).is_file():
            return file
    raise CorpusError(f"the photograph {SOURCES[source]} is not installed; pip install scikit-image scikit-learn")
