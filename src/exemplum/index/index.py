"""The index: extremes and distribution of every unit's activation over a corpus."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from exemplum import images, store, tables
from exemplum.errors import UserError, command
from exemplum.images import Corpus
from exemplum.index import ties
from exemplum.index.sample import Sample
from exemplum.records import Pole, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from exemplum.index.heatmaps import HeatmapReader
    from exemplum.models import Model

UNATTACHED = "this index was read from disk and has no images; give it the model and the images: index.attached(…)"


@dataclass(frozen=True)
class ActivationIndex:
    """Tables of every unit over a corpus; see docs/reference/tables.md for their columns."""

    units: pd.DataFrame  # INDEX_UNITS
    extremes: pd.DataFrame  # EXTREMES
    broken: pd.DataFrame  # IMAGES that could not be decoded
    sample: Sample  # the activations that quantiles, percentiles and rankings rest on
    relu: Literal["before", "after"] = "before"  # activations before or after the layer's ReLU
    objective: str = "channel"  # of a unit's map: channel, neuron, max or cls
    corpus: Corpus | None = field(default=None, repr=False, compare=False)  # whose images exemplars are
    model: Model | None = field(default=None, repr=False, compare=False)  # cuts images to what was seen; reads maps

    def __repr__(self) -> str:
        layers, count = self.units["layer"].unique(), self.units["count"].max() if len(self.units) else 0
        return f"ActivationIndex({len(self.units):,} units of {', '.join(layers)} over {count:,} images)"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.units.head(10).to_html(index=False)}"

    def to_frame(self) -> pd.DataFrame:
        """One row per unit: mean, standard deviation, range, quantiles of its activation (docs/reference/tables.md)."""
        return self.units.copy()

    def exemplars(self, unit: Unit | str, pole: Pole | str = Pole.MAX, *, k: int = 9) -> Exemplars:
        """The `k` images that activate the unit most, or with pole `min` least, most extreme first.

        Raises UserError if the unit was not indexed, or no pole is called so.

        >>> import exemplum as ex
        >>> index = ex.build_index(ex.load("embedded"), ex.open_images("embedded", limit=40), ["mixed3a"])
        >>> found = index.exemplars("mixed3a:5", k=4)
        >>> found
        Exemplars(mixed3a:5, max: 4 images)
        >>> found.images.shape
        (4, 96, 96, 3)
        >>> list(found.to_frame()["rank"])
        [0, 1, 2, 3]
        """
        if pole not in list(Pole):
            raise UserError(f"there is no pole {str(pole)!r}; give max or min")
        rows = self.top(unit, Pole(pole)).head(k).reset_index(drop=True)
        return Exemplars(Unit.of(unit), Pole(pole), rows, self.corpus, self.model)

    def row(self, unit: Unit | str) -> int:
        """The unit's position in `units`. Raises UserError if it was not indexed."""
        try:
            return self._rows[str(unit)]
        except KeyError:
            raise UserError(self._absent(Unit.of(unit))) from None

    def _absent(self, unit: Unit) -> str:
        """What to say of a unit that was not indexed."""
        if channels := int((self.units["layer"] == unit.layer).sum()):
            return f"{unit} is not in the index: {unit.layer} has channels 0 to {channels - 1}"
        layers = ", ".join(self.units["layer"].unique()[:20])
        return (
            f"{unit} is not in the index, which has {layers}; add its layer (in a study: study.toml: [units] layers), "
            "and make the index again"
        )

    def top(self, unit: Unit | str, pole: Pole | str) -> pd.DataFrame:
        """The unit's extremes of the pole, most extreme first."""
        start, stop = self._spans[self.row(unit), str(pole)]
        found = self.extremes.iloc[start:stop]
        return found.astype(dict.fromkeys(found.select_dtypes("category"), "str"))

    def extreme(self, unit: Unit | str, pole: Pole | str) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the corpus and the unit's activations for its extremes of the pole, most extreme first: as `top` has
        them, int64 and float32, without their ids, for many units in little time.
        """
        start, stop = self._spans[self.row(unit), str(pole)]
        rows, activations = self._arrays
        return rows[start:stop], activations[start:stop]

    def ranked(self, unit: Unit | str) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the corpus and the unit's activations for all images of the sample, highest first.

        Two arrays, (images,): int64 and float32. Images with the same activation are in the same order as in `top`
        (docs/reference/activation-index.md). They are all images that could be decoded if the index is `exact`. Raises
        UserError if the unit was not indexed.

        >>> import exemplum as ex
        >>> index = ex.build_index(ex.load("embedded"), ex.open_images("embedded", limit=40), ["mixed3a"])
        >>> rows, activations = index.ranked("mixed3a:5")
        >>> len(rows), rows[0] == index.top("mixed3a:5", "max")["row"].iloc[0]
        (40, np.True_)
        """
        return self.sample.ranked(self.row(unit), ties.offset(unit))

    @property
    def exact(self) -> bool:
        """Whether the sample is all images that could be decoded, so that percentiles and rankings are exact."""
        return len(self.sample) == (int(self.units["count"].max()) if len(self.units) else 0)

    def percentile(self, unit: Unit | str, activation: float) -> float:
        """Share of the corpus with a lower activation, 0 to 100 percent; exact if the sample is the whole corpus.

        NaN for an activation that is not known.
        """
        if math.isnan(activation):
            return math.nan
        values = self.sample.ascending(self.row(unit))
        return 100.0 * float(np.searchsorted(values, activation, side="left")) / len(values)

    def heatmap(self, unit: Unit | str, image: int | str | np.ndarray) -> np.ndarray:
        """The unit's activation map for an image at the size that the network sees, float32 (size, size).

        image: its row or its id in the corpus, or the image itself, uint8 (h, w, 3), which is resized and not cropped
        further.

        Values between the centres of cells are bilinear. The map of a vector or a class token is one value everywhere.
        Raises UserError if the unit was not indexed, for an image that is not in the corpus, and if the index was read
        from disk and has no model and images (`attached`).

        >>> import exemplum as ex
        >>> index = ex.build_index(ex.load("embedded"), ex.open_images("embedded", limit=40), ["mixed3a"])
        >>> best = index.top("mixed3a:5", "max").iloc[0]
        >>> heat = index.heatmap("mixed3a:5", best["row"])
        >>> heat.shape, bool(np.isclose(heat.max(), heat[best["top"]:best["bottom"], best["left"]:best["right"]].max()))
        ((96, 96), True)
        """
        self.row(unit)  # raises for a unit that is not in the index
        unit = Unit.of(unit)
        return self._heatmaps.heatmap(unit.layer, unit.channel, self._seen(image))

    def attached(self, model: Model, corpus: Corpus) -> ActivationIndex:
        """The same index, read from disk, with the model and the images that it was made from: for pictures and maps.

        Raises UserError for images other than those of the index, as far as ids tell.
        """
        if len(self.extremes):
            last = self.extremes.loc[self.extremes["row"].idxmax()]
            row, image = int(last["row"]), str(last["image"])
            if row >= len(corpus) or corpus.record(row).image_id != image:
                raise UserError(f"the index was not made from the images {corpus.name}: image {row} of it was {image}")
        return replace(self, model=model, corpus=corpus)

    def beyond(self, unit: Unit | str, pole: Pole | str, activation: float) -> float:
        """How far the activation lies beyond the unit's most extreme image, in corpus standard deviations.

        Positive: more extreme than every image of the corpus. NaN for a dead unit.
        """
        facts = self.units.iloc[self.row(unit)]
        if facts["dead"]:
            return float("nan")
        gap = activation - facts["high"] if pole == Pole.MAX else facts["low"] - activation
        return float(gap / facts["std"])

    def without_images(self) -> ActivationIndex:
        """The index without extremes and sample, its largest parts: small enough to send to many machines."""
        empty = Sample.of(np.empty((len(self.units), 0)))
        return replace(self, extremes=self.extremes.iloc[:0], sample=empty, corpus=None, model=None)

    def _seen(self, image: int | str | np.ndarray) -> np.ndarray:
        """An image as the network sees it: uint8 (size, size, 3)."""
        corpus, model = self._corpus, self._model
        if isinstance(image, np.ndarray) and image.ndim:
            return model.fit(image)
        row = self._rows_of_images.get(image, -1) if isinstance(image, str) else int(image)
        if not 0 <= row < len(corpus):
            raise UserError(
                f"{image} is no image of {corpus.name}; give its id, or its row from 0 to {len(corpus) - 1}"
            )
        return model.crop(corpus.decode(row))

    @cached_property
    def _rows_of_images(self) -> dict[str, int]:
        return {self._corpus.record(row).image_id: row for row in range(len(self._corpus))}

    @property
    def _corpus(self) -> Corpus:
        if self.corpus is None:
            raise UserError(UNATTACHED)
        return self.corpus

    @property
    def _model(self) -> Model:
        if self.model is None:
            raise UserError(UNATTACHED)
        return self.model

    @cached_property
    def _heatmaps(self) -> HeatmapReader:
        from exemplum.index.heatmaps import HeatmapReader  # late: torch takes seconds to import

        return HeatmapReader(self._model, self.relu, self.objective)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.units["unit"])}

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        return self.extremes["row"].to_numpy(np.int64), self.extremes["activation"].to_numpy(np.float32)

    @cached_property
    def _spans(self) -> dict[tuple[int, str], tuple[int, int]]:
        """Where each unit's extremes of each pole lie: rows of one unit and pole are adjacent."""
        if not len(self.extremes):
            return {}
        codes = [self.extremes[name].astype("category").cat.codes.to_numpy() for name in ("unit", "pole")]
        changes = np.logical_or(*(code[1:] != code[:-1] for code in codes))
        starts = np.flatnonzero(np.r_[True, changes])
        stops = np.r_[starts[1:], len(self.extremes)]
        first = self.extremes.iloc[starts]
        names = zip(first["unit"], first["pole"], starts.tolist(), stops.tolist(), strict=True)
        return {(self.row(unit), str(pole)): (start, stop) for unit, pole, start, stop in names}

    def save(self, folder: Path) -> None:
        tables.INDEX_UNITS.write(folder / "units.parquet", self.units)
        tables.EXTREMES.write(folder / "extremes.parquet", self.extremes)
        tables.IMAGES.write(folder / "broken.parquet", self.broken)
        self.sample.save(folder)
        store.write_json(folder / "settings.json", {"relu": self.relu, "objective": self.objective})
        (folder / "sample.npy").unlink(missing_ok=True)  # of the versions until 0.2

    @classmethod
    def load(cls, folder: Path) -> ActivationIndex:
        """Read an index. Raises StoreError naming a missing or broken table."""
        if not (folder / "settings.json").exists():
            what = "an index of an earlier version" if (folder / "units.parquet").exists() else "no index"
            raise store.StoreError(f"{folder} holds {what}; run: {command('index', folder.parent)}")
        return cls(
            tables.INDEX_UNITS.read(folder / "units.parquet"),
            tables.EXTREMES.read(folder / "extremes.parquet"),
            tables.IMAGES.read(folder / "broken.parquet"),
            Sample.load(folder),
            **store.read_json(folder / "settings.json"),
        )


