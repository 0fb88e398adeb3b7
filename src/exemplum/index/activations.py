"""Measure activations of images, one number per unit, while worker processes decode the next images."""

from __future__ import annotations

import ctypes
import math
import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from exemplum.images import Corpus, ImageError
from exemplum.index.pooling import cells, layer_read, pool
from exemplum.models import Lanes, Model, Preprocessing, TableModel, unjoined
from exemplum.runtime import hardware

Relu = Literal["before", "after"]
T = TypeVar("T")
MAPS = 2**26, 2**29  # numbers in the maps that are held at a time, on a CPU and on a GPU: 256 MB and 2 GB in float32
ENCODING = 3  # numbers that a dictionary's encoder holds per number of its maps
PR_SET_PDEATHSIG = 1  # sys/prctl.h


@dataclass(frozen=True)
class Measurements:
    """Activations of some images, and the broken ones among them."""

    rows: np.ndarray  # int64 (images,)
    values: np.ndarray  # float32 (images, units), layers side by side
    broken: tuple[tuple[int, str], ...]  # (row, reason)
    cells: np.ndarray | None = None  # int (images, units, 2), as `pooling.cells` gives them, if asked for


@dataclass(frozen=True)
class Batch:
    """Decoded images, in the model's geometry."""

    rows: np.ndarray  # int64 (images,)
    images: np.ndarray  # uint8 (images, size, size, 3)
    broken: tuple[tuple[int, str], ...]  # (row, reason)


