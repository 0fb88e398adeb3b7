"""The index: extremes and distribution of every unit's activation over a corpus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from exemplum import store, tables
from exemplum.errors import UserError, command
from exemplum.records import Pole, Unit


@dataclass(frozen=True)
class ActivationIndex:
    """Tables of every unit over a corpus; see docs/tables.md for their columns."""

    units: pd.DataFrame  # INDEX_UNITS
    extremes: pd.DataFrame  # EXTREMES
    broken: pd.DataFrame  # IMAGES that could not be decoded
    sample: np.ndarray  # (units, images) float32, ascending: the activations that quantiles and percentiles rest on

    def row(self, unit: Unit) -> int:
        """The unit's position in `units`. Raises UserError if it was not indexed."""
        try:
            return self._rows[str(unit)]
        except KeyError:
            raise UserError(
                f"{unit} is not in the index; add its layer to study.toml: [units] layers, and index again"
            ) from None

    def top(self, unit: Unit, pole: Pole) -> pd.DataFrame:
        """The unit's extremes of the pole, most extreme first."""
        self.row(unit)  # raises for a unit that is not in the index
        start, stop = self._spans[(str(unit), str(pole))]
        return self.extremes.iloc[start:stop]

    def percentile(self, unit: Unit, activation: float) -> float:
        """Share of the corpus with a lower activation, 0 to 100 percent; exact if the sample is the whole corpus."""
        values = self.sample[self.row(unit)]
        return 100.0 * float(np.searchsorted(values, activation, side="left")) / len(values)

    def beyond(self, unit: Unit, pole: Pole, activation: float) -> float:
        """How far the activation lies beyond the unit's most extreme image, in corpus standard deviations.

        Positive: more extreme than every image of the corpus. NaN for a dead unit.
        """
        facts = self.units.iloc[self.row(unit)]
        if facts["dead"]:
            return float("nan")
        gap = activation - facts["high"] if pole is Pole.MAX else facts["low"] - activation
        return float(gap / facts["std"])

    def without_images(self) -> ActivationIndex:
        """The index without extremes and sample, its largest parts: small enough to send to many machines."""
        return replace(self, extremes=self.extremes.iloc[:0], sample=self.sample[:, :0])

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.units["unit"])}

    @cached_property
    def _spans(self) -> dict[tuple[str, str], tuple[int, int]]:
        # rows of one unit and pole are adjacent
        keys = self.extremes["unit"].str.cat(self.extremes["pole"], sep="|").to_numpy()
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.array([], int)
        stops = np.r_[starts[1:], len(keys)]
        return {
            tuple(keys[start].rsplit("|", 1)): (int(start), int(stop))
            for start, stop in zip(starts, stops, strict=True)
        }  # fmt: skip

    def save(self, folder: Path) -> None:
        tables.INDEX_UNITS.write(folder / "units.parquet", self.units)
        tables.EXTREMES.write(folder / "extremes.parquet", self.extremes)
        tables.IMAGES.write(folder / "broken.parquet", self.broken)
        with store.atomic(folder / "sample.npy") as temporary, temporary.open("wb") as handle:
            np.save(handle, self.sample)

    @classmethod
    def load(cls, folder: Path) -> ActivationIndex:
        """Read an index. Raises StoreError naming a missing or broken table."""
        if not (folder / "sample.npy").exists():
            raise store.StoreError(f"{folder} holds no index; run: {command('index', folder.parent)}")
        return cls(
            tables.INDEX_UNITS.read(folder / "units.parquet"),
            tables.EXTREMES.read(folder / "extremes.parquet"),
            tables.IMAGES.read(folder / "broken.parquet"),
            np.load(folder / "sample.npy", mmap_mode="r"),
        )
