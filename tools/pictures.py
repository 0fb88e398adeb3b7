"""Write a picture of docs/pictures/ from a study or a dictionary.

    python -m tools.pictures units.png exemplum-demo
    python -m tools.pictures shows.png STUDY NAME …    # the names of uses of natural, a row for each
    python -m tools.pictures outlines.webp STUDY       # the study of docs/tutorials/own-method.md
    python -m tools.pictures own-network.webp STUDY    # that of docs/tutorials/own-network.md
    python -m tools.pictures features.png FILE mixed4a # a dictionary of the embedded network's layer
    python -m tools.pictures dictionary-features.webp FILE mixed4a    # that of docs/tutorials/dictionary.md
    python -m tools.pictures experiment-1.webp FOLDER  # what `exemplum reproduce` wrote; likewise experiment-2

Pictures of pages, and figures drawn as SVG, are made by tools/screenshots.py.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import exemplum as ex
from exemplum import queries, store
from exemplum.explanations import overlays
from exemplum.study import Study

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
EACH, GAP, UNITS = 3, 6, 6
ACROSS, DOWN = 2, 2  # units in the picture of what natural shows


def units_sheet(folder: str) -> np.ndarray:
    """One row per unit: the least activating images, made pictures of both poles, the most activating images."""
    study = Study.open(folder)
    stimuli, _ = queries.load(study)
    return np.concatenate([_row(study, stimuli[stimuli["unit"] == unit]) for unit in _units(study, UNITS)])


def shows_sheet(folder: str, *methods: str, units: int = ACROSS * DOWN) -> np.ndarray:
    """A few units with one row per method: references of both poles in one batch."""
    study = Study.open(folder)
    stimuli, _ = queries.load(study)
    blocks = [
        np.concatenate([_references(study, stimuli[stimuli["unit"] == unit], method) for method in methods])
        for unit in _units(study, units)
    ]
    space = np.full((blocks[0].shape[0], 3 * GAP, 3), 255, np.uint8)
    lines = [
        np.concatenate([part for block in blocks[start : start + ACROSS] for part in (block, space)][:-1], axis=1)
        for start in range(0, len(blocks), ACROSS)
    ]
    return np.concatenate([np.pad(line, ((0, 3 * GAP), (0, 0), (0, 0)), constant_values=255) for line in lines])


def features_sheet(file: str, layer: str) -> np.ndarray:
    """One row per feature of a dictionary: two optimized pictures, and the images whose maximum is highest."""
    model = ex.load("embedded").with_dictionary("sae", layer, ex.dictionaries.load(file))
    index = ex.build_index(model, ex.open_images("embedded", limit=2000), ["sae"], objective="max", keep=20)
    usual = index.units[~index.units["dead"] & ~index.units["rare"]]
    names = usual["unit"].iloc[np.linspace(0, len(usual) - 1, UNITS).round().astype(int)].tolist()
    made = ex.visualize(model, names, poles="max", images=2, steps=128, index=index).images
    rows = []
    for place, name in enumerate(names):
        shown = [*made[2 * place : 2 * place + 2], None, *index.exemplars(name, k=2 * EACH).images]
        rows.append([np.full_like(made[0], 255)[:, : 2 * GAP] if image is None else image for image in shown])
    padded = [[np.pad(image, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for image in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in padded])


def dictionary_sheet(file: str, layer: str) -> np.ndarray:
    """The three features with the highest scores at the left and the three with the lowest at the right, as scored in
    docs/tutorials/dictionary.md: the images that activate each most, and below them the same with a spotlight."""
    images = ex.open_images("embedded", limit=800)
    model = ex.load("embedded", input_size=64).with_dictionary("sae", layer, ex.dictionaries.load(file))
    index = ex.build_index(model, images, ["sae"], objective="max", keep=50)
    scores = ex.score(model, index, difficulty=["extreme"], tasks=5, nulls=[]).to_frame()
    ranked = scores[scores["n_tasks"] == 5].sort_values(["score", "unit"])["unit"].tolist()
    chosen = [*ranked[:-4:-1], *ranked[:3]]
    print("features, from above:", *chosen)
    blocks = [_lit(index, unit) for unit in chosen]
    space = np.full((blocks[0].shape[0], 3 * GAP, 3), 255, np.uint8)
    sheet = np.concatenate([np.concatenate([blocks[n], space, blocks[n + 3]], axis=1) for n in range(3)])
    return np.asarray(Image.fromarray(sheet).resize((2 * sheet.shape[1], 2 * sheet.shape[0])))


def recomputed(name: str, folder: str) -> np.ndarray:
    """A figure of the recomputed study."""
    return store.read_png(Path(folder, "figures", f"{name}.png"))


def _lit(index: ex.ActivationIndex, unit: str) -> np.ndarray:
    found = index.exemplars(unit, k=2 * EACH)
    level = float(index.units.set_index("unit").loc[unit, "q50"])
    lit = [
        overlays.spotlight(image, index.heatmap(unit, row), level, ex.Pole.MAX)
        for image, row in zip(found.images, found.to_frame()["row"].tolist(), strict=True)
    ]
    rows = [
        np.concatenate([np.pad(image, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for image in row], axis=1)
        for row in (list(found.images), lit)
    ]
    return np.pad(np.concatenate(rows), ((0, GAP), (0, 0), (0, 0)), constant_values=255)


def _units(study: Study, count: int) -> list[str]:
    units = queries.load_units(study).query("role == 'main'")["unit"]
    return units.iloc[np.linspace(0, len(units) - 1, min(count, len(units))).round().astype(int)].tolist()


def _references(study: Study, own: pd.DataFrame, method: str) -> np.ndarray:
    """The first pictures of both poles in batch 0; -1: of every batch."""
    shown = own[(own["method"] == method) & own["batch"].isin((-1, 0)) & (own["position"] < EACH)]
    return _joined(study, [shown[shown["pole"] == pole].sort_values("position")["path"] for pole in ("min", "max")])


def _row(study: Study, own: pd.DataFrame) -> np.ndarray:
    parts = []
    for method, pole in (("natural", "min"), ("synthetic", "min"), ("synthetic", "max"), ("natural", "max")):
        shown = own[(own["method"] == method) & (own["pole"] == pole)].drop_duplicates(
            "image" if method == "natural" else "path"
        )
        parts.append(shown.sort_values("activation", ascending=pole == "min").head(EACH)["path"])
    return _joined(study, parts)


def _joined(study: Study, groups: list[pd.Series]) -> np.ndarray:
    parts: list[np.ndarray] = []
    for paths in groups:
        images = [store.read_png(study.folder / path) for path in paths]
        parts += [np.pad(image, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for image in images]
        parts.append(np.full((parts[0].shape[0], 2 * GAP, 3), 255, np.uint8))
    return np.concatenate(parts[:-1], axis=1)


def _outlines(study: str) -> np.ndarray:
    return shows_sheet(study, "natural", "outlines", "random", units=2)


def _own_network(study: str) -> np.ndarray:
    return shows_sheet(study, "natural", "synthetic")


# picture → what makes it of the other arguments, and how Pillow saves it
PICTURES: dict[str, tuple[Callable[..., np.ndarray], dict[str, Any]]] = {
    "units.png": (units_sheet, {}),
    "shows.png": (shows_sheet, {}),
    "outlines.webp": (_outlines, {"quality": 85}),
    "own-network.webp": (_own_network, {"quality": 85}),
    "features.png": (features_sheet, {}),
    "dictionary-features.webp": (dictionary_sheet, {"quality": 68, "method": 6}),
    "experiment-1.webp": (partial(recomputed, "experiment_1_accuracy_by_condition"), {"quality": 85}),
    "experiment-2.webp": (partial(recomputed, "experiment_2_accuracy_by_scheme"), {"quality": 85}),
}

if __name__ == "__main__":
    name, *given = sys.argv[1:]
    make, options = PICTURES[name]
    Image.fromarray(make(*given)).save(FOLDER / name, **options)
