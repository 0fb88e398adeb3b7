"""Build the index: one pass over a corpus for all layers, stopped and resumed at will."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from exemplum import store, tables
from exemplum.activations.accumulate import Accumulator
from exemplum.activations.index import ActivationIndex
from exemplum.activations.reading import Measurer, Relu
from exemplum.errors import UserError
from exemplum.images import Corpus
from exemplum.models import Model
from exemplum.progress import track

QUANTILES = {"q01": 1, "q05": 5, "q25": 25, "q50": 50, "q75": 75, "q95": 95, "q99": 99}


def build(
    model: Model,
    corpus: Corpus,
    layers: Sequence[str] = (),
    *,
    relu: Relu = "before",
    objective: str = "channel",
    keep: int = 300,
    sample: int = 4096,
    batch: int = 32,
    seed: int = 0,
    folder: Path | None = None,
    workers: int | None = None,
    shard: int = 512,
) -> ActivationIndex:
    """Measure every unit of `layers` (the model's default ones if empty) for every image of the corpus.

    Keeps each unit's `keep` highest and lowest images, its moments, and its activations for a seeded uniform `sample`
    of the images, from which quantiles and percentiles come. With a `folder`, progress is kept there after every
    `shard` of images: a pass that was stopped goes on and gives the same tables. Raises UserError if no image can be
    decoded.
    """
    layers = list(layers) or model.default_layers
    units = sum(model.layer(name).channels for name in layers)
    key = store.digest(model.fingerprint, corpus.fingerprint, layers, relu, objective, keep, sample, batch, seed, shard)
    run = _Pass(key, units, keep, _sampled_rows(len(corpus), sample, seed), folder)
    measurer = Measurer(model, layers, relu, objective)
    with track("index", len(corpus), "images", done=run.done) as advance:
        while run.done < len(corpus):
            rows = range(run.done, min(run.done + shard, len(corpus)))  # batches never straddle shards
            run.take(rows, measurer, corpus, batch, workers, advance)
    if not run.total.count:
        reason = f"; the first: {run.broken[0][1]}" if run.broken else ""
        raise UserError(f"none of the {len(corpus)} images of {corpus.name} can be decoded{reason}")
    index = _tables(run, model, corpus, layers)
    run.forget()
    return index


class _Pass:
    """State of a pass over the corpus, on disk after every shard if there is a folder."""

    def __init__(self, key: str, units: int, keep: int, sampled: np.ndarray, folder: Path | None):
        self.key, self.sampled = key, sampled
        self.path = folder / "partial.npz" if folder else None
        self.done, self.broken = 0, list[tuple[int, str]]()
        self.total = Accumulator(units, keep)
        self.values = np.full((len(sampled), units), np.nan, np.float32)
        if self.path and self.path.exists():
            self._resume(self.path)

    def _resume(self, path: Path) -> None:
        total, more = Accumulator.load(path)
        if str(more["key"]) != self.key:
            return  # of other settings: start anew
        self.total, self.done, self.values = total, int(more["done"]), more["values"]
        self.broken = list(zip(more["broken_rows"].tolist(), more["broken_reasons"].tolist(), strict=True))

    def take(
        self,
        rows: range,
        measurer: Measurer,
        corpus: Corpus,
        batch: int,
        workers: int | None,
        advance: Callable[[int], None],
    ) -> None:
        """Measure one shard and take it in whole, so that a checkpoint never holds part of one."""
        measured = []
        for part in measurer.corpus(corpus, rows, batch, workers):
            measured.append(part)
            advance(len(part.rows) + len(part.broken))
        values = np.concatenate([part.values for part in measured])
        places = np.concatenate([part.rows for part in measured])
        shard = Accumulator(self.total.units, self.total.keep)
        shard.add(values, places)
        self.total.merge(shard)
        self.broken += [fault for part in measured for fault in part.broken]
        chosen = np.isin(places, self.sampled)
        self.values[np.searchsorted(self.sampled, places[chosen])] = values[chosen]
        self.done = rows.stop
        self._checkpoint()

    def _checkpoint(self) -> None:
        if self.path:
            self.total.save(
                self.path, key=np.array(self.key), done=np.array(self.done), values=self.values,
                broken_rows=np.array([row for row, _ in self.broken], np.int64),
                broken_reasons=np.array([reason for _, reason in self.broken], str),
            )  # fmt: skip

    def forget(self) -> None:
        if self.path:
            self.path.unlink(missing_ok=True)


def _sampled_rows(images: int, sample: int, seed: int) -> np.ndarray:
    if images <= sample:
        return np.arange(images)
    return np.sort(np.random.default_rng([seed, images]).choice(images, sample, replace=False))


def _tables(run: _Pass, model: Model, corpus: Corpus, layers: Sequence[str]) -> ActivationIndex:
    names = [unit for layer in layers for unit in model.units(layer)]
    facts = pd.DataFrame({
        "unit": [str(unit) for unit in names], "layer": [unit.layer for unit in names],
        "channel": [unit.channel for unit in names], "branch": [model.branch(unit) for unit in names],
    })  # fmt: skip
    seen = run.values[~np.isnan(run.values).any(1)]
    sample = np.sort(seen.T, axis=1)
    units = facts.assign(count=run.total.count, mean=run.total.mean, std=run.total.std)
    units["low"], units["high"] = (run.total.top(pole)[0][:, 0] for pole in ("min", "max"))
    if sample.size:
        # of the sorted sample, nearest rank: as many numbers as there are, no interpolation between activations
        for name, percent in QUANTILES.items():
            units[name] = sample[:, round((sample.shape[1] - 1) * percent / 100)]
    else:
        units[list(QUANTILES)] = np.nan
    units["dead"] = units["low"] == units["high"]
    return ActivationIndex(
        tables.INDEX_UNITS.frame(units), _extremes(run.total, facts, corpus), _broken(run.broken, corpus), sample
    )


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