@dataclass(frozen=True)
class Exemplars:
    """The images of a corpus that activate a unit most, or least; `show()` draws them."""

    unit: Unit
    pole: Pole
    table: pd.DataFrame  # EXTREMES, most extreme first
    corpus: Corpus | None = field(default=None, repr=False)
    model: Model | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"Exemplars({self.unit}, {self.pole}: {len(self)} images)"

    def __len__(self) -> int:
        return len(self.table)

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{images.thumbnails(self.images, self.captions)}"

    @cached_property
    def images(self) -> np.ndarray:
        """What the network saw of them: uint8 (k, size, size, 3). Raises UserError if the corpus is not at hand."""
        if self.corpus is None or self.model is None:
            raise UserError(UNATTACHED)
        return np.stack([self.model.crop(self.corpus.decode(row)) for row in self.table["row"].tolist()])

    @property
    def captions(self) -> list[str]:
        """The activation of each."""
        return [f"{value:.3g}" for value in self.table["activation"]]

    def to_frame(self) -> pd.DataFrame:
        """One row per image: rank, row and id in the corpus, activation."""
        return self.table.copy()

    def show(self, *, columns: int = 0, axes: Axes | None = None) -> Axes:
        """Draw the images with their activations, most extreme first."""
        drawn = images.grid(list(self.images), self.captions, columns=columns, axes=axes)
        drawn.set_title(f"{self.unit} {self.pole}", fontsize=9, loc="left", pad=12)
        return drawn
