"""What the main trials of a design show: every combination of references and queries once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exemplum import store
from exemplum.records import EXTREME, Design, ReferenceSet, TrialKind


@dataclass(frozen=True)
class Stimulus:
    """The pictures of a trial that every participant sees."""

    unit: str
    layer: str
    condition: str
    difficulty: str
    references: ReferenceSet
    query_max: str
    query_min: str

    @property
    def paths(self) -> tuple[str, ...]:
        return (*self.references, self.query_max, self.query_min)


def stimuli(design: Design) -> dict[Stimulus, str]:
    """The distinct stimuli of the main trials, in the design's order, each with the first trial that shows it.

    Designs of earlier versions do not say how difficult a trial is; theirs are extreme.
    """
    found: dict[Stimulus, str] = {}
    for trial in design.trials:
        if trial.kind is TrialKind.MAIN:
            unit = trial.unit.unit
            shown = Stimulus(
                str(unit), unit.layer, trial.condition, trial.difficulty or EXTREME, trial.references, trial.query_max,
                trial.query_min,
            )  # fmt: skip
            found.setdefault(shown, trial.trial_id)
    return found


class ShownPictures:
    """The pictures of a study folder by path; files with the same content are one picture."""

    def __init__(self, folder: Path, paths: Iterable[str]) -> None:
        """Raises StoreError naming a file that cannot be read."""
        self.folder = folder
        self.keys = {path: store.picture_hash(folder / path) for path in dict.fromkeys(paths)}  # path → hash
        self._file = {key: path for path, key in reversed(self.keys.items())}
        self.distinct = list(self._file)
        self._row = {key: row for row, key in enumerate(self.distinct)}

    def row(self, path: str) -> int:
        """The place of its picture among `distinct`."""
        return self._row[self.keys[path]]

    def rows(self, paths: Sequence[str]) -> np.ndarray:
        """Places of pictures among `distinct`: int (n,)."""
        return np.array([self.row(path) for path in paths], dtype=int)

    def picture(self, key: str) -> np.ndarray:
        """uint8 (h, w, 3)."""
        return store.read_png(self.folder / self._file[key])
