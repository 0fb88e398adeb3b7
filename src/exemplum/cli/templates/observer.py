"""A machine observer: it chooses the query whose colours are more like those of the maximal references.

`exemplum run` calls `ColourHistogram` with the study, and has it answer every trial that participants see. study.toml
names it in [observers] run. docs/reference/observers.md says more.
"""

import numpy as np

from exemplum import store
from exemplum.records import Response, Side, Trial
from exemplum.study import Study

LEVELS = 4  # of red, green and blue: 64 colours


class ColourHistogram:
    """Compares histograms of colours: 1 if two images have the same ones, 0 if they share no colour."""

    name = "colours"  # in tables and report

    def __init__(self, study: Study) -> None:
        self.study = study
        self.histograms: dict[str, np.ndarray] = {}

    def respond(self, trial: Trial, rng: np.random.Generator) -> Response:
        """The choice, Side.TOP or Side.BOTTOM, and a confidence from 1 to 3. All randomness comes from `rng`."""
        # only what participants see: images, and where they are. trial.max_side would be the right answer
        evidence = self.support(trial, trial.queries[Side.TOP]) - self.support(trial, trial.queries[Side.BOTTOM])
        if evidence == 0:  # as in trials without references
            return Response(trial.trial_id, self.name, Side.TOP if rng.random() < 0.5 else Side.BOTTOM, confidence=1)
        confidence = 1 + int(abs(evidence) > 0.05) + int(abs(evidence) > 0.15)
        return Response(trial.trial_id, self.name, Side.TOP if evidence > 0 else Side.BOTTOM, confidence)

    def support(self, trial: Trial, query: str) -> float:
        """How much more a query is like the maximal references than like the minimal ones."""
        return self.likeness(query, trial.references.max) - self.likeness(query, trial.references.min)

    def likeness(self, query: str, references: tuple[str, ...]) -> float:
        """The mean overlap of histograms, 0 to 1; 0 without references."""
        own = self.histogram(query)
        return float(np.mean([np.minimum(own, self.histogram(other)).sum() for other in references] or [0.0]))

    def histogram(self, path: str) -> np.ndarray:
        """The share of each colour in an image; paths are relative to the study's folder."""
        if path not in self.histograms:
            image = store.read_png(self.study.folder / path)  # uint8 (height, width, 3)
            colours = (image // (256 // LEVELS)) @ np.array([LEVELS**2, LEVELS, 1])
            self.histograms[path] = np.bincount(colours.ravel(), minlength=LEVELS**3) / colours.size
        return self.histograms[path]
