"""What pictures do to their units: the clean activation in float32, and where it lies in the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from exemplum import store
from exemplum.activations.index import ActivationIndex
from exemplum.activations.reading import Measurer
from exemplum.explanations.gather import Kept
from exemplum.models import Model
from exemplum.records import Pole
from exemplum.study import Study


def measured(kept: list[Kept], model: Model, index: ActivationIndex, study: Study) -> Iterator[dict[str, Any]]:
    """Rows of STIMULI for pictures on disk. Those of the corpus have the index's activation, others are measured."""
    activations = _activations([picture for picture in kept if picture.activation is None], model, study)
    for picture in kept:
        given = picture.activation
        activation = activations[picture.path] if given is None else given
        percentile = index.percentile(picture.unit, activation)
        yield {
            "unit": str(picture.unit), "layer": picture.unit.layer, "channel": picture.unit.channel,
            "branch": model.branch(picture.unit), "path": picture.path, "method": picture.method,
            "pole": str(picture.pole), "references": picture.references, "batch": picture.batch,
            "position": picture.position, "image": picture.image_id, "group": picture.group,
            "activation": activation, "percentile": percentile,
            "margin": index.beyond(picture.unit, picture.pole, activation),
            # weaker than half of the images: it would be more telling to show any image
            "failed": given is None and (percentile <= 50 if picture.pole is Pole.MAX else percentile >= 50),
        }  # fmt: skip


def _activations(kept: list[Kept], model: Model, study: Study) -> dict[str, float]:
    section = study.config.index
    found: dict[str, float] = {}
    for layer in dict.fromkeys(picture.unit.layer for picture in kept):
        measurer = Measurer(model, [layer], section.relu, section.objective)
        own = [picture for picture in kept if picture.unit.layer == layer]
        for start in range(0, len(own), section.batch):
            part = own[start : start + section.batch]
            images = np.stack([model.fit(store.read_png(study.folder / picture.path)) for picture in part])
            values = measurer.images(images)
            found |= {
                picture.path: float(value[picture.unit.channel]) for picture, value in zip(part, values, strict=True)
            }
    return found
