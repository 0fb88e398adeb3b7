"""A table of activations as a model: recordings, networks of other libraries, closed models.

Its units are measured already, so it needs no network, and can measure no other pictures.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from torch import nn

from exemplum import store
from exemplum.errors import shown
from exemplum.images import Corpus
from exemplum.models.files import CLASS_TOKEN, ModelError, check_table, no_class_token, no_layer
from exemplum.models.grids import Grid
from exemplum.models.model import Layer, Model
from exemplum.models.network import Preprocessing
from exemplum.records import Unit

IMAGE = "image"  # the column, or the index, with the images' ids
LAYER = "table"  # of columns whose names are no units
SIZE = 224  # pixels at which images are shown, if no input_size is given


class TableModel(Model):
    """A model whose units' activations stand in a table, one row per image.

    Columns are called LAYER:CHANNEL, with channels from 0 without gaps; columns with any other names are the units
    table:0, table:1, … in their order, and `columns` has the name of each.
    """

    has_network = False

    def __init__(
        self, name: str, table: pd.DataFrame, preprocessing: Preprocessing, again: Callable[[], Model] | None = None
    ) -> None:
        """`table`: images × units, with the images' ids in a column `image` or as its index. Raises ModelError."""
        self.name, self.again, self.source = name, again, ""
        self.preprocessing, self.input_size, self.channels = preprocessing, preprocessing.size, 3
        self.module = nn.Module()  # without any weight
        self.dictionaries = {}
        indexed = _indexed(table, name)
        self.rows = _rows(indexed.index, name)
        self.columns = _units([str(column) for column in indexed.columns], name)
        self.values = _numbers(indexed, name)

    def __repr__(self) -> str:
        images, units = self.values.shape
        return f"TableModel({self.name!r}, {images:,} images × {units:,} units)"

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the ids, the units and their activations, and of how images are shown."""
        content = hashlib.sha256(np.ascontiguousarray(self.values).data).hexdigest()
        return store.digest(content, list(self.rows), list(map(str, self.columns)), repr(self.preprocessing))

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """The layers that the columns are named by, in their order."""
        names = [unit.layer for unit in self.columns]
        return {name: Layer(name, names.count(name), reads="as the table has it") for name in dict.fromkeys(names)}

    @cached_property
    def default_layers(self) -> list[str]:
        """All of them."""
        return list(self.layers)

    def layer(self, name: str) -> Layer:
        """A layer by its name. Raises ModelError naming close matches."""
        if name.endswith(CLASS_TOKEN):
            raise no_class_token(self.name, name.removesuffix(CLASS_TOKEN))
        if name not in self.layers:
            raise no_layer(self.name, name, self.layers)
        return self.layers[name]

    def activations(self, images: Sequence[str], layers: Iterable[str]) -> np.ndarray:
        """Activations of the layers' units, side by side, for images by their ids: float32 (images, units)."""
        places = [self._places[unit] for layer in layers for unit in self.units(layer)]
        return self.values[np.ix_([self.rows[image] for image in images], places)]

    def check_images(self, corpus: Corpus) -> None:
        """Raise ModelError if images of the corpus are not in the table, naming the first and how many."""
        ids = [corpus.record(row).image_id for row in range(len(corpus))]
        if absent := [image for image in ids if image not in self.rows]:
            known = next(iter(self.rows))
            raise ModelError(
                f"{self.name} has no row for {len(absent):,} of the {len(ids):,} images, the first is "
                f"{shown(absent[0])}; name its rows by the images' ids (its own first is {shown(known)})"
            )

    def grid(self, layer: str) -> Grid:
        """No places: what a unit responds to is not known."""
        self.layer(layer)
        return Grid((1, 1), self.input_size, (self.input_size,) * 2, ((self.input_size - 1) / 2,) * 2, (np.inf, np.inf))

    def reader(self, *_given: Any, **_more: Any) -> NoReturn:
        """Raises ModelError: a table has no network."""
        raise ModelError(
            f"{self.name} is a table of activations without a network: no other picture can be measured, and none be "
            "optimized"
        )

    def with_dictionary(self, name: str, *_given: Any, **_more: Any) -> NoReturn:
        """Raises ModelError: the features of a table are columns of it."""
        raise ModelError(f"{self.name} is a table of activations: add the features of {name} as columns {name}:0, …")

    @cached_property
    def _places(self) -> dict[Unit, int]:
        return {unit: place for place, unit in enumerate(self.columns)}


def load_table(path: Path, name: str, input_size: int | None, preprocessing: Any = None) -> TableModel:
    """Read a table of activations, .parquet or .csv. Images are shown as their central square at `input_size`.

    Raises ModelError naming what is wrong.
    """
    check_table(path)
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={IMAGE: str})
    except Exception as error:  # the readers raise many
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{path} cannot be read as a table ({type(error).__name__}: {reason})") from error
    shown_as = Preprocessing.of(preprocessing or Preprocessing(size=SIZE, resize=SIZE))
    return TableModel(name, table, shown_as.resized(input_size) if input_size else shown_as)


def _indexed(table: pd.DataFrame, name: str) -> pd.DataFrame:
    if IMAGE in table.columns:
        return table.set_index(IMAGE)
    if isinstance(table.index, pd.RangeIndex):
        raise ModelError(f"{name} has no column {IMAGE!r} with the ids of the images")
    return table


def _rows(index: pd.Index, name: str) -> dict[str, int]:
    ids = [str(image) for image in index]
    found = {image: row for row, image in enumerate(ids)}
    if len(found) < len(ids):
        twice = next(image for row, image in enumerate(ids) if found[image] != row)
        raise ModelError(f"{name} has the image {shown(twice)} more than once; leave one row per image")
    if not found:
        raise ModelError(f"{name} has no rows")
    return found


def _units(names: Sequence[str], name: str) -> dict[Unit, str]:
    """The unit of each column, with the column's name."""
    if not names:
        raise ModelError(f"{name} has no columns besides the images' ids")
    parsed = [re.fullmatch(r"(.+):(\d{1,9})", text) for text in names]
    if not all(parsed):
        return {Unit(LAYER, place): text for place, text in enumerate(names)}
    found = {Unit(match[1], int(match[2])): text for match, text in zip(parsed, names, strict=True) if match}
    if len(found) < len(names):
        raise ModelError(f"{name} has two columns of one unit; leave one")
    ordered = sorted(found, key=lambda unit: (list(dict.fromkeys(u.layer for u in found)).index(unit.layer), unit))
    for unit, before in zip(ordered, [None, *ordered], strict=False):
        if unit.channel != (0 if before is None or before.layer != unit.layer else before.channel + 1):
            raise ModelError(
                f"{name} has {unit}, but not {unit.layer}:{unit.channel - 1}; number a layer's channels from 0 without "
                "gaps, or name the columns in any other way"
            )
    return found


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """The activations, float32 (images, units)."""
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise ModelError(f"{name}: column {shown(str(column))} has no numbers ({table[column].dtype})")
    values = table.to_numpy(np.float32)
    if bad := int((~np.isfinite(values)).sum()):
        row, column = (int(axis[0]) for axis in np.nonzero(~np.isfinite(values)))
        raise ModelError(
            f"{name} has {bad:,} cell{'s' * (bad > 1)} without a finite number, the first for image "
            f"{shown(str(table.index[row]))} and unit {table.columns[column]}; leave out these images or units"
        )
    return values
