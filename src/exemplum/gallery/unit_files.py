"""The JSON files of units: what a unit's page shows, in files of CHUNK units each."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from exemplum.gallery.contents import Contents
from exemplum.gallery.selection import BINS

CHUNK = 16  # units per file: about 100 kB
QUANTILES = ("q01", "q05", "q25", "q50", "q75", "q95", "q99")
STEPS = 255  # a map's values are stored in as many steps from its unit's lowest to its highest


def chunk(contents: Contents, first: int) -> list[dict[str, Any]]:
    """The units from place `first` on in the index, at most CHUNK of them."""
    units = contents.data.index.units
    return [_unit(contents, place) for place in range(first, min(first + CHUNK, len(units)))]


def short(value: float) -> float | None:
    """A number with four digits that count, as JSON has it; None for NaN.

    >>> short(0.123456), short(float("nan"))
    (0.1235, None)
    """
    return None if math.isnan(value) else float(f"{value:.4g}")


def shorts(values: Iterable[float]) -> list[float | None]:
    return [short(value) for value in values]


def _unit(contents: Contents, place: int) -> dict[str, Any]:
    index, selection = contents.data.index, contents.selection
    facts = contents.facts[place]
    unit = str(facts["unit"])
    most, least = (_exemplars(contents, place, pole) for pole in (0, 1))
    return {
        "unit": unit,
        "count": int(facts["count"]),
        "active": int(facts["active"]),
        "std": short(facts["std"]),
        "low": short(facts["low"]),
        "high": short(facts["high"]),
        "quantiles": shorts(facts[name] for name in QUANTILES),
        "counts": _histogram(index.sample.values(place), float(facts["low"]), float(facts["high"])),
        "max": most,
        "min": least,
        "maps": _maps(contents, place, str(facts["layer"])),
        "ladder": selection.ladder[place].tolist(),
        "ladderActivations": shorts(selection.ladder_activations[place].tolist()),
        "along": selection.along[place].tolist(),
        "alongActivations": shorts(selection.along_activations[place].tolist()),
        "likes": [[each.label, each.count, each.of, round(each.share, 5)] for each in contents.likes.units[place]],
        "alike": [[other, round(value, 3)] for other, value in contents.alike[place]],
        "sharing": [[other, int(value)] for other, value in contents.sharing[place]],
        "scores": contents.rows_of_scores.get(unit, []),
        "pictures": _pictures(contents, unit),
        "tasks": contents.tasks.get(unit, []),
    }


def _exemplars(contents: Contents, place: int, pole: int) -> list[list[float | int | None]]:
    """Per exemplar [image, activation, top, left, bottom, right]."""
    selection = contents.selection
    found = []
    for number, activation, box in zip(
        selection.exemplars[place, pole].tolist(), selection.activations[place, pole].tolist(),
        selection.boxes[place, pole].tolist(), strict=True,
    ):  # fmt: skip
        if number >= 0:
            found.append([number, short(activation), *box])
    return found


def _histogram(values: np.ndarray, low: float, high: float) -> list[int]:
    if not high > low:
        return [len(values)]
    return np.histogram(values, BINS, (low, high))[0].tolist()


def _maps(contents: Contents, place: int, layer: str) -> dict[str, Any] | None:
    """The maps of the unit's exemplars as bytes from its lowest value to its highest, max then min, base64."""
    number = contents.data.layers.index(layer)
    held = contents.maps.values[number][place - contents.data.layer_slices[layer].start].astype(np.float32)
    slots = contents.selection.exemplars[place].ravel() >= 0
    values = held[slots]
    if not values.size or not np.isfinite(values).any():
        return None
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    scaled = np.nan_to_num((values - low) / max(high - low, 1e-12) * STEPS)
    text = base64.b64encode(np.rint(scaled).astype(np.uint8).tobytes()).decode("ascii")
    return {"low": short(low), "high": short(high), "data": text}


def _pictures(contents: Contents, name: str) -> list[dict[str, Any]]:
    """Per method of the study and pole its pictures: [image or file, activation, percentile, margin, failed]."""
    if (stimuli := contents.stimuli_by_unit.get(name)) is None:
        return []
    found = []
    for method in contents.methods:
        of_method = stimuli[stimuli["method"] == method]
        poles = {
            pole: [
                [contents.shown[str(row.path)], short(row.activation), short(row.percentile), short(row.margin),
                 bool(row.failed)]
                for row in of_method[of_method["pole"] == pole].itertuples(index=False)
            ]
            for pole in ("max", "min")
        }  # fmt: skip
        if any(poles.values()):
            found.append({"method": method, **poles})
    return found
