"""The tables of an index from its finished passes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exemplum import tables
from exemplum.images import Corpus
from exemplum.index.activations import Relu
from exemplum.index.extremes import Accumulator
from exemplum.index.index import ActivationIndex
from exemplum.index.pooling import layer_read
from exemplum.index.sweep import Sweep
from exemplum.models import Model, effective_fields
from exemplum.records import Pole

QUANTILES = {"q01": 1, "q05": 5, "q25": 25, "q50": 50, "q75": 75, "q95": 95, "q99": 99}
# With fewer active images than two sets of nine references and a query, most exemplars of a unit are images for which
# it is zero.
FEWEST_ACTIVE = 2 * (9 + 1)


def tabulated(
    first: Sweep, exact: Sweep, model: Model, corpus: Corpus, *, layers: Sequence[str], relu: Relu, objective: str
) -> ActivationIndex:
    """Tables from the pass over all images (moments, sample) and the exact pass (extremes), which may be the same."""
    names = [unit for layer in layers for unit in model.units(layer)]
    facts = pd.DataFrame({
        "unit": [str(unit) for unit in names], "layer": [unit.layer for unit in names],
        "channel": [unit.channel for unit in names], "branch": [model.branch(unit) for unit in names],
    })  # fmt: skip
    sample = first.sample.sample(None if exact is first else exact.sample)
    total = first.total
    units = facts.assign(count=total.count, active=total.active, mean=total.mean, std=total.std)
    units["low"], units["high"] = (exact.total.top(pole)[0][:, 0] for pole in ("min", "max"))
    units[list(QUANTILES)] = sample.quantiles(list(QUANTILES.values()))
    units["dead"] = units["low"] == units["high"]
    units["rare"] = (units["active"] < min(FEWEST_ACTIVE, total.count)) & ~units["dead"]
    extremes = _extremes(exact.total, facts, _Places(model, layers, objective), corpus)
    return ActivationIndex(
        tables.INDEX_UNITS.frame(units), extremes, _broken(first.broken, corpus), sample,
        relu=relu, objective=objective, corpus=corpus, model=model,
    )  # fmt: skip


PLACE, BOX = ("y", "x"), ("top", "left", "bottom", "right")


class _Places:
    """Where in an image the cells of units' maps lie."""

    def __init__(self, model: Model, layers: Sequence[str], objective: str) -> None:
        read = [layer_read(layer, objective) for layer in layers]
        fields = effective_fields(model, read)
        self.layers = [(model.grid(layer), fields[layer]) for layer in read]

    def columns(self, cells: np.ndarray) -> dict[str, np.ndarray]:
        """Of cells by number, int (units, poles, kept): the columns y, x, top, left, bottom and right, flat."""
        found = {name: np.empty(cells.shape, np.int16) for name in (*PLACE, *BOX)}
        start = 0
        for grid, sides in self.layers:
            for unit, side in enumerate(sides, start):  # one by one: the numbers in between are many
                parts = grid.boxes(cells[unit], np.full(cells[unit].shape, side))
                for name, column in zip(found, np.moveaxis(np.concatenate(parts, -1), -1, 0), strict=True):
                    found[name][unit] = column
            start += len(sides)
        return {name: column.ravel() for name, column in found.items()}


def _extremes(total: Accumulator, facts: pd.DataFrame, places: _Places, corpus: Corpus) -> pd.DataFrame:
    """Each unit's extremes of both poles, the units in their order; texts as codes, since there may be 10⁷ rows."""
    found = [total.top(pole) for pole in Pole]
    values, rows = (np.stack(parts, axis=1) for parts in zip(*found, strict=True))  # (units, poles, kept)
    units, poles, kept = rows.shape
    there = rows.ravel() >= 0
    axes = (axis.astype(np.int32) for axis in np.ogrid[:units, :poles, :kept])
    unit, pole, rank = (np.broadcast_to(axis, rows.shape).ravel()[there] for axis in axes)
    rows = rows.ravel()[there]
    seen = np.zeros(len(corpus), bool)
    seen[rows] = True
    images, image = np.flatnonzero(seen), (np.cumsum(seen, dtype=np.int32) - 1)[rows]
    records = [corpus.record(row) for row in images.tolist()]
    texts: dict[str, tuple[np.ndarray, Sequence[str]]] = {
        **{name: (unit, list(facts[name])) for name in ("unit", "layer", "branch")}, "pole": (pole, list(Pole)),
        "image": (image, [record.image_id for record in records]),
        "group": (image, [record.group for record in records]),
    }  # fmt: skip
    columns = {name: _coded(codes, list(map(str, named))) for name, (codes, named) in texts.items()}
    channel = facts["channel"].to_numpy(np.int32)[unit]
    numbers = {"channel": channel, "rank": rank, "row": rows, "activation": values.ravel()[there]}
    where = places.columns(np.stack([total.cells(pole) for pole in Pole], axis=1))
    numbers |= {name: column[there] for name, column in where.items()}
    return tables.EXTREMES.frame(pd.DataFrame(columns | numbers, copy=False))


def _coded(places: np.ndarray, texts: Sequence[str]) -> pd.Categorical:
    """The text at each place, with the texts that occur as categories, sorted."""
    names, codes = np.unique(np.array(texts, dtype=object), return_inverse=True)
    smallest = np.min_scalar_type(-max(len(names), 1))
    return pd.Categorical.from_codes(codes.astype(smallest)[places], list(names))


def _broken(faults: list[tuple[int, str]], corpus: Corpus) -> pd.DataFrame:
    return tables.IMAGES.frame([{"image": corpus.record(row).image_id, "reason": reason} for row, reason in faults])
