"""Activation maps of the exemplars, small: the page draws heatmaps and spotlights from them.

Pictures of heatmaps would be many times as large, and could not be compared at another scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from exemplum import store
from exemplum.gallery.selection import Selection

if TYPE_CHECKING:
    from torch import Tensor

    from exemplum.index import ActivationIndex
    from exemplum.models import Grid, Model

MOST_CELLS = 14  # per side; larger maps are averaged down, to what a thumbnail can show
MOST_FLOAT16 = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Maps:
    """The maps of all exemplars of all units; `grids` say where in the image the cells of a layer's lie."""

    values: list[np.ndarray]  # per layer, float16 (units of the layer, 2 · most per pole, h, w)
    grids: list[MapGrid]


@dataclass(frozen=True)
class MapGrid:
    """A layer's grid as it is stored: cells and, in shares of the image's side, stride and centre of the first."""

    cells: tuple[int, int]
    stride: tuple[float, float]
    first: tuple[float, float]
    factor: tuple[int, int]  # cells of the network's map per cell


@dataclass(frozen=True)
class ReadMaps:
    """Maps that were read from some images, per layer: which exemplars they are of, and the values."""

    places: list[np.ndarray]  # int64, flat places in (units of the layer, 2 · most per pole)
    values: list[np.ndarray]  # float16 (exemplars, h, w)


