"""Occlusion queries: two copies of one image, each with a patch covered. Which of them activates the unit more?

As in Zimmermann, Borowski, Geirhos, Bethge, Wallis & Brendel (NeurIPS 2021): of all positions of a square patch those
that leave the unit with most and with least activation. There the patch had 40 % of the side, was filled with its own
mean colour, and moved by 2 of 224 px.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from PIL import Image, ImageFilter
from pydantic import Field

from exemplum.errors import UserError
from exemplum.queries.dealing import DealtImage
from exemplum.queries.request import QueryImage, QueryPair, QueryRequest
from exemplum.records import Pole

Fill = Literal["mean", "grey", "blur"]
Corner = tuple[int, int]  # top and left of a patch, in pixels
STEPS = 32  # at most so many strides per side by default: 400 positions of a patch of 40 % at 96 and at 224 px
GREY = 128

# The parameters, as docs/reference/study-toml.md describes them
PATCH = "Side of the patch as a share of the image's side."
STRIDE = "Pixels between two positions of the patch; a 32nd of the side if left out."
FILL = "What covers the patch: its own mean colour, grey, or the blurred image."
POLE = "Which extreme query image of a batch is covered."
BATCHES = "How many batches have such pairs, since every position costs a forward pass; all if left out."


def occlusion(
    request: QueryRequest,
    *,
    patch: Annotated[float, Field(ge=0.05, le=0.9, description=PATCH)] = 0.4,
    stride: Annotated[int | None, Field(ge=1, le=1024, description=STRIDE)] = None,
    fill: Annotated[Fill, Field(description=FILL)] = "mean",
    pole: Annotated[Literal["max", "min"], Field(description=POLE)] = "max",
    batches: Annotated[int | None, Field(ge=1, description=BATCHES)] = None,
) -> Iterator[QueryPair]:
    """Two copies of the extreme query image of every batch, covered where that raises and lowers the activation most.

    The patch has `patch` of the image's side and moves by `stride` pixels, a 32nd of the side if not given. It is
    filled with its own mean colour, with grey, or with the blurred image. Every position is measured, which is what
    such queries cost: `batches` limits how many batches of a unit have them. Raises UserError if there is only one
    position, or if a unit has the same activation for all of them.
    """
    for unit in request.units:
        found: dict[int, QueryPair] = {}  # row → its pair; schemes of several sizes often share their query images
        for k in request.references:
            for batch, images in list(request.extreme_queries(unit, k).items())[:batches]:
                base = images[Pole(pole)]
                if base.row not in found:
                    image = request.image(base.row)
                    found[base.row] = _pair(request, base, Covers(image, round(patch * len(image)), fill), stride)
                yield replace(found[base.row], batch=batch, references=k)


def _pair(request: QueryRequest, base: DealtImage, covers: Covers, stride: int | None) -> QueryPair:
    size, unit = len(covers.image), base.unit
    step = stride or math.ceil(size / STEPS)
    corners = positions(size, covers.side, step)
    if len(corners) < 2:
        raise UserError(
            f"a patch of {covers.side} px that moves by {step} px has one position in an image of {size} px; lower "
            "stride or patch"
        )
    # of equal activations the first is taken, so that in a random order no place of the image is preferred
    rng = np.random.default_rng([request.seed, base.row, unit.channel, *unit.layer.encode()])
    corners = [corners[place] for place in rng.permutation(len(corners))]
    values = measured(covers, corners, lambda images: request.measure(unit, images), batch=request.batch)
    most, least = int(values.argmax()), int(values.argmin())
    if values[most] == values[least]:
        raise UserError(
            f"{unit} has the same activation, {values[most]:.4g}, wherever {base.image_id} is covered; choose another "
            "unit, a larger patch or the pole max"
        )
    facts = {"size": size, "patch": covers.side, "fill": covers.fill, "positions": len(corners),
             "activation": base.activation,
             **{name: covers.facts(corners[place]) for name, place in (("max", most), ("min", least))}}  # fmt: skip
    images = [
        QueryImage(covers.copy(corners[place]), base.image_id, base.group, float(values[place]))
        for place in (most, least)
    ]
    return QueryPair(unit, base.batch, (images[0], images[1]), facts=facts)


@dataclass(frozen=True)
class Covers:
    """Copies of an image, uint8 (size, size, 3), in which a square patch is covered."""

    image: np.ndarray
    side: int  # of the patch, in pixels
    fill: Fill = "mean"

    def copy(self, corner: Corner) -> np.ndarray:
        """One copy: uint8 (size, size, 3).

        >>> image = np.zeros((4, 4, 3), np.uint8)
        >>> image[0, 0] = 200
        >>> Covers(image, 2).copy((0, 0))[:, :, 0].tolist()
        [[50, 50, 0, 0], [50, 50, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
        """
        inside = self._inside(corner)
        covered = self.image.copy()
        if self.fill == "mean":
            covered[inside] = self.image[inside].mean((0, 1)).round().astype(np.uint8)
        else:
            covered[inside] = GREY if self.fill == "grey" else self._blurred[inside]
        return covered

    def facts(self, corner: Corner) -> dict[str, float]:
        """Where the patch is, and the standard deviation of the pixels that it covers: 0 to 127.5, mean of channels."""
        deviation = float(self.image[self._inside(corner)].std((0, 1)).mean())
        return {"top": corner[0], "left": corner[1], "deviation": deviation}

    def _inside(self, corner: Corner) -> tuple[slice, slice]:
        return slice(corner[0], corner[0] + self.side), slice(corner[1], corner[1] + self.side)

    @cached_property
    def _blurred(self) -> np.ndarray:
        return np.asarray(Image.fromarray(self.image).filter(ImageFilter.GaussianBlur(self.side / 4)))


def positions(size: int, side: int, stride: int) -> list[Corner]:
    """Corners of a patch on a square grid that leaves equal margins at opposite edges of the image.

    >>> positions(10, 4, 3)
    [(0, 0), (0, 3), (0, 6), (3, 0), (3, 3), (3, 6), (6, 0), (6, 3), (6, 6)]
    """
    last = size - side
    steps = range(last % stride // 2, last + 1, stride)
    return [(top, left) for top in steps for left in steps]


def measured(
    covers: Covers, corners: Sequence[Corner], measure: Callable[[np.ndarray], np.ndarray], *, batch: int
) -> np.ndarray:
    """The activations for a patch at each corner: (corners,). No more than `batch` copies are in memory at once."""
    parts = [corners[start : start + batch] for start in range(0, len(corners), batch)]
    return np.concatenate([measure(np.stack([covers.copy(corner) for corner in part])) for part in parts])
