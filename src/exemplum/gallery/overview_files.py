"""The JSON files of the network and its layers: what the first page and the grids of units show."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from exemplum.gallery import trials
from exemplum.gallery.contents import Contents
from exemplum.gallery.images import ACROSS, PER_SHEET, THUMB
from exemplum.gallery.maps import MapGrid
from exemplum.gallery.selection import IN_GRID
from exemplum.gallery.unit_files import CHUNK, shorts
from exemplum.scores import network_name
from exemplum.study import versions

DEAD, RARE = 1, 2
FACES = 18  # units of a layer that the first page shows, evenly spaced
MAIN, PRACTICE = 1, 2


def network(contents: Contents) -> dict[str, Any]:
    """What the first page shows, and what every page needs: layers, branches, views of scores, labels."""
    data = contents.data
    index, config, units = data.index, data.study.config, data.index.units
    return {
        "study": data.study.folder.resolve().name,
        "network": network_name(config.model.load),
        "images": config.images.load,
        "count": int(units["count"].max()),
        "exact": index.exact,
        "sampled": len(index.sample),
        "objective": index.objective if data.model.has_network else "table",
        "relu": index.relu,
        "made": time.strftime("%Y-%m-%d"),
        "version": versions().get("exemplum", ""),
        "side": data.model.input_size,
        "thumb": THUMB,
        "across": ACROSS,
        "perSheet": PER_SHEET,
        "gridImages": contents.selection.of_grid,
        "chunk": CHUNK,
        "branches": contents.branches,
        "views": contents.scores.views_as_json(),
        "nulls": contents.scores.nulls,
        "methods": contents.methods,
        "labels": [[*label, fans] for label, fans in zip(contents.likes.labels, contents.likes.fans, strict=True)],
        "likedTop": contents.likes.top,
        "sharedTop": contents.shared_top,
        "observers": list(trials.observers(data.responses)),
        "hasPeople": bool(contents.answers),
        "hasTrials": bool(contents.tasks),
        "notice": data.notice,
        "layers": [_layer_facts(contents, number) for number in range(len(data.layers))],
    }


def _layer_facts(contents: Contents, number: int) -> dict[str, Any]:
    data, name = contents.data, contents.data.layers[number]
    where = data.layer_slices[name]
    units = data.index.units.iloc[where]
    places = np.unique(np.linspace(where.start, where.stop - 1, FACES).astype(int))
    return {
        "name": name,
        "first": where.start,
        "units": len(units),
        "isDictionary": name in data.model.dictionaries,
        "readFrom": data.model.base(name) if name in data.model.dictionaries else "",
        "branches": {str(branch): len(of) for branch, of in units.groupby("branch", sort=False) if branch},
        "dead": int(units["dead"].sum()),
        "rare": int(units["rare"].sum()),
        "grid": _grid(contents.maps.grids[number]),
        "faces": [
            [int(units["channel"].iloc[place - where.start]), int(contents.selection.exemplars[place, 0, 0])]
            for place in places.tolist()
        ],
        "scores": list(contents.scores.of_layer(name)),
    }  # fmt: skip


def _grid(grid: MapGrid) -> dict[str, Any] | None:
    if not all(grid.cells):
        return None
    return {"cells": grid.cells, "stride": shorts(grid.stride), "first": shorts(grid.first)}


def layer(contents: Contents, name: str) -> dict[str, Any]:
    """A column per fact, with an entry per unit of the layer: what a grid sorts, filters and shows."""
    data, where = contents.data, contents.data.layer_slices[name]
    units = data.index.units.iloc[where]
    names, selection, answers = list(map(str, units["unit"])), contents.selection, contents.answers
    people = [answers[unit].people if unit in answers else None for unit in names]
    return {
        "channel": units["channel"].tolist(),
        "branch": [contents.branches.index(branch) if branch else -1 for branch in units["branch"]],
        "flags": np.where(units["dead"], DEAD, np.where(units["rare"], RARE, 0)).tolist(),
        "std": shorts(units["std"].tolist()),
        "high": shorts(units["high"].tolist()),
        "active": units["active"].tolist(),
        "thumbs": selection.exemplars[where, 0, :IN_GRID].tolist(),
        "likes": [[liking.label for liking in likings] for likings in contents.likes.units[where]],
        "scores": [
            {column: shorts(contents.scores.of_units(view, names, column)) for column in ("score", "accuracy")}
            for view in range(len(contents.scores.views))
        ],
        "role": _roles(contents, names),
        "methods": [
            [contents.methods.index(method) for method in contents.stimuli_by_unit[unit]["method"].unique()]
            if unit in contents.stimuli_by_unit else []
            for unit in names
        ],
        "people": people if any(people) else None,
        "machine": [answers[unit].machine if unit in answers else None for unit in names] if any(people) else None,
    }  # fmt: skip


def _roles(contents: Contents, names: list[str]) -> list[int]:
    """Of each unit whether the study tests it: MAIN, PRACTICE or 0."""
    table = contents.data.units
    roles = dict(zip(table["unit"], table["role"], strict=True))
    return [{"main": MAIN, "practice": PRACTICE}.get(str(roles.get(name)), 0) for name in names]
