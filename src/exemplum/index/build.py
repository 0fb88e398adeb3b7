"""Build the index: one pass over a corpus for all layers, and an exact second pass over the extremes that it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from exemplum import store, tables
from exemplum.errors import UserError
from exemplum.images import Corpus
from exemplum.index.activations import Measurements, Measurer, Relu
from exemplum.index.extremes import Accumulator
from exemplum.index.index import ActivationIndex
from exemplum.models import Model
from exemplum.runtime import Cluster, hardware, track

SLACK = 0.15  # of `keep`: candidates beyond it; 0.14 held the 300 of every unit of GoogLeNet with random weights
FEWEST_SPARE = 20
PARTIAL = ("partial", "remeasured")  # names of the states of stopped passes


def build_index(
    model: Model,
    corpus: Corpus,
    layers: Sequence[str] = (),
    *,
    relu: Relu = "before",
    objective: str = "channel",
    keep: int = 300,
    sample: int = 4096,
    batch: int = 32,
    precision: str = "auto",
    seed: int = 0,
    folder: Path | None = None,
    workers: int | None = None,
    shard: int = 512,
    cluster: Cluster | None = None,
) -> ActivationIndex:
    """Measure every unit of `layers` (the model's default ones if empty) for every image of the corpus.

    Keeps each unit's `keep` highest and lowest images, its moments, and its activations for a seeded uniform `sample`
    of the images, from which quantiles and percentiles are computed. Extremes are activations in float32: in a lower
    `precision` (bfloat16, float16, or auto: whichever is faster) the pass keeps more candidates than `keep`, and their
    images are measured again. With a `folder`, progress is saved there, and a pass that was stopped continues to the
    same tables. A `cluster` measures on many machines, with the same result. Raises UserError if no image can be
    decoded.

    >>> import exemplum as ex
    >>> index = ex.build_index(ex.load("embedded"), ex.open_images("embedded", limit=40), ["mixed3a"], keep=9)
    >>> index
    ActivationIndex(128 units of mixed3a over 40 images)
    >>> index.percentile("mixed3a:5", 1e9)
    100.0
    """
    layers = tuple(layers) or tuple(model.default_layers)
    units = sum(model.layer(name).channels for name in layers)
    chosen = dtype(precision, units, keep, len(corpus))
    shard = max(1, shard // batch) * batch  # no batch spans two shards
    sampled = _sampled_rows(len(corpus), sample, seed)
    key = store.digest(model.fingerprint, corpus.fingerprint, layers, relu, objective, keep, sample, batch, seed, shard)

    def sweep(name: str, rows: np.ndarray, kept: int, dtype: torch.dtype) -> Sweep:
        path = folder / f"{name}.npz" if folder else None
        started = Sweep(store.digest(key, str(dtype), len(rows)), rows, units, kept, sampled, path)
        with track("index" if name == "partial" else "float32", len(rows), "images", done=started.done) as advance:
            if len(started.left):
                make = partial(Measurer, model, layers, relu, objective, dtype)
                if cluster:
                    measured = spread(cluster, make, corpus, started.left, batch, shard)
                    started.run(_told(measured, advance))
                else:
                    measured = make().corpus(corpus, started.left, batch, workers)
                    started.run(shards(_told(measured, advance), shard))
        return started

    if chosen is torch.float32:
        first = exact = sweep("partial", np.arange(len(corpus)), keep, chosen)
    else:
        first = sweep("partial", np.arange(len(corpus)), keep + spare(keep), chosen)
        exact = sweep("remeasured", first.total.images(), keep, torch.float32)
    if not first.total.count:
        reason = f"; the first: {first.broken[0][1]}" if first.broken else ""
        raise UserError(f"none of the {len(corpus)} images of {corpus.name} can be decoded{reason}")
    index = tabled(first, exact, model, corpus, layers)
    for finished in (first, exact):
        finished.forget()
    return index


def dtype(precision: str, units: int, keep: int, images: int) -> torch.dtype:
    """The dtype that an index is first measured in.

    `auto` is the fast dtype of this machine if there are enough images: measuring the extremes again in float32 must
    not take longer than the first pass saved.
    """
    low = hardware.dtype(precision, hardware.device())
    most = 2 * units * (keep + spare(keep))  # images to measure again, if no image is extreme for two units
    return torch.float32 if precision == "auto" and most > images else low


def spare(keep: int) -> int:
    """Additional candidates per unit and pole that a pass in low precision keeps."""
    return max(FEWEST_SPARE, round(SLACK * keep))


def _told(measured: Iterator[Measurements], advance: Callable[[int], None]) -> Iterator[Measurements]:
    for part in measured:
        advance(len(part.rows) + len(part.broken))
        yield part


def _sampled_rows(images: int, sample: int, seed: int) -> np.ndarray:
    if images <= sample:
        return np.arange(images)
    return np.sort(np.random.default_rng([seed, images]).choice(images, sample, replace=False))


QUANTILES = {"q01": 1, "q05": 5, "q25": 25, "q50": 50, "q75": 75, "q95": 95, "q99": 99}


def tabled(first: Sweep, exact: Sweep, model: Model, corpus: Corpus, layers: Sequence[str]) -> ActivationIndex:
    """Tables from the pass over all images (moments, sample) and the exact pass (extremes), which may be the same."""
    names = [unit for layer in layers for unit in model.units(layer)]
    facts = pd.DataFrame({
        "unit": [str(unit) for unit in names], "layer": [unit.layer for unit in names],
        "channel": [unit.channel for unit in names], "branch": [model.branch(unit) for unit in names],
    })  # fmt: skip
    sample = _sample(first, exact)
    units = facts.assign(count=first.total.count, mean=first.total.mean, std=first.total.std)
    units["low"], units["high"] = (exact.total.top(pole)[0][:, 0] for pole in ("min", "max"))
    if sample.size:
        # nearest rank in the sorted sample, without interpolation
        for name, percent in QUANTILES.items():
            units[name] = sample[:, round((sample.shape[1] - 1) * percent / 100)]
    else:
        units[list(QUANTILES)] = np.nan
    units["dead"] = units["low"] == units["high"]
    return ActivationIndex(
        tables.INDEX_UNITS.frame(units), _extremes(exact.total, facts, corpus), _broken(first.broken, corpus), sample,
        corpus, model.preprocessing,
    )  # fmt: skip


def _sample(first: Sweep, exact: Sweep) -> np.ndarray:
    """Activations of the sampled images, (units, images) ascending: exact ones where available."""
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
    # the two poles of a unit follow each other, in the order of the units
    order = frame["unit"].map({name: place for place, name in enumerate(facts["unit"])})
    frame = frame.assign(order=order).sort_values(["order", "pole", "rank"], kind="stable").drop(columns="order")
    return tables.EXTREMES.frame(frame)


def _broken(faults: list[tuple[int, str]], corpus: Corpus) -> pd.DataFrame:
    return tables.IMAGES.frame([{"image": corpus.record(row).image_id, "reason": reason} for row, reason in faults])


CHECKPOINT_S = 15.0  # least time between two checkpoints: for a large network they are hundreds of MB


class Sweep:
    """The state of a pass over some rows of a corpus; with a path, saved regularly and when it is stopped."""

    def __init__(self, key: str, rows: np.ndarray, units: int, keep: int, sampled: np.ndarray, path: Path | None):
        """`key` identifies what is measured; a saved state with another key is ignored."""
        self.key, self.rows, self.path = key, rows, path
        self.sampled = np.intersect1d(sampled, rows, assume_unique=True)
        self.done, self.broken = 0, list[tuple[int, str]]()
        self.total = Accumulator(units, keep)
        self.values = np.full((len(self.sampled), units), np.nan, np.float32)  # of the sampled rows
        if path and path.exists():
            self._resume(path)

    def run(self, shards: Iterator[Measurements]) -> None:
        """Measure and merge the remaining rows, shard by shard, in order. Progress is saved if one raises."""
        written = float("-inf")
        try:
            for shard in shards:
                self._take(shard)
                if self.path and time.monotonic() - written > CHECKPOINT_S:
                    self._checkpoint(self.path)
                    written = time.monotonic()
        finally:
            if self.path:
                self._checkpoint(self.path)

    @property
    def left(self) -> np.ndarray:
        """Rows not yet measured."""
        return self.rows[self.done :]

    def forget(self) -> None:
        """Remove the state from the disk."""
        if self.path:
            self.path.unlink(missing_ok=True)

    def _take(self, shard: Measurements) -> None:
        self.total.add(shard.values, shard.rows)
        self.broken += shard.broken
        chosen = np.isin(shard.rows, self.sampled)
        self.values[np.searchsorted(self.sampled, shard.rows[chosen])] = shard.values[chosen]
        self.done += len(shard.rows) + len(shard.broken)

    def _checkpoint(self, path: Path) -> None:
        self.total.save(
            path, key=np.array(self.key), done=np.array(self.done), values=self.values,
            broken_rows=np.array([row for row, _ in self.broken], np.int64),
            broken_reasons=np.array([reason for _, reason in self.broken], str),
        )  # fmt: skip

    def _resume(self, path: Path) -> None:
        total, more = Accumulator.load(path)
        if str(more["key"]) != self.key:
            return  # of other settings: start from the beginning
        self.total, self.done, self.values = total, int(more["done"]), more["values"]
        self.broken = list(zip(more["broken_rows"].tolist(), more["broken_reasons"].tolist(), strict=True))


def spread(
    cluster: Cluster, make: Callable[[], Measurer], corpus: Corpus, rows: np.ndarray, batch: int, size: int
) -> Iterator[Measurements]:
    """Measured shards of `size` rows, in order. Each worker calls `make` and opens the images on its machine."""
    starts = range(0, len(rows), size)
    return cluster.spread(partial(_Worker, make, corpus, batch), [rows[start : start + size] for start in starts])


class _Worker:
    """Measures shards. With a GPU images are decoded in parallel; a worker with one core alternates."""

    def __init__(self, make: Callable[[], Measurer], corpus: Corpus, batch: int):
        self.measurer, self.corpus, self.batch = make(), corpus, batch
        self.decoders = None if self.measurer.device.type == "cuda" else 0

    def __call__(self, rows: np.ndarray) -> Measurements:
        return joined(list(self.measurer.corpus(self.corpus, rows, self.batch, self.decoders)))


def shards(batches: Iterator[Measurements], size: int) -> Iterator[Measurements]:
    """Shards of `size` images, including broken ones, that batches fill exactly; the last may be smaller."""
    parts: list[Measurements] = []
    filled = 0
    for part in batches:
        parts.append(part)
        filled += len(part.rows) + len(part.broken)
        if filled == size:
            yield joined(parts)
            parts, filled = [], 0
    if parts:
        yield joined(parts)


def joined(parts: list[Measurements]) -> Measurements:
    """Concatenate consecutive parts."""
    return Measurements(
        np.concatenate([part.rows for part in parts]), np.concatenate([part.values for part in parts]),
        tuple(fault for part in parts for fault in part.broken),
    )  # fmt: skip
