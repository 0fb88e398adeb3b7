"""Tables of units and stimuli as the explanations stage writes them, and pictures of noise."""

from pathlib import Path

import numpy as np
import pandas as pd

from exemplum import store
from exemplum.queries import split_queries
from exemplum.tables import QUERIES, STIMULI, STUDY_UNITS

LAYERS = ("mixed3a", "mixed3b", "mixed4a", "mixed4b", "mixed4c", "mixed4d", "mixed4e", "mixed5a", "mixed5b")
BRANCHES = ("1x1", "3x3", "5x5", "pool")


def units(
    main: int = 45, practice: int = 15, sets: tuple[str, ...] = (), easy_sets: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Main and practice units; with `sets` so many main units in each, with `easy_sets` so many practice units."""
    rows = [row for name in sets or ("",) for row in [("main", name)] * main]
    rows += [row for name in easy_sets or ("",) for row in [("practice", name)] * practice]
    return STUDY_UNITS.frame(
        {
            "unit": f"{LAYERS[number % 9]}:{number}",
            "layer": LAYERS[number % 9],
            "channel": number,
            "branch": BRANCHES[number % 4],
            "selection": "hand_picked" if number % 5 == 4 else "random",
            "role": role,
            "stimulus_set": name,
        }
        for number, (role, name) in enumerate(rows)
    )


def stimuli(
    of: pd.DataFrame,
    batches: int = 20,
    references: tuple[int, ...] = (9,),
    methods: tuple[str, ...] = ("natural", "synthetic"),
) -> pd.DataFrame:
    """Natural images in batches of k + 1 a pole, and k pictures a pole of every other method."""
    rows = []
    for unit in of.to_dict("records"):
        for k in references:
            for method in dict.fromkeys(("natural", *methods)):
                natural = method == "natural"
                for batch in range(batches) if natural else (-1,):
                    for pole in ("max", "min"):
                        rows += [_row(unit, method, pole, k, batch, at) for at in range(k + natural)]
    return STIMULI.frame(rows)


def queries(table: pd.DataFrame, difficulties: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The references of `stimuli`, and queries of several difficulties: other images with smaller margins each."""
    references, extreme = split_queries(table)
    harder = []
    for place, name in enumerate(difficulties):
        other = extreme.assign(difficulty=name, margin=4.0 - place)
        for pole in ("max", "min") if name != "extreme" else ():
            other[f"query_{pole}"] = extreme[f"query_{pole}"].str.replace("explanations/", f"explanations/{name}/")
            other[f"image_{pole}"] = extreme[f"image_{pole}"] + f" {name}"
            other[f"group_{pole}"] = extreme[f"group_{pole}"] + f" {name}"
        harder.append(other)
    return references, QUERIES.frame(pd.concat(harder))


def _row(unit: dict, method: str, pole: str, k: int, batch: int, position: int) -> dict:
    where = f"b{batch}/" if batch >= 0 else ""
    extremity = 1 + (position if pole == "max" else k - position) / 10
    known = {name: unit[name] for name in ("unit", "layer", "channel", "branch")}
    return known | {
        "path": f"explanations/{method}/{unit['channel']}/k{k}/{where}{pole}_{position}.png",
        "method": method,
        "pole": pole,
        "references": k,
        "batch": batch,
        "position": position,
        "image": f"{unit['unit']} {k} {batch} {pole} {position}.jpg" if method == "natural" else "",
        "group": f"{unit['unit']} {k} {batch} {pole} {position}" if method == "natural" else "",
        "activation": extremity if pole == "max" else -extremity,
        "percentile": np.nan,
        "margin": np.nan,
        "failed": False,
    }


def write_pictures(folder: Path, table: pd.DataFrame) -> None:
    """Every picture of the table as noise, none like another: 16 × 16 px below the study folder."""
    rng = np.random.default_rng(0)
    for path in table["path"].unique():
        store.write_png(folder / path, rng.integers(256, size=(16, 16, 3), dtype=np.uint8))
