"""The vectors of a layer over a corpus: one per position of each image, or a seeded sample of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from exemplum.errors import UserError
from exemplum.images import Corpus, ImageError
from exemplum.models.dictionaries.dictionary import Relu
from exemplum.runtime import hardware, track

if TYPE_CHECKING:
    from exemplum.models.model import Model


@dataclass(frozen=True)
class Vectors:
    """Vectors of a layer, (vectors, channels), for training and, from other images, for the report."""

    training: Tensor
    held_out: Tensor
    images: int
    broken: int


def collect(
    model: Model, corpus: Corpus, layer: str, *, relu: Relu, most: int, seed: int, batch: int = 32, share: float = 0.1
) -> Vectors:
    """At most `most` vectors of the layer; each image gives as many, at positions drawn by the seed.

    A `share` of the images, at least one, is held out. Raises UserError if fewer than two images can be decoded.
    """
    rng = np.random.default_rng([seed, 3])
    rows = rng.permutation(len(corpus))
    reader = model.reader([layer], relu=relu, device=hardware.device())
    found: list[Tensor] = []
    each = None
    generator = torch.Generator().manual_seed(seed)
    with track("vectors", len(corpus), "images") as advance, torch.inference_mode():
        for images, broken in _batches(model, corpus, rows.tolist(), batch):
            if len(images):
                maps = reader(images.to(reader.device))[layer].float().flatten(2).transpose(1, 2).cpu()
                each = each or max(1, min(maps.shape[1], most // len(corpus)))
                found += [vectors[torch.randperm(len(vectors), generator=generator)[:each]] for vectors in maps]
            advance(len(images) + broken)
    if len(found) < 2:
        raise UserError(f"only {len(found)} of the {len(corpus)} images of {corpus.name} can be decoded; 2 are needed")
    first = max(1, round(share * len(found)))
    return Vectors(torch.cat(found[first:]), torch.cat(found[:first]), len(found), len(corpus) - len(found))


def _batches(model: Model, corpus: Corpus, rows: Sequence[int], size: int) -> Iterator[tuple[Tensor, int]]:
    """Decoded images as the network takes them, (n, 3, h, w) in [0, 1], and the number of broken ones beside them."""

    def decoded(row: int) -> np.ndarray | None:
        try:
            return model.crop(corpus.decode(row))
        except ImageError:
            return None

    with ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
        for start in range(0, len(rows), size):
            given = list(pool.map(decoded, rows[start : start + size]))
            images = [image for image in given if image is not None]
            stacked = np.stack(images) if images else np.empty((0, 1, 1, 3), np.uint8)
            yield torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255, len(given) - len(images)


def geometric_median(vectors: Tensor, steps: int = 100, tolerance: float = 1e-6) -> Tensor:
    """The point with the least sum of distances to the vectors, (n, channels) → (channels,); by Weiszfeld (1937).

    >>> geometric_median(torch.tensor([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0], [1.0, 1.0]]))
    tensor([1., 1.])
    """
    median = vectors.mean(0)
    for _ in range(steps):
        weights = 1 / (vectors - median).norm(dim=1, keepdim=True).clamp_min(1e-9)
        moved = (weights * vectors).sum(0) / weights.sum()
        done = (moved - median).norm() <= tolerance * moved.norm()
        median = moved
        if done:
            break
    return median
