"""Natural exemplars as explanations: whole images, or showing where in them the unit responds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from exemplum.errors import UserError
from exemplum.explanations import diverse, overlays, places
from exemplum.explanations.places import MapReader
from exemplum.explanations.request import Request
from exemplum.queries import DealtImage
from exemplum.records import ANY_BATCH, Picture, Pole, Unit
from exemplum.runtime import track
from exemplum.study import Section

if TYPE_CHECKING:
    from exemplum.models import Model

WHOLE = "image"
POOL = 10  # exemplars per reference that diverse ones are chosen from
RANGE = 0.001, 0.999  # quantiles of a unit's maps at the ends of its heatmaps' colours
Shown = Iterator[tuple[np.ndarray, dict[str, Any]]]  # pictures, and facts about them


class NaturalParameters(Section):
    """Natural exemplars: images of the corpus that activate the unit extremely."""

    show: Literal["image", "crop", "heatmap", "spotlight"] = "image"
    """What is shown of an exemplar: the whole image, a crop around the place where the unit responds most, the unit's
    activation map over the image, or the image dimmed where the unit does not respond."""
    order: Literal["extreme", "diverse"] = "extreme"
    """Which exemplars are shown: the most extreme ones, or ones that differ from each other among them."""
    side: Annotated[float, Field(ge=0.1, lt=1)] | None = None
    """Side of a crop as a share of the image's, with `show = "crop"`; if left out, the unit's effective receptive
    field, but at least 0.25 and at most 0.5."""

    @model_validator(mode="after")
    def _check_side(self) -> NaturalParameters:
        if self.side is not None and self.show != "crop":
            raise ValueError('has side, which is for show = "crop" only; remove it')
        return self


WHOLE_IMAGES = NaturalParameters()


def pictures(request: Request, parameters: NaturalParameters = WHOLE_IMAGES) -> Iterator[Picture]:
    """The exemplars of every batch without its queries, or diverse ones for all batches, as `parameters` says."""
    reader = MapReader(request)
    with track(f"{parameters.show}s", len(request.units), "units") as advance:
        for unit in request.units:
            chosen = list(_diverse(request, unit) if parameters.order == "diverse" else request.dealt_references(unit))
            shown = SHOWS[parameters.show](reader, parameters, unit, [image for _, image in chosen])
            for (references, image), (picture, facts) in zip(chosen, shown, strict=True):
                yield Picture(
                    unit, image.pole, image.position, picture, references=references, batch=image.batch,
                    image_id=image.image_id, group=image.group, facts=facts,
                    activation=image.activation if parameters.show == WHOLE else None,
                )  # fmt: skip
            advance(1)


def check_places(model: Model, layers: Iterable[str], objective: str, parameters: NaturalParameters) -> None:
    """Raise UserError for a layer whose units respond at no place of an image, if such places are to be shown."""
    from exemplum.index import layer_read  # late: torch takes seconds to import

    if parameters.show == WHOLE:
        return
    for layer in layers:
        name = layer_read(layer, objective)
        if not model.grid(name).is_spatial:
            raise UserError(
                f"show = {parameters.show!r} needs the places of an image where a unit responds, but layer {name} has "
                "none; use show = 'image', or leave the layer out of [units] layers"
            )


def _diverse(request: Request, unit: Unit) -> Iterator[tuple[int | None, DealtImage]]:
    """Exemplars that differ from one another, for all batches and any number of references, most extreme first."""
    for pole, pool in _pool(request, unit).items():
        found = diverse.features(request.model, np.stack([request.image(image.row) for image in pool]))
        stream = [request.seed, unit.channel, *unit.layer.encode(), *pole.encode()]
        seed = int(np.random.SeedSequence(stream).generate_state(1)[0])
        for position, place in enumerate(diverse.spread(found, request.most, seed)):
            yield None, replace(pool[place], position=position, batch=ANY_BATCH)


def _pool(request: Request, unit: Unit) -> dict[Pole, list[DealtImage]]:
    """POOL exemplars per reference that may be shown in every batch, or as many as there are in a small corpus.

    Raises UserError if there are not even as many as references.
    """
    for share in range(POOL, 1, -1):
        try:
            return request.of_any_batch(unit, share * request.most)
        except UserError:
            continue
    return request.of_any_batch(unit, request.most)


def _images(reader: MapReader, _parameters: NaturalParameters, _unit: Unit, images: Sequence[DealtImage]) -> Shown:
    for image in images:
        yield reader.request.image(image.row), {}


def _crops(reader: MapReader, parameters: NaturalParameters, unit: Unit, images: Sequence[DealtImage]) -> Shown:
    request = reader.request
    size, share = request.model.input_size, parameters.side
    side = places.neighbourhood(request.index, unit, size) if share is None else round(share * size)
    for image, centre in zip(images, places.centres(reader, unit, images), strict=True):
        box = overlays.box_around(centre, side, size)
        yield overlays.crop(request.image(image.row), box), {"box": list(box)}


def _heatmaps(reader: MapReader, _parameters: NaturalParameters, unit: Unit, images: Sequence[DealtImage]) -> Shown:
    maps = _maps(reader, unit, images)
    low, high = np.quantile(np.stack(list(maps.values())), RANGE).tolist()  # of both poles: all can be compared
    for picture, activations, _ in _enlarged(reader, unit, images, maps):
        yield overlays.heatmap(picture, activations, low, high), {"low": low, "high": high}


def _spotlights(reader: MapReader, _parameters: NaturalParameters, unit: Unit, images: Sequence[DealtImage]) -> Shown:
    maps = _maps(reader, unit, images)
    level = float(np.median(np.stack(list(maps.values()))))  # of both poles: typical of the unit
    for picture, activations, pole in _enlarged(reader, unit, images, maps):
        yield overlays.spotlight(picture, activations, level, pole), {"level": level}


def _maps(reader: MapReader, unit: Unit, images: Sequence[DealtImage]) -> dict[int, np.ndarray]:
    return reader.maps(unit, sorted({image.row for image in images}))


def _enlarged(
    reader: MapReader, unit: Unit, images: Sequence[DealtImage], maps: Mapping[int, np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray, Pole]]:
    """Every image with its map at the same size, and its pole."""
    from exemplum.index import enlarged  # late: torch takes seconds to import

    grid = reader.request.model.grid(unit.layer)
    for image in images:
        yield reader.request.image(image.row), enlarged(maps[image.row], grid), image.pole


SHOWS: dict[str, Callable[[MapReader, NaturalParameters, Unit, Sequence[DealtImage]], Shown]] = {
    WHOLE: _images, "crop": _crops, "heatmap": _heatmaps, "spotlight": _spotlights,
}  # fmt: skip
