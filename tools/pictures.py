"""Write docs/pictures/units.png from a study's folder: python -m tools.pictures exemplum-demo."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from exemplum import store

PAGE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "units.png"
EACH, GAP, UNITS = 3, 6, 6


def sheet(study: Path) -> np.ndarray:
    """One row per unit: the least activating images, made pictures of both poles, the most activating images."""
    stimuli = pd.read_parquet(study / "explanations" / "stimuli.parquet")
    units = pd.read_parquet(study / "explanations" / "units.parquet").query("role == 'main'")["unit"]
    chosen = units.iloc[np.linspace(0, len(units) - 1, min(UNITS, len(units))).round().astype(int)]
    return np.concatenate([row(study, stimuli[stimuli["unit"] == unit]) for unit in chosen])


def row(study: Path, own: pd.DataFrame) -> np.ndarray:
    parts = []
    for method, pole in (("natural", "min"), ("synthetic", "min"), ("synthetic", "max"), ("natural", "max")):
        shown = own[(own["method"] == method) & (own["pole"] == pole)].drop_duplicates(
            "image" if method == "natural" else "path"
        )
        extreme = shown.sort_values("activation", ascending=pole == "min").head(EACH)
        images = [store.read_png(study / path) for path in extreme["path"]]
        parts += [np.pad(image, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for image in images]
        parts.append(np.full((parts[0].shape[0], 2 * GAP, 3), 255, np.uint8))
    return np.concatenate(parts[:-1], axis=1)


if __name__ == "__main__":
    store.write_png(PAGE, sheet(Path(sys.argv[1])))
