"""Explanation methods are functions: they take a request for some units, and yield pictures that explain them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from exemplum.errors import UserError
from exemplum.explanations.synthetic import SyntheticSection
from exemplum.images import Corpus, thumbnail
from exemplum.index import ActivationIndex
from exemplum.queries import dealing
from exemplum.records import Picture, Pole, Unit

if TYPE_CHECKING:
    from exemplum.models import Model

IMAGES = 500  # decoded images in memory: one unit needs 400 (9 references, 20 batches); 500 of 224 px take 75 MB


@dataclass
class ImageCache:
    """Thumbnails of all images decoded so far, the latest of these images, and the images dealt to each unit."""

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


@dataclass(frozen=True)
class Exemplar:
    """An image of the corpus that a method may use for its pictures of a unit.

    No Picture: what a method makes of it, and for which place, is the method's to say.
    """

    image_id: str  # pass it and the group on to the Picture
    group: str
    activation: float  # of the unit
    decode: Callable[[], np.ndarray] = field(repr=False, compare=False)

    def image(self) -> np.ndarray:
        """As the network sees it: uint8 (input_size, input_size, 3)."""
        return self.decode()


@dataclass(frozen=True)
class Settings:
    """The settings of study.toml that pictures depend on."""

    seed: int
    batches: int = 20  # largest number of sets that a unit's natural images are dealt into
    relu: Literal["before", "after"] = "before"  # activations before or after the layer's ReLU
    objective: Literal["channel", "neuron"] = "channel"  # the spatial mean of a unit's map, or its centre: neuron
    synthetic: SyntheticSection = field(default_factory=SyntheticSection)  # with the parameters of this use


@dataclass(frozen=True)
class Request:
    """The units that pictures are requested for, and everything that a method may use to make them."""

    units: Sequence[Unit]
    references: tuple[int, ...]  # how many pictures per pole each scheme of the study shows: (9,) or (1, 9)
    model: Model
    corpus: Corpus
    index: ActivationIndex
    settings: Settings
    folder: Path  # the method's own; files that it writes there are kept until the method is edited
    ray: str | None = None  # address of a Ray cluster to distribute the work to; None: this machine
    cache: ImageCache = field(default_factory=ImageCache, repr=False, compare=False)

    @property
    def seed(self) -> int:
        """The study's seed."""
        return self.settings.seed

    @property
    def most_batches(self) -> int:
        """How many batches study.toml asks for; small corpora have fewer (`batches`)."""
        return self.settings.batches

    @property
    def most(self) -> int:
        """Number of pictures per pole that suffices for every scheme."""
        return max(self.references)

    def only(self, units: Sequence[Unit]) -> Request:
        """The same request for fewer units."""
        return replace(self, units=units)

    def exemplars(
        self,
        unit: Unit,
        pole: Pole,
        count: int | None = None,
        *,
        references: int | None = None,
        batch: int | None = None,
    ) -> list[Exemplar]:
        """The images of the corpus that a method may use for a unit's pole, most extreme first.

        Without `batch`, for pictures that are used in every batch: the `count` (`most` if not given) most extreme
        images that are neither a query in any batch nor a near-duplicate of one. With `batch`, for pictures of this
        batch only: its natural references, `references` of them (`most` if not given). A reference that shows a query's
        image gives the answer away, so the design stage refuses such a study. Raises UserError if the index holds too
        few images.
        """
        if batch is None:
            if references is not None:
                raise UserError(
                    "request.exemplars takes references only with batch; for pictures of every batch give count"
                )
            chosen = self._of_any_batch(unit, self.most if count is None else count)[pole]
        else:
            if count is not None:
                raise UserError(
                    "request.exemplars takes count only without batch; for one batch's pictures give references"
                )
            k = self.most if references is None else references
            if batch not in self.batches(unit, references=k):
                raise UserError(f"{unit} has batches 0 to {self.batches(unit, references=k)[-1]}, not {batch}")
            mine = [image for image in self.dealt(unit, k) if (image.pole, image.batch) == (pole, batch)]
            mine.sort(key=lambda image: image.position, reverse=pole is Pole.MAX)
            chosen = [image for image in mine if not dealing.is_query(image, k)]
        return [
            Exemplar(image.image_id, image.group, image.activation, partial(self.image, image.row)) for image in chosen
        ]

    def batches(self, unit: Unit, *, references: int | None = None) -> range:
        """The batches of a unit's natural images; small corpora have fewer than study.toml asks for."""
        dealt = self.dealt(unit, self.most if references is None else references)
        return range(1 + max(image.batch for image in dealt))

    def dealt(self, unit: Unit, references: int) -> list[dealing.DealtImage]:
        """The natural images of every batch, including the queries, for sets of this many references."""
        batches, seed = self.settings.batches, self.settings.seed
        key = (unit, references, batches, seed)
        if key not in self.cache.dealt:
            self.cache.dealt[key] = dealing.exemplars(self.index, unit, references, batches, seed, self.thumbnail)
        return list(self.cache.dealt[key])

    def image(self, row: int) -> np.ndarray:
        """An image of the corpus as the network sees it: uint8 (input_size, input_size, 3)."""
        return self.cache.image(row, self.corpus, self.model)

    def thumbnail(self, row: int) -> np.ndarray:
        return self.cache.thumbnail(row, self.corpus, self.model)

    def _of_any_batch(self, unit: Unit, count: int) -> dict[Pole, list[dealing.DealtImage]]:
        key = (unit, "any batch", count, self.settings.batches, self.settings.seed)
        if key not in self.cache.dealt:
            queries = [image for k in self.references for image in self.dealt(unit, k) if dealing.is_query(image, k)]
            self.cache.dealt[key] = dealing.of_any_batch(self.index, unit, queries, count, self.thumbnail)
        chosen: dict[Pole, list[dealing.DealtImage]] = self.cache.dealt[key]
        return chosen


class ExplanationMethod(Protocol):
    """Gives `request.most` pictures for each pole of each unit; a unit's pictures follow one another."""

    def __call__(self, request: Request) -> Iterator[Picture]: ...
