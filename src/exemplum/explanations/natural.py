"""Natural exemplars: each unit's most extreme images, dealt into batches of equal extremity."""

from __future__ import annotations

from collections.abc import Iterator

from exemplum.explanations.base import Picture, Request
from exemplum.explanations.dealing import exemplars, references
from exemplum.progress import track

__all__ = ["exemplars", "pictures", "references"]


def pictures(request: Request) -> Iterator[Picture]:
    """The exemplars of every batch, the queries among them, in the model's geometry."""
    with track("exemplars", len(request.units), "units") as advance:
        for unit in request.units:
            for k in request.references:
                for image in request.dealt(unit, k):
                    yield Picture(
                        unit, image.pole, image.position, request.image(image.row), references=k, batch=image.batch,
                        image_id=image.image_id, group=image.group, activation=image.activation,
                    )  # fmt: skip
            advance(1)