class Batches(Dataset[Any]):
    """Rows of a corpus, decoded batch by batch."""

    def __init__(self, corpus: Corpus, preprocessing: Preprocessing, rows: np.ndarray, size: int):
        self.corpus, self.preprocessing, self.rows, self.size = corpus, preprocessing, rows, size

    def __len__(self) -> int:
        return -(-len(self.rows) // self.size)

    def __getitem__(self, place: int) -> Batch:
        rows, images, broken = [], [], []
        for row in self.rows[place * self.size : (place + 1) * self.size].tolist():
            try:
                images.append(self.preprocessing.crop(self.corpus.decode(row)))
                rows.append(row)
            except ImageError as error:
                broken.append((row, str(error)))
        side = self.preprocessing.size
        stacked = np.stack(images) if images else np.empty((0, side, side, 3), np.uint8)
        return Batch(np.array(rows, np.int64), stacked, tuple(broken))


class Measurer:
    """Reads activations of chosen layers for many images, on the GPU if there is one."""

    def __init__(
        self,
        model: Model,
        layers: Sequence[str],
        relu: Relu,
        objective: str,
        dtype: torch.dtype = torch.float32,
        with_cells: bool = False,
    ):
        """`with_cells`: whether measurements say where in the maps the activations stem from."""
        self.model, self.layers, self.objective, self.with_cells = model, tuple(layers), objective, with_cells
        self.device = hardware.device()
        hardware.reuse()
        read = [layer_read(layer, objective) for layer in self.layers]
        self.reader = unjoined(model.reader(read, relu=relu, dtype=dtype, device=self.device))
        self.lanes = Lanes(self.reader)
        self.most = images_held(model, read, self.device)

    def images(self, images: np.ndarray) -> np.ndarray:
        """Activations, float32 (images, units), of images in the model's geometry, uint8 (images, h, w, 3)."""
        return self._launch(images)[0].cpu().numpy()

    def corpus(
        self, corpus: Corpus, rows: np.ndarray, batch: int, workers: int | None = None
    ) -> Iterator[Measurements]:
        """Measure rows of a corpus in order, `batch` at a time. `workers` processes decode; 0: none."""
        loader = decode_batches(corpus, self.model.preprocessing, rows, batch, workers)
        ahead = 1 if self.device.type == "cuda" else 0  # a GPU works while the previous batch is merged
        launched: deque[tuple[Batch, tuple[Tensor, ...]]] = deque()
        for decoded in loader:
            launched.append((decoded, self._launch(decoded.images)))
            if len(launched) > ahead:
                yield _measured(*launched.popleft())
        for batch_and_values in launched:
            yield _measured(*batch_and_values)

    def _launch(self, images: np.ndarray) -> tuple[Tensor, ...]:
        """Activations, (images, units), and with `with_cells` their cells, (images, units, 2)."""
        if not len(images):
            units = sum(self.model.layer(name).channels for name in self.layers)
            nothing = torch.empty((0, units)), torch.empty((0, units, 2), dtype=torch.int16)
            return nothing if self.with_cells else nothing[:1]
        tensor = torch.from_numpy(images)
        if self.device.type == "cuda":
            tensor = tensor.pin_memory().to(self.device, non_blocking=True)
        return self.lanes.map(self._activations, tensor)

    def _activations(self, images: Tensor) -> tuple[Tensor, ...]:
        parts = -(-len(images) // self.most)
        found = [self._read(part) for part in images.chunk(parts)]
        return found[0] if parts == 1 else tuple(map(torch.cat, zip(*found, strict=True)))

    def _read(self, images: Tensor) -> tuple[Tensor, ...]:
        with torch.inference_mode(), _true_float32(self.device):
            maps = self.reader(images.permute(0, 3, 1, 2).float().div_(255)).values()
            values = torch.cat([pool(layer, self.objective).float() for layer in maps], 1)
            return (
                (values, torch.cat([cells(layer, self.objective) for layer in maps], 1))
                if self.with_cells
                else (values,)
            )


class TableMeasurer:
    """Looks up the activations of a table of them. Images are decoded all the same, so that broken ones are told."""

    device = torch.device("cpu")

    def __init__(self, model: TableModel, layers: Sequence[str], with_cells: bool = False) -> None:
        self.model, self.layers, self.with_cells = model, tuple(layers), with_cells
        self.units = sum(model.layer(name).channels for name in self.layers)

    def images(self, images: np.ndarray) -> np.ndarray:
        """NaN, float32 (images, units): a table says nothing of other pictures."""
        return np.full((len(images), self.units), np.nan, np.float32)

    def corpus(
        self, corpus: Corpus, rows: np.ndarray, batch: int, workers: int | None = None
    ) -> Iterator[Measurements]:
        """The activations of rows of a corpus in order, `batch` at a time, as `Measurer.corpus` gives them."""
        for decoded in decode_batches(corpus, self.model.preprocessing, rows, batch, workers):
            names = [corpus.record(row).image_id for row in decoded.rows.tolist()]
            values = self.model.activations(names, self.layers)
            nowhere = np.full((*values.shape, 2), -1, np.int16) if self.with_cells else None
            yield Measurements(decoded.rows, values, decoded.broken, nowhere)


def measurer(
    model: Model,
    layers: Sequence[str],
    relu: Relu,
    objective: str,
    dtype: torch.dtype = torch.float32,
    with_cells: bool = False,
) -> Measurer | TableMeasurer:
    """What measures these layers of the model: its network, or the table that it is."""
    if isinstance(model, TableModel):
        return TableMeasurer(model, layers, with_cells)
    return Measurer(model, layers, relu, objective, dtype, with_cells)


def images_held(model: Model, layers: Sequence[str], device: torch.device) -> int:
    """Of how many images the maps of these layers are held at a time: 1 or more."""
    return max(1, MAPS[device.type == "cuda"] // sum(_numbers(model, layer) for layer in layers))


def _numbers(model: Model, layer: str) -> int:
    """How many numbers are held per image to measure a layer."""
    held = model.layer(layer).channels * math.prod(model.grid(layer).cells)
    return held * ENCODING if layer in model.dictionaries else held


def _measured(batch: Batch, found: tuple[Tensor, ...]) -> Measurements:
    values, *places = (tensor.cpu().numpy() for tensor in found)
    return Measurements(batch.rows, values, batch.broken, *places)


def decode_batches(
    corpus: Corpus, preprocessing: Preprocessing, rows: np.ndarray, batch: int, workers: int | None = None
) -> Iterable[Batch]:
    """Rows of a corpus in order, decoded and cropped, `batch` at a time. `workers` processes decode; 0: none."""
    processes = _decoders() if workers is None else workers
    return DataLoader(
        Batches(corpus, preprocessing, rows, batch), batch_size=None, num_workers=processes, collate_fn=_as_it_is,
        prefetch_factor=2 if processes else None, worker_init_fn=_end_with_parent,
    )  # fmt: skip


def _decoders() -> int:
    """Number of decoding processes: with a GPU all cores but one, else one for two cores, since these compute too."""
    device = hardware.device()
    cores = torch.get_num_threads()  # available to this process
    return max(1, cores - 1 if device.type == "cuda" else cores // 2)


def _true_float32(device: torch.device) -> AbstractContextManager[None]:
    """Full float32 on NVIDIA GPUs, whose convolutions otherwise keep 10 of the 23 bits."""
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def _end_with_parent(_worker: int) -> None:
    """End with the parent process; otherwise a worker whose parent is killed waits forever."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _as_it_is(batch: T) -> T:
    # arrays are sent through a pipe; tensors would need shared memory, which is small in containers
    return batch
