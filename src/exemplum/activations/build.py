"""Build the index: one pass over a corpus for all layers, and a second, exact one over what it found to be extreme."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from exemplum import store
from exemplum.activations.index import ActivationIndex
from exemplum.activations.reading import Measured, Measurer, Relu
from exemplum.activations.sharding import shards
from exemplum.activations.spreading import spread
from exemplum.activations.sweep import Sweep
from exemplum.activations.tabling import tabled
from exemplum.cluster import Cluster
from exemplum.errors import UserError
from exemplum.images import Corpus
from exemplum.models import Model, hardware
from exemplum.progress import track

SLACK = 0.15  # of `keep`: candidates beyond it; 0.14 held the 300 of every unit of GoogLeNet with random weights
FEWEST_SPARE = 20
PARTIAL = ("partial", "remeasured")  # names of the states of stopped passes


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
    precision: str = "auto",
    seed: int = 0,
    folder: Path | None = None,
    workers: int | None = None,
    shard: int = 512,
    cluster: Cluster | None = None,
) -> ActivationIndex:
    """Measure every unit of `layers` (the model's default ones if empty) for every image of the corpus.

    Keeps each unit's `keep` highest and lowest images, its moments, and its activations for a seeded uniform `sample`
    of the images, from which quantiles and percentiles come. Extremes are activations in float32: in a lower
    `precision` (bfloat16, float16, or auto: what saves time) the pass keeps more candidates than `keep`, and their
    images are measured once more. With a `folder`, progress is kept there: a pass that was stopped goes on and gives
    the same tables. So does a `cluster`, which measures on many machines. Raises UserError if no image can be decoded.
    """
    layers = tuple(layers) or tuple(model.default_layers)
    units = sum(model.layer(name).channels for name in layers)
    chosen = dtype(precision, units, keep, len(corpus))
    shard = max(1, shard // batch) * batch  # batches never straddle shards
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

    `auto` is what is fast here if there are images enough: measuring the extremes once more in float32 must not take
    longer than was saved.
    """
    low = hardware.dtype(precision, hardware.device())
    most = 2 * units * (keep + spare(keep))  # images to measure once more, if no image is extreme for two units
    return torch.float32 if precision == "auto" and most > images else low


def spare(keep: int) -> int:
    """Candidates of each pole, beyond those to be kept, that a pass in low precision keeps of a unit."""
    return max(FEWEST_SPARE, round(SLACK * keep))


def _told(measured: Iterator[Measured], advance: Callable[[int], None]) -> Iterator[Measured]:
    for part in measured:
        advance(len(part.rows) + len(part.broken))
        yield part


def _sampled_rows(images: int, sample: int, seed: int) -> np.ndarray:
    if images <= sample:
        return np.arange(images)
    return np.sort(np.random.default_rng([seed, images]).choice(images, sample, replace=False))
