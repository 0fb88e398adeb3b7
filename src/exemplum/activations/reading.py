"""Activations of a run of corpus rows: decoding in workers beside the forward pass."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from exemplum.activations.pooling import pool
from exemplum.images import Corpus, ImageError
from exemplum.models import Model

Relu = Literal["before", "after"]


@dataclass(frozen=True)
class Measured:
    """Activations of a batch of images, and the images of it that are broken."""

    rows: np.ndarray  # int64 (images,)
    values: np.ndarray  # float32 (images, units), layers side by side
    broken: tuple[tuple[int, str], ...]  # (row, reason)


class Cropped(Dataset):
    """Images of a corpus in the model's geometry, uint8 (size, size, 3); the reason, as text, for a broken one."""

    def __init__(self, corpus: Corpus, model: Model, rows: Sequence[int]):
        self.corpus, self.crop, self.rows = corpus, model.crop, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> tuple[int, np.ndarray | str]:
        row = self.rows[place]
        try:
            return row, self.crop(self.corpus.decode(row))
        except ImageError as error:
            return row, str(error)


class Measurer:
    """Reads activations of chosen layers for many images."""

    def __init__(self, model: Model, layers: Sequence[str], relu: Relu, objective: str):
        self.model, self.layers, self.objective = model, tuple(layers), objective
        self.reader = model.reader(self.layers, relu=relu)

    def images(self, images: np.ndarray) -> np.ndarray:
        """Activations, float32 (images, units), of images in the model's geometry, uint8 (images, h, w, 3)."""
        with torch.inference_mode():
            tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
            maps = self.reader(tensor.to(memory_format=torch.channels_last))
            return torch.cat([pool(maps[layer], self.objective) for layer in self.layers], 1).float().numpy()

    def corpus(self, corpus: Corpus, rows: Sequence[int], batch: int, workers: int | None = None) -> Iterator[Measured]:
        """Measure rows of a corpus in order. `workers` processes decode, by default one for two cores; 0: none."""
        workers = max(1, (os.cpu_count() or 1) // 2) if workers is None else workers
        loader = DataLoader(
            Cropped(corpus, self.model, rows), batch_size=batch, num_workers=workers, collate_fn=list,
            prefetch_factor=4 if workers else None,
        )  # fmt: skip
        for items in loader:
            good = [(row, image) for row, image in items if not isinstance(image, str)]
            broken = tuple((row, image) for row, image in items if isinstance(image, str))
            if good:
                values = self.images(np.stack([image for _, image in good]))
            else:
                values = np.empty((0, sum(self.model.layers[name].channels for name in self.layers)), np.float32)
            yield Measured(np.array([row for row, _ in good], np.int64), values, broken)
