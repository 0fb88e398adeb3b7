"""How long the index of a study will take, from a trial with a few images."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from exemplum.images import Corpus, ImageError
from exemplum.index import IndexSection
from exemplum.index.activations import Measurer
from exemplum.index.build import dtype as first_dtype, most_again
from exemplum.models import Model
from exemplum.runtime import said_duration

FEWEST = 1000  # images below which an index takes hardly longer than a trial
TRIAL = 8  # images


def estimate(model: Model, corpus: Corpus, layers: Sequence[str], section: IndexSection) -> str:
    """The time of an index on this machine, in words; empty for a small corpus or if no image can be decoded.

    A trial decodes and measures a few images, in each precision that is used. On a CPU decoding takes its share of the
    cores; with a GPU it goes on beside.
    """
    if len(corpus) < FEWEST:
        return ""
    began = time.monotonic()
    decoded = _decoded(model, corpus)
    if not decoded:
        return ""
    decoding = (time.monotonic() - began) / len(decoded)
    images = np.stack((decoded * TRIAL)[:TRIAL])
    units = sum(model.layer(name).channels for name in layers)
    low = first_dtype(section.precision, units, section.keep, len(corpus))
    passes = {low: len(corpus)}
    if low is not torch.float32:
        passes[torch.float32] = min(len(corpus), most_again(units, section.keep))
    seconds = sum(
        count * _per_image(Measurer(model, layers, section.relu, section.objective, dtype), images, decoding)
        for dtype, count in passes.items()
    )
    return f"about {said_duration(seconds)} for {len(corpus):,} images, {len(corpus) / seconds:.0f} per second"


def _decoded(model: Model, corpus: Corpus) -> list[np.ndarray]:
    found = []
    for row in np.linspace(0, len(corpus) - 1, TRIAL).astype(int).tolist():
        try:
            found.append(model.crop(corpus.decode(row)))
        except ImageError:
            continue
    return found


def _per_image(measurer: Measurer, images: np.ndarray, decoding: float) -> float:
    """Seconds per image: to measure it, and to decode it with the cores that are left."""
    measurer.images(images)  # the first pass allocates memory, and on a GPU loads kernels
    began = time.monotonic()
    measurer.images(images)
    measuring = (time.monotonic() - began) / len(images)
    cores = torch.get_num_threads()
    if measurer.device.type == "cuda":
        return max(measuring, decoding / max(1, cores - 1))
    return measuring + decoding / cores
