"""Neighbours of a unit: units whose activations go with its own, and units that share its highest images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from exemplum.gallery.selection import highest
from exemplum.index import ActivationIndex

MOST = 10  # neighbours of each kind
SHARED_TOP = 50  # highest images that are compared
BLOCK = 512  # units compared with all others at a time
WORK = 2**39  # products of two activations: some ten seconds on two cores
FEWEST_IMAGES = 256  # that activations are compared over, however many units there are
LEAST_CORRELATION = 0.2

Neighbour = tuple[int, float]  # a unit by its place in the index, and the correlation or the number of images


def by_activations(index: ActivationIndex, advance: Callable[[int], object]) -> list[list[Neighbour]]:
    """Of every unit the units with the highest correlation over the sample, those above LEAST_CORRELATION.

    With very many units only a part of the sample is compared: at least FEWEST_IMAGES images, evenly spaced.
    """
    units, images = len(index.units), len(index.sample)
    most = max(FEWEST_IMAGES, min(images, WORK // max(1, units * units)))
    columns = np.linspace(0, images - 1, min(images, most)).astype(int)
    values = np.empty((units, len(columns)), np.float32)
    for unit in range(units):
        mine = index.sample.values(unit)[columns].astype(np.float64)
        mine -= mine.mean()
        length = np.sqrt(mine @ mine)
        values[unit] = mine / length if length > 0 else 0
    found: list[list[Neighbour]] = []
    for start in range(0, units, BLOCK):
        alike = values[start : start + BLOCK] @ values.T
        found += [_highest(row, start + place, LEAST_CORRELATION) for place, row in enumerate(alike)]
        advance(len(alike))
    return found


def by_exemplars(index: ActivationIndex, advance: Callable[[int], object]) -> tuple[int, list[list[Neighbour]]]:
    """How many of the highest images were compared, and of every unit the units that share most of them."""
    table = highest(index, SHARED_TOP)
    images, columns = np.unique(table["row"], return_inverse=True)
    count = len(index.units)
    has = sparse.csr_matrix((np.ones(len(table), np.float32), (table["place"], columns)), (count, max(1, len(images))))
    found: list[list[Neighbour]] = []
    for start in range(0, count, BLOCK):
        shared = (has[start : start + BLOCK] @ has.T).toarray()
        found += [_highest(row, start + at, 0.0) for at, row in enumerate(shared)]
        advance(len(shared))
    return int(table["rank"].max()) + 1 if len(table) else 0, found


def _highest(alike: np.ndarray, itself: int, least: float) -> list[Neighbour]:
    """The MOST highest that are above `least`, the highest first, without the unit itself."""
    alike = alike.copy()
    alike[itself] = -np.inf
    few = min(MOST, len(alike))
    places = np.argpartition(-alike, few - 1)[:few]
    places = places[np.lexsort((places, -alike[places]))]
    return [(int(place), float(alike[place])) for place in places if alike[place] > least]
