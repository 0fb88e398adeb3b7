"""What finished pictures do to their unit: the clean activation, in float32."""

from __future__ import annotations

from functools import cache

import numpy as np

from exemplum.activations.reading import Measurer
from exemplum.explanations.synthetic.making import Made, Setup


class Clean:
    """Measures pictures of a run; the network is cut once a layer."""

    def __init__(self, setup: Setup) -> None:
        self.model = setup.model
        self.measurer = cache(lambda layer: Measurer(setup.model, [layer], setup.relu, setup.objective))

    def activations(self, made: Made) -> list[float]:
        """Of the job's unit, a number a picture."""
        unit = made.job.unit
        pictures = np.stack([self.model.fit(image) for image in made.images])
        values: list[float] = self.measurer(unit.layer).images(pictures)[:, unit.channel].tolist()
        return values