class MapReader:
    """Reads the maps of exemplars from images, all layers in one pass. Without spatial maps it reads nothing."""

    def __init__(self, model: Model, index: ActivationIndex, slices: dict[str, slice], selection: Selection) -> None:
        """`slices`: the places of each layer's units in the index."""
        from exemplum.index import layer_read  # late: torch takes seconds to import

        names = {layer: layer_read(layer, index.objective) for layer in slices}
        grids = {layer: model.grid(name) for layer, name in names.items()} if model.has_network else {}
        self.layers = list(slices)
        self.read_as = {layer: names[layer] for layer, grid in grids.items() if grid.is_spatial}
        self.grids = [_stored(grids[layer]) if layer in self.read_as else NO_GRID for layer in slices]
        self.model, self.relu = model, index.relu
        self.shown = selection.exemplars.reshape(len(index.units), -1)
        self.counts = [where.stop - where.start for where in slices.values()]
        # of each layer its exemplars, sorted by image
        self.sorted = [_by_image(self.shown[where]) for where in slices.values()]
        self._pass: _Pass | None = None

    def read(self, numbers: Sequence[int], images: Sequence[np.ndarray | None]) -> ReadMaps:
        """The maps of the exemplars among these images, by their numbers in the gallery; broken ones are left out."""
        there = [(number, image) for number, image in zip(numbers, images, strict=True) if image is not None]
        empty = [np.empty((0, *grid.cells), np.float16) for grid in self.grids]
        found = ReadMaps([np.empty(0, np.int64) for _ in self.layers], empty)
        if not self.read_as or not there:
            return found
        wanted = [_of_images(of_layer, [number for number, _ in there]) for of_layer in self.sorted]
        if not any(len(places) for _, places in wanted):
            return found
        channels = [places // self.shown.shape[1] for _, places in wanted]
        which = {layer: (image, channel) for layer, (image, _), channel in zip(self.layers, wanted, channels,
                                                                                strict=True)}  # fmt: skip
        maps = self._reading()(np.stack([image for _, image in there]), which)
        for place, layer in enumerate(self.layers):
            if layer in maps:
                found.places[place], found.values[place] = wanted[place][1], _pooled(maps[layer], self.grids[place])
        return found

    def save(self, path: Path, parts: Sequence[ReadMaps]) -> None:
        held: dict[str, Any] = {}
        for number in range(len(self.layers)):
            held[f"places{number}"] = np.concatenate([part.places[number] for part in parts])
            held[f"values{number}"] = np.concatenate([part.values[number] for part in parts])
        with store.atomic(path, sync=False) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(handle, **held)

    def collected(self, paths: Sequence[Path]) -> Maps:
        """The maps of all exemplars, from all files that `save` wrote; NaN for those without one."""
        slots = self.shown.shape[1]
        values = [
            np.full((count * slots, *grid.cells), np.nan, np.float16)
            for count, grid in zip(self.counts, self.grids, strict=True)
        ]
        for path in paths:
            with np.load(path) as held:
                for number, of_layer in enumerate(values):
                    of_layer[held[f"places{number}"]] = held[f"values{number}"]
        shaped = [of.reshape(count, slots, *of.shape[1:]) for count, of in zip(self.counts, values, strict=True)]
        return Maps(shaped, self.grids)

    def _reading(self) -> _Pass:
        if self._pass is None:
            self._pass = _Pass(self.model, self.read_as, self.relu)
        return self._pass


class _Pass:
    """A pass of some images through the network, which keeps the maps that are asked for."""

    def __init__(self, model: Model, read_as: dict[str, str], relu: Literal["before", "after"]) -> None:
        from exemplum.index import images_held  # late: torch takes seconds to import
        from exemplum.models import Lanes
        from exemplum.runtime import hardware

        self.read_as = read_as
        self.reader = model.reader(list(read_as.values()), relu=relu, device=hardware.device())
        self.lanes = Lanes(self.reader)
        self.most = images_held(model, list(read_as.values()), self.reader.device)

    def __call__(self, images: np.ndarray, which: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
        """Per layer the maps of these channels for these images (places among them, ascending): (exemplars, h, w)."""
        found: dict[str, list[np.ndarray]] = {layer: [] for layer in self.read_as}
        for start in range(0, len(images), self.most):
            maps = self._maps(images[start : start + self.most])
            for layer, of_layer in zip(self.read_as, maps, strict=True):
                image, channel = which[layer]
                mine = np.flatnonzero((image >= start) & (image < start + self.most))
                found[layer].append(of_layer[image[mine] - start, channel[mine]].float().cpu().numpy())
        return {layer: np.concatenate(parts) for layer, parts in found.items()}

    def _maps(self, images: np.ndarray) -> tuple[Tensor, ...]:
        import torch

        tensor = torch.from_numpy(images).to(self.reader.device)
        with torch.inference_mode():
            return self.lanes.map(self._read, tensor)

    def _read(self, images: Tensor) -> tuple[Tensor, ...]:
        import torch

        with torch.inference_mode():
            found = self.reader(images.permute(0, 3, 1, 2).float().div_(255))
            return tuple(found[name] for name in self.read_as.values())


def _by_image(shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a layer's exemplars the images, ascending, and their flat places."""
    flat = shown.ravel()
    places = np.flatnonzero(flat >= 0)
    places = places[np.argsort(flat[places], kind="stable")]
    return flat[places], places.astype(np.int64)


def _of_images(by_image: tuple[np.ndarray, np.ndarray], numbers: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The exemplars that are one of these images: its position in `numbers`, and the exemplar's flat place."""
    images, places = by_image
    spans = [(np.searchsorted(images, number), np.searchsorted(images, number, side="right")) for number in numbers]
    position = np.repeat(np.arange(len(numbers)), [stop - start for start, stop in spans])
    return position, np.concatenate([places[start:stop] for start, stop in spans])


NO_GRID = MapGrid((0, 0), (1.0, 1.0), (0.5, 0.5), (1, 1))


def _stored(grid: Grid) -> MapGrid:
    factor = tuple(math.ceil(cells / MOST_CELLS) for cells in grid.cells)
    cells = tuple(math.ceil(count / by) for count, by in zip(grid.cells, factor, strict=True))
    stride = tuple(by * each / grid.size for each, by in zip(grid.stride, factor, strict=True))
    # the centre of the first group of cells; + 0.5: from a pixel's centre to the image's edge
    first = tuple(
        (start + each * (by - 1) / 2 + 0.5) / grid.size
        for start, each, by in zip(grid.first, grid.stride, factor, strict=True)
    )
    return MapGrid(_two(cells), _two(stride), _two(first), _two(factor))


def _two(values: tuple[float, ...] | tuple[int, ...]) -> tuple[int, int]:
    down, right = values
    return down, right  # type: ignore[return-value]


def _pooled(maps: np.ndarray, grid: MapGrid) -> np.ndarray:
    """Maps (exemplars, h, w) averaged over groups of cells; at the edge over those that there are."""
    for axis, by in zip((1, 2), grid.factor, strict=True):
        if by > 1:
            starts = np.arange(0, maps.shape[axis], by)
            sizes = np.diff([*starts, maps.shape[axis]]).reshape([-1 if at == axis else 1 for at in range(3)])
            maps = np.add.reduceat(maps, starts, axis=axis) / sizes
    return maps.clip(-MOST_FLOAT16, MOST_FLOAT16).astype(np.float16)
