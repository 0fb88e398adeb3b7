"""Where a unit responds in an image: its activation maps, and the place of their maximum or minimum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from exemplum.explanations.request import Request
from exemplum.index import ActivationIndex
from exemplum.queries import DealtImage
from exemplum.records import Pole, Unit

if TYPE_CHECKING:
    from exemplum.models import Reader

BATCH = 32  # images per forward pass
Cell = tuple[int, int]  # y, x of a map
NOWHERE: Cell = (-1, -1)
SIDES = 1 / 4, 1 / 2  # of the image's side: least and most that is taken for a unit's neighbourhood


class MapReader:
    """Reads units' activation maps for images of the corpus. It keeps the network of one layer at a time."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._held: tuple[str, Reader] | None = None

    def maps(self, unit: Unit, rows: Sequence[int]) -> dict[int, np.ndarray]:
        """Row of the corpus → the unit's map, float32 (h, w), before or after the ReLU as the index has it."""
        import torch  # late: it takes seconds to import

        from exemplum.index import layer_read

        name = layer_read(unit.layer, self.request.settings.objective)
        reader = self._reader(name)
        found: dict[int, np.ndarray] = {}
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            images = torch.from_numpy(np.stack([self.request.image(row) for row in part])).to(reader.device)
            with torch.inference_mode():
                maps = reader(images.permute(0, 3, 1, 2).float().div_(255))[name][:, unit.channel]
            found |= dict(zip(part, maps.float().cpu().numpy(), strict=True))
        return found

    def _reader(self, layer: str) -> Reader:
        from exemplum.runtime import hardware  # late: torch takes seconds to import

        if self._held is None or self._held[0] != layer:
            model, relu = self.request.model, self.request.settings.relu
            self._held = layer, model.reader([layer], relu=relu, device=hardware.device())
        return self._held[1]


def centres(reader: MapReader, unit: Unit, images: Sequence[DealtImage]) -> list[tuple[float, float]]:
    """The pixel (y, x) of each image where the unit responds most, or for the pole min least.

    It is the centre of the cell that the index names, or of the measured one where the index names none; the middle of
    the image if the unit responds everywhere alike.
    """
    request = reader.request
    grid, known = request.model.grid(unit.layer), _indexed(request.index, unit)
    unknown = [image for image in images if known.get((image.pole, image.row), NOWHERE) == NOWHERE]
    measured = reader.maps(unit, sorted({image.row for image in unknown}))
    for image in unknown:
        known[image.pole, image.row] = _cell(measured[image.row], image.pole, request.settings.objective)
    found = []
    for image in images:
        cell = known[image.pole, image.row]
        middle = (grid.size - 1) / 2
        y, x = (
            middle if cell == NOWHERE else first + stride * at
            for at, first, stride in zip(cell, grid.first, grid.stride, strict=True)
        )
        found.append((y, x))
    return found


def _indexed(index: ActivationIndex, unit: Unit) -> dict[tuple[Pole, int], Cell]:
    """The cells of the unit's extremes, by pole and row of the corpus; NOWHERE for those without one."""
    tops = {pole: index.top(unit, pole) for pole in Pole}
    return {
        (pole, row): (y, x)
        for pole, top in tops.items()
        for row, y, x in zip(top["row"].tolist(), top["y"].tolist(), top["x"].tolist(), strict=True)
    }


def _cell(activations: np.ndarray, pole: Pole, objective: str) -> Cell:
    """The cell of a map that makes an image an extreme, as the index has it."""
    if activations.min() == activations.max():
        return NOWHERE
    height, width = activations.shape
    if objective == "neuron":
        return height // 2, width // 2
    lowest = pole is Pole.MIN and objective != "max"  # of maxima, the least is still the maximum of its map
    y, x = divmod(int(activations.argmin() if lowest else activations.argmax()), width)
    return y, x


def neighbourhood(index: ActivationIndex, unit: Unit, size: int) -> int:
    """Side in pixels of what the unit sees around a place: its effective receptive field, within SIDES of the image."""
    top = index.top(unit, Pole.MAX)
    placed = top[top["y"] >= 0]
    # a box at the edge of the image is cut, one in its middle is not
    sides = np.maximum(placed["bottom"] - placed["top"], placed["right"] - placed["left"])
    least, most = (share * size for share in SIDES)
    return round(min(max(float(sides.max()) if len(sides) else most, least), most))
