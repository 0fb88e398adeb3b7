"""An explanation method: each picture is the average of a few exemplars of the unit.

`exemplum run` calls `averages` with a request for the units of the study, and shows its pictures as references, as it
does with those of every other method. study.toml names it in [explanations.averages], with its parameters.
docs/reference/explanations.md says what else a request offers.
"""

from collections.abc import Iterator

import numpy as np

from exemplum.explanations import Picture, Pole, Request


def averages(request: Request, *, together: int = 3) -> Iterator[Picture]:
    """Yield `request.most` pictures for each pole of each unit, all of one unit before those of the next."""
    for unit in request.units:  # Unit("mixed4a", 17), and so on
        for pole in Pole:  # Pole.MAX and Pole.MIN: what activates the unit most, and least
            # the most extreme images of the corpus, without those that participants are asked about; to change single
            # images, take request.natural(unit, pole): the same photographs as natural's, for a paired comparison
            exemplars = request.exemplars(unit, pole, together * request.most)
            for position in range(request.most):  # where fewer pictures are shown, they are the first ones
                chosen = exemplars[position :: request.most]
                mean = np.mean([exemplar.image() for exemplar in chosen], axis=0)
                # uint8 (height, width, 3); its activation is measured, and is in the report
                yield Picture(unit, pole, position, mean.round().astype(np.uint8))
