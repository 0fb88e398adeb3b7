"""Write the pictures of the docs from a study's folder.

docs/pictures/units.png: python -m tools.pictures units exemplum-demo
docs/pictures/shows.png: python -m tools.pictures shows STUDY NAME …, the names of uses of natural, a row for each
docs/pictures/outlines.webp: python -m tools.pictures outlines STUDY, the study of docs/tutorials/own-method.md
docs/pictures/own-network.webp: python -m tools.pictures own-network STUDY, that of docs/tutorials/own-network.md
docs/pictures/features.png: python -m tools.pictures features FILE mixed4a, a dictionary of the embedded network's layer
docs/pictures/dictionary-features.webp: python -m tools.pictures dictionary-features FILE mixed4a, that of the tutorial
"""

import sys
from pathlib import Path

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
TUTORIALS = {"outlines": (["natural", "outlines", "random"], 2), "own-network": (["natural", "synthetic"], 4)}


def units_sheet(study: Study) -> np.ndarray:
    """One row per unit: the least activating images, made pictures of both poles, the most activating images."""
    stimuli, _ = queries.load(study)
    return np.concatenate([_row(study, stimuli[stimuli["unit"] == unit]) for unit in _units(study, UNITS)])


def shows_sheet(study: Study, methods: list[str], units: int = ACROSS * DOWN) -> np.ndarray:
    """A few units with one row per method: references of both poles in one batch."""
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
    return np.concatenate([np.concatenate([blocks[n], space, blocks[n + 3]], axis=1) for n in range(3)])


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


if __name__ == "__main__":
    name, given, *more = sys.argv[1:]
    if name in TUTORIALS:
        sheet = shows_sheet(Study.open(given), *TUTORIALS[name])
        Image.fromarray(sheet).save(FOLDER / f"{name}.webp", quality=85)
        sys.exit()
    if name == "features":
        sheet = features_sheet(given, *more)
    elif name == "dictionary-features":
        sheet = dictionary_sheet(given, *more)
    else:
        study = Study.open(given)
        sheet = shows_sheet(study, more) if name == "shows" else units_sheet(study)
    if name == "dictionary-features":
        shown = Image.fromarray(sheet)
        shown.resize((2 * shown.width, 2 * shown.height)).save(FOLDER / f"{name}.webp", quality=68, method=6)
    else:
        store.write_png(FOLDER / f"{name}.png", sheet)
