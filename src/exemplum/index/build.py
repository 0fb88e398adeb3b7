"""Build the index: one pass over a corpus for all layers, and an exact second pass over the extremes that it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from exemplum import store
from exemplum.errors import UserError, did_you_mean, shown
from exemplum.images import Corpus, open_images
from exemplum.index import ties
from exemplum.index.activations import Measurements, Relu, measurer
from exemplum.index.extremes import Accumulator
from exemplum.index.index import ActivationIndex
from exemplum.index.pooling import POOLINGS, layer_read
from exemplum.index.sampling import SampleCollector
from exemplum.index.sweep import Sweep, shards, spread
from exemplum.index.tabulation import tabulated
from exemplum.models import Model, TableModel
from exemplum.runtime import Cluster, hardware, track

SLACK = 0.15  # of `keep`: candidates beyond it; 0.14 held the 300 of every unit of GoogLeNet with random weights
FEWEST_SPARE = 20
STATE = 4  # version of what a stopped pass saves
PARTIAL = ("partial", "remeasured")  # names of the states of stopped passes


def build_index(
    model: Model,
    images: str | Path | Sequence[np.ndarray | Image.Image] | Corpus,
    layers: str | Sequence[str] = (),
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
    """Measure every unit of the layers for every image; keep its extremes and the distribution of its activations.

    images: a corpus, or anything that `open_images` takes: a name, a folder as a Path, arrays or Pillow images.
    layers: one or several; the model's default ones if empty.
    relu: whether activations are those before or after the layer's ReLU.
    objective: turns a unit's map into its activation: `channel` takes its spatial mean, `neuron` its centre, `max` its
    maximum, and `cls` the class token of a vision transformer instead.
    keep: how many of each unit's highest and of its lowest images are kept.
    sample: how many images, drawn by `seed`, give quantiles, percentiles and rankings; all of a smaller corpus.
    batch: images per forward pass.
    precision: float32, bfloat16, float16, or auto: whichever is faster. Extremes are always activations in float32: in
    a lower precision the pass keeps more candidates than `keep`, and their images are measured again.
    folder: progress is saved there, and a pass that was stopped continues to the same tables.
    workers: processes that decode images, 0: none; by the number of cores if not given.
    shard: images that are measured as one task.
    cluster: measures on many machines, with the same result.
    Raises UserError if no image can be decoded.

    >>> import exemplum as ex
    >>> index = ex.build_index(ex.load("embedded"), ex.open_images("embedded", limit=40), ["mixed3a"], keep=9)
    >>> index
    ActivationIndex(128 units of mixed3a over 40 images)
    >>> index.percentile("mixed3a:5", 1e9)
    100.0
    """
    corpus = open_images(images)
    layers = ((layers,) if isinstance(layers, str) else tuple(layers)) or tuple(model.default_layers)
    for name, given, known in (("objective", objective, POOLINGS), ("relu", relu, ("before", "after"))):
        if given not in known:
            raise UserError(f"there is no {name} {given!r}{did_you_mean(given, known)}")
    if isinstance(model, TableModel):
        model.check_images(corpus)
    for layer in layers:
        model.layer(layer_read(layer, objective))  # raises for a layer without a class token
    offsets = np.array([ties.offset(unit) for layer in layers for unit in model.units(layer)], np.int64)
    units = len(offsets)
    chosen = dtype(precision, units, keep, len(corpus)) if model.has_network else torch.float32
    shard = max(1, shard // batch) * batch  # no batch spans two shards
    sampled = _sampled_rows(len(corpus), sample, seed)
    settings = (relu, objective, keep, sample, batch, seed, shard)
    key = store.digest(STATE, model.fingerprint, corpus.fingerprint, layers, *settings)

    def sweep(name: str, rows: np.ndarray, kept: int, dtype: torch.dtype, sparse: np.ndarray | None = None) -> Sweep:
        path = folder / f"{name}.npz" if folder else None
        total, part = Accumulator(offsets, kept), SampleCollector(sampled, units, sparse)
        check = partial(_check_finite, model=model, layers=layers, corpus=corpus, dtype=dtype)
        started = Sweep(store.digest(key, str(dtype), len(rows)), rows, total, part, path)
        with track("index" if name == "partial" else "float32", len(rows), "images", done=started.done) as advance:
            if len(started.left):
                make = partial(measurer, model, layers, relu, objective, dtype, dtype is torch.float32)
                if cluster:
                    measured = spread(cluster, make, corpus, started.left, batch, shard)
                    started.run(_told(measured, advance, check))
                else:
                    measured = make().corpus(corpus, started.left, batch, workers)
                    started.run(shards(_told(measured, advance, check), shard))
        return started

    if chosen is torch.float32:
        first = exact = sweep("partial", np.arange(len(corpus)), keep, chosen)
    else:
        first = sweep("partial", np.arange(len(corpus)), keep + spare(keep), chosen)
        exact = sweep("remeasured", first.total.images(), keep, torch.float32, first.sample.is_sparse)
    if not first.total.count:
        reason = f"; the first: {first.broken[0][1]}" if first.broken else ""
        raise UserError(f"none of the {len(corpus)} images of {corpus.name} can be decoded{reason}")
    index = tabulated(first, exact, model, corpus, layers=layers, relu=relu, objective=objective)
    for finished in (first, exact):
        finished.forget()
    return index


def dtype(precision: str, units: int, keep: int, images: int) -> torch.dtype:
    """The dtype that an index is first measured in.

    `auto` is the fast dtype of this machine if there are enough images: measuring the extremes again in float32 must
    not take longer than the first pass saved.
    """
    low = hardware.dtype(precision, hardware.device())
    return torch.float32 if precision == "auto" and most_again(units, keep) > images else low


def most_again(units: int, keep: int) -> int:
    """The number of images to measure again in float32, if no image is extreme for two units."""
    return 2 * units * (keep + spare(keep))


def spare(keep: int) -> int:
    """Additional candidates per unit and pole that a pass in low precision keeps."""
    return max(FEWEST_SPARE, round(SLACK * keep))


def _told(
    measured: Iterator[Measurements], advance: Callable[[int], None], check: Callable[[Measurements], None]
) -> Iterator[Measurements]:
    for part in measured:
        check(part)
        advance(len(part.rows) + len(part.broken))
        yield part


def _check_finite(part: Measurements, model: Model, layers: Sequence[str], corpus: Corpus, dtype: torch.dtype) -> None:
    """Raise UserError for an activation that is no finite number: nothing could be ranked by it."""
    if np.isfinite(part.values).all():
        return
    row, column = (int(axis[0]) for axis in np.nonzero(~np.isfinite(part.values)))
    unit = [unit for layer in layers for unit in model.units(layer)][column]
    low = dtype is not torch.float32
    way = 'set [index] precision = "float32"' if low else "check the network, its weights and its preprocessing"
    raise UserError(
        f"{model.name} has the activation {part.values[row, column]:g} of {unit} for image "
        f"{shown(corpus.record(int(part.rows[row])).image_id)}; {way}, or leave out this layer or image"
    )


def _sampled_rows(images: int, sample: int, seed: int) -> np.ndarray:
    if images <= sample:
        return np.arange(images)
    return np.sort(np.random.default_rng([seed, images]).choice(images, sample, replace=False))
