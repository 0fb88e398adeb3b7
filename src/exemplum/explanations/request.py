"""Explanation methods are functions: they take a request for some units, and yield pictures that explain them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from exemplum.errors import UserError
from exemplum.explanations.synthetic import SyntheticSection
from exemplum.queries import CorpusImages, CorpusRequest, DealtImage, is_query, without_queries
from exemplum.records import Picture, Pole, Unit


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
    relu: Literal["before", "after"] = "before"  # activations before or after the layer's ReLU
    objective: str = "channel"  # the number that stands for a unit's map
    synthetic: SyntheticSection = field(default_factory=SyntheticSection)  # with the parameters of this use


@dataclass(frozen=True)
class AskedImages:
    """The queries of a unit, of all batches and difficulties: no reference may show one."""

    ids: frozenset[str] = frozenset()  # of the images of the corpus that they are or were made from
    groups: frozenset[str] = frozenset()  # of these images
    paths: tuple[Path, ...] = ()  # the pictures


@dataclass(frozen=True)
class Request(CorpusRequest):
    """The units that pictures are requested for, and everything that a method may use to make them."""

    units: Sequence[Unit]
    corpus_images: CorpusImages = field(repr=False)  # the corpus, dealt into queries and references
    settings: Settings
    folder: Path  # the method's own; files that it writes there are kept until the method is edited
    ray: str | None = None  # address of a Ray cluster to distribute the work to; None: this machine
    asked: Mapping[Unit, AskedImages] = field(default_factory=dict, repr=False)  # the queries that were made

    @property
    def seed(self) -> int:
        """The seed of the pictures: the study's."""
        return self.settings.seed

    @property
    def most_batches(self) -> int:
        """How many batches study.toml asks for; small corpora have fewer (`batches`)."""
        return self.corpus_images.batches

    @property
    def most(self) -> int:
        """Number of pictures per pole that suffices for every scheme."""
        return max(self.references)

    def only(self, units: Sequence[Unit]) -> Request:
        """The same request for fewer units, as a sequence that a method cannot change."""
        return replace(self, units=tuple(units))

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
            chosen = self.of_any_batch(unit, self.most if count is None else count)[pole]
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
            chosen = [image for image in mine if not is_query(image, k)]
        return [
            Exemplar(image.image_id, image.group, image.activation, partial(self.image, image.row)) for image in chosen
        ]

    def natural(self, unit: Unit, pole: Pole) -> list[Picture]:
        """The pictures that the method natural shows for a unit's pole, whole images, in every batch.

        Each has its image, uint8 (input_size, input_size, 3), its batch, number of references and position, 0 the most
        extreme. Yield it with another image, `dataclasses.replace(picture, image=…)`, and the comparison with natural
        is paired: both show the same photographs in the same trials.
        """
        return [
            Picture(
                unit, pole, image.position, self.image(image.row), references=k, batch=image.batch,
                image_id=image.image_id, group=image.group,
            )
            for k, image in self.dealt_references(unit) if image.pole is pole
        ]  # fmt: skip

    def dealt_references(self, unit: Unit) -> Iterator[tuple[int, DealtImage]]:
        """The images of `natural`, of both poles, each with the number of references of its set."""
        for k in self.references:
            for image in self.dealt(unit, k):
                if not is_query(image, k):
                    position = k - 1 - image.position if image.pole is Pole.MAX else image.position - 1
                    yield k, replace(image, position=position)

    def of_any_batch(self, unit: Unit, count: int) -> dict[Pole, list[DealtImage]]:
        """The images that `exemplars` gives without `batch`, of both poles. Raises UserError as it does."""
        given, asked = self.corpus_images, self.asked.get(unit, AskedImages())
        return without_queries(self.index, unit, given.deal(unit).queries, count, given.thumbnail, asked.ids)

    def batches(self, unit: Unit, *, references: int | None = None) -> range:
        """The batches of a unit's natural images; small corpora have fewer than study.toml asks for."""
        dealt = self.dealt(unit, self.most if references is None else references)
        return range(1 + max(image.batch for image in dealt))

    def dealt(self, unit: Unit, references: int) -> list[DealtImage]:
        """The natural images of every batch, including extreme queries, for sets of this many references."""
        return list(self.corpus_images.deal(unit).exemplars[references])

    def thumbnail(self, row: int) -> np.ndarray:
        """The same at 16 px, as images that look the same are found: uint8 (16, 16, 3)."""
        return self.corpus_images.thumbnail(row)


class ExplanationMethod(Protocol):
    """Gives `request.most` pictures for each pole of each unit; a unit's pictures follow one another."""

    def __call__(self, request: Request) -> Iterator[Picture]: ...
