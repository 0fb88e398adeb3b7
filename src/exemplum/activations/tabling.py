"""The index's tables, from what the sweeps over the images found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exemplum import tables
from exemplum.activations.accumulate import Accumulator
from exemplum.activations.index import ActivationIndex
from exemplum.activations.sweep import Sweep
from exemplum.images import Corpus
from exemplum.models import Model

QUANTILES = {"q01": 1, "q05": 5, "q25": 25, "q50": 50, "q75": 75, "q95": 95, "q99": 99}


def tabled(first: Sweep, exact: Sweep, model: Model, corpus: Corpus, layers: Sequence[str]) -> ActivationIndex:
    """Moments and sample of the sweep over all images, extremes of the exact one; they may be the same."""
    names = [unit for layer in layers for unit in model.units(layer)]
    facts = pd.DataFrame({
        "unit": [str(unit) for unit in names], "layer": [unit.layer for unit in names],
        "channel": [unit.channel for unit in names], "branch": [model.branch(unit) for unit in names],
    })  # fmt: skip
    sample = _sample(first, exact)
    units = facts.assign(count=first.total.count, mean=first.total.mean, std=first.total.std)
    units["low"], units["high"] = (exact.total.top(pole)[0][:, 0] for pole in ("min", "max"))
    if sample.size:
        # of the sorted sample, nearest rank: as many numbers as there are, no interpolation between activations
        for name, percent in QUANTILES.items():
            units[name] = sample[:, round((sample.shape[1] - 1) * percent / 100)]
    else:
        units[list(QUANTILES)] = np.nan
    units["dead"] = units["low"] == units["high"]
    return ActivationIndex(
        tables.INDEX_UNITS.frame(units), _extremes(exact.total, facts, corpus), _broken(first.broken, corpus), sample
    )


def _sample(first: Sweep, exact: Sweep) -> np.ndarray:
    """Activations of the sampled images, (units, images) ascending: the exact ones where there are any."""
    values = first.values
    values[np.searchsorted(first.sampled, exact.sampled)] = exact.values
    return np.sort(values[~np.isnan(values).any(1)].T, axis=1)


def _extremes(total: Accumulator, facts: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    parts = []
    for pole in ("max", "min"):
        values, rows = total.top(pole)
        kept = values.shape[1]
        part = facts.loc[facts.index.repeat(kept)].reset_index(drop=True)
        parts.append(
            part.assign(
                pole=pole, rank=np.tile(np.arange(kept), len(facts)), row=rows.ravel(), activation=values.ravel()
            )
        )
    frame = pd.concat(parts)
    frame = frame[frame["row"] >= 0]
    records = {row: corpus.record(row) for row in frame["row"].unique().tolist()}
    frame["image"] = frame["row"].map({row: record.image_id for row, record in records.items()})
    frame["group"] = frame["row"].map({row: record.group for row, record in records.items()})
    # a unit's two poles stand one after the other, in the order of the units
    order = frame["unit"].map({name: place for place, name in enumerate(facts["unit"])})
    frame = frame.assign(order=order).sort_values(["order", "pole", "rank"], kind="stable").drop(columns="order")
    return tables.EXTREMES.frame(frame)


def _broken(faults: list[tuple[int, str]], corpus: Corpus) -> pd.DataFrame:
    return tables.IMAGES.frame([{"image": corpus.record(row).image_id, "reason": reason} for row, reason in faults])
