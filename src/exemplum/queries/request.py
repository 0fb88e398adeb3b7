"""Query sources are functions: they take a request for some units, and yield pairs of images that test them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from exemplum.errors import UserError
from exemplum.images import Corpus, thumbnail
from exemplum.index import ActivationIndex
from exemplum.queries import dealing, windows
from exemplum.queries.dealing import DealtImage
from exemplum.queries.windows import Deal
from exemplum.records import Pole, Unit

if TYPE_CHECKING:
    from exemplum.index import Measurer
    from exemplum.models import Model

IMAGES = 500  # decoded images in memory: one unit needs 400 (9 references, 20 batches); 500 of 224 px take 75 MB


@dataclass
class CorpusImages:
    """The images of a corpus as the network sees them, and how they are dealt into the batches of each unit."""

    model: Model
    corpus: Corpus
    index: ActivationIndex
    references: tuple[int, ...]  # per pole, of each scheme of the study
    batches: int = 20  # largest number of sets that a unit's images are dealt into; small corpora have fewer
    seed: int = 0
    percentiles: tuple[float, ...] = ()  # windows whose images are queries, so that no extreme may be among them
    _thumbnails: dict[int, np.ndarray] = field(default_factory=dict, repr=False)  # row → uint8 (16, 16, 3)
    _images: OrderedDict[int, np.ndarray] = field(default_factory=OrderedDict, repr=False)
    _deals: dict[Unit, Deal] = field(default_factory=dict, repr=False)

    def deal(self, unit: Unit) -> Deal:
        """The unit's references and queries. Raises UserError if there are too few images."""
        if unit not in self._deals:
            self._deals[unit] = windows.deal(
                self.index, unit, self.references, self.batches, self.seed, self.percentiles, self.corpus.record,
                self.thumbnail,
            )  # fmt: skip
        return self._deals[unit]

    def set_deal(self, unit: Unit, deal: Deal) -> None:
        """Deal the unit's images in another way than by its rank bins."""
        self._deals[unit] = deal

    def image(self, row: int) -> np.ndarray:
        """The image as the network sees it: uint8 (input_size, input_size, 3)."""
        if row not in self._images:
            self._images[row] = self.model.crop(self.corpus.decode(row))
            self._thumbnails[row] = thumbnail(self._images[row])
        self._images.move_to_end(row)
        while len(self._images) > IMAGES:
            self._images.popitem(last=False)
        return self._images[row]

    def thumbnail(self, row: int) -> np.ndarray:
        """The image at 16 px, by which images that look the same are found: uint8 (16, 16, 3)."""
        if row not in self._thumbnails:
            self.image(row)
        return self._thumbnails[row]


class CorpusRequest:
    """What the requests of query sources and of explanation methods offer: the images of the study's corpus."""

    corpus_images: CorpusImages

    @property
    def model(self) -> Model:
        return self.corpus_images.model

    @property
    def corpus(self) -> Corpus:
        return self.corpus_images.corpus

    @property
    def index(self) -> ActivationIndex:
        return self.corpus_images.index

    @property
    def seed(self) -> int:
        """The study's seed."""
        return self.corpus_images.seed

    @property
    def references(self) -> tuple[int, ...]:
        """How many references per pole each scheme of the study shows."""
        return self.corpus_images.references

    def image(self, row: int) -> np.ndarray:
        """An image of the corpus as the network sees it: uint8 (input_size, input_size, 3), yours to draw into."""
        return self.corpus_images.image(row).copy()


@dataclass(frozen=True)
class QueryImage:
    """One of two query images: uint8 (h, w, 3), shown at the size that the network sees."""

    image: np.ndarray = field(repr=False, compare=False)
    image_id: str = ""  # of the corpus image that it is or was made from, if it was
    group: str = ""  # of that image
    activation: float | None = None  # of its unit, if known from the index in float32; else it is measured


@dataclass(frozen=True)
class QueryPair:
    """Two images that test a unit. Which of them activates it more is measured, never stated."""

    unit: Unit
    batch: int
    images: tuple[QueryImage, QueryImage]
    references: int | None = None  # for one number of references only, if pairs differ between schemes
    facts: Mapping[str, Any] = field(default_factory=dict)  # anything to keep beside it, JSON-like


@dataclass(frozen=True)
class QueryRequest(CorpusRequest):
    """The units that queries are requested for, and everything that a source may use to make them."""

    units: Sequence[Unit]
    corpus_images: CorpusImages = field(repr=False)
    relu: Literal["before", "after"] = "before"  # activations before or after the layer's ReLU
    objective: str = "channel"  # the number that stands for a unit's map
    batch: int = 32  # images per forward pass

    def dealt(self, unit: Unit, references: int | None = None) -> list[DealtImage]:
        """The extremes of every batch, queries among them, for this many references per pole (the most if not given).

        Raises UserError if the study shows no such number.
        """
        k = max(self.references) if references is None else references
        if k not in self.references:
            raise UserError(f"this study shows {' or '.join(map(str, self.references))} references per pole, not {k}")
        return list(self.corpus_images.deal(unit).exemplars[k])

    def extreme_queries(self, unit: Unit, references: int | None = None) -> dict[int, dict[Pole, DealtImage]]:
        """The most extreme image of each pole in every batch, by batch and pole; none of them is a reference.

        Make your own queries from these, or from images that no method uses: the design refuses a study in which a
        query's image is a reference. They depend on the number of references per pole (the most if not given). Raises
        UserError if the study shows no such number.
        """
        k = max(self.references) if references is None else references
        asked = [image for image in self.dealt(unit, k) if dealing.is_query(image, k)]
        return dict(sorted(windows.pairs(asked).items()))

    def batches(self, unit: Unit) -> range:
        """The batches of a unit, for every number of references; small corpora have fewer than study.toml asks for."""
        found = self.corpus_images.deal(unit).exemplars.values()
        return range(min(1 + max(image.batch for image in images) for images in found))

    def measure(self, unit: Unit, images: np.ndarray) -> np.ndarray:
        """The unit's activations for images, uint8 (n, size, size, 3), in float32: (n,)."""
        if not len(images):
            return np.empty(0, np.float32)
        measurer = self._measurer(unit.layer)
        parts = [images[start : start + self.batch] for start in range(0, len(images), self.batch)]
        return np.concatenate([measurer.images(part)[:, unit.channel] for part in parts])

    def _measurer(self, layer: str) -> Measurer:
        if layer not in self._measurers:
            from exemplum.index import Measurer  # late: torch takes seconds to import

            self._measurers.clear()  # one reader of a large network at a time
            self._measurers[layer] = Measurer(self.model, [layer], self.relu, self.objective)
        return self._measurers[layer]

    @cached_property
    def _measurers(self) -> dict[str, Measurer]:
        return {}


class QuerySource(Protocol):
    """Gives pairs of query images for the batches of each unit; a unit's pairs follow one another."""

    def __call__(self, request: QueryRequest) -> Iterator[QueryPair]: ...
