"""A small study whose pictures have nothing to do with its units: fair, until something is changed."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from design.made import queries, stimuli, units
from exemplum import images, store
from exemplum.design import make, stage
from exemplum.records import Design, Side
from exemplum.study import Study
from exemplum.tables import QUERIES, STIMULI, STUDY_UNITS

# of drawings that do not repeat; a unit has one of each, since two of a family may look alike
FAMILIES = (
    "face", "bird", "fish", "clock", "mushroom", "flower", "snake", "pet", "tree", "eye", "leopard", "boat", "umbrella",
    "key", "lamp", "cup", "cactus", "house", "car", "butterfly", "beetle", "mountains", "bottle", "night",
)  # fmt: skip
TOML = 'seed = 3\n[design]\nprotocol = "quick"\nparticipants = 16\n[queries]\ndifficulty = ["extreme", 0.9]\n'
POLES = ("max", "min")
DIFFICULTIES = ("extreme", "0.9")


def make_study(folder: Path, main: int = 16) -> Study:
    """`main` units in quick's design, at two difficulties, with natural and synthetic references."""
    folder.mkdir(parents=True)
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    study, of = Study.open(folder), units(main, 2)
    shown, pairs = queries(stimuli(of, batches=1, references=(2,)), DIFFICULTIES)
    pairs["source"] = pairs["difficulty"].map({"extreme": "extreme", "0.9": "window"})
    _draw(folder, shown, pairs)
    STUDY_UNITS.write(folder / "queries" / "units.parquet", of)
    QUERIES.write(folder / "queries" / "queries.parquet", pairs)
    STIMULI.write(folder / "explanations" / "stimuli.parquet", shown)
    for name in ("queries", "explanations"):
        study.finish(name, f"{name} of the test", 0.0, {})
    save(study, make("quick", of, shown, 16, seed=3, queries=pairs, main=main))
    return study


def _draw(folder: Path, shown: pd.DataFrame, pairs: pd.DataFrame) -> None:
    """A drawing into each file: for a unit each of another family."""
    corpus, rng = images.open_corpus("embedded"), np.random.default_rng(8)
    rows: dict[str, list[int]] = defaultdict(list)
    for row in range(len(corpus)):
        rows[corpus.record(row).image_id.split("/")[1]].append(row)
    queries_of = pd.concat([pairs[["unit", f"query_{pole}"]].set_axis(["unit", "path"], axis=1) for pole in POLES])
    files = pd.concat([shown[["unit", "path"]], queries_of]).drop_duplicates()
    for _, of_unit in files.groupby("unit"):
        for path, family in zip(of_unit["path"], rng.permutation(FAMILIES), strict=False):
            store.write_png(folder / path, corpus.decode(rows[family].pop()))


def save(study: Study, design: Design) -> None:
    """Put a design into the study, as the design stage does."""
    stage.save(study, design)
    study.finish("design", store.digest([trial.max_side for trial in design.trials]), 0.0, {})


def copy(study: Study, folder: Path) -> Study:
    """Another study of the same files."""
    shutil.copytree(study.folder, folder)
    return Study.open(folder)


def change(study: Study, name: str, how: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change `stimuli` or `queries`."""
    table, file = {
        "stimuli": (STIMULI, "explanations/stimuli.parquet"), "queries": (QUERIES, "queries/queries.parquet"),
    }[name]  # fmt: skip
    table.write(study.folder / file, how(table.read(study.folder / file)))


def biased(design: Design, share: float, rng: np.random.Generator | None = None) -> Design:
    """The right query is on top in this share of trials."""
    rng = rng or np.random.default_rng(0)
    return replace(design, sessions=tuple(
        replace(session, blocks=tuple(
            replace(block, trials=tuple(
                replace(trial, max_side=Side.TOP if rng.random() < share else Side.BOTTOM) for trial in block.trials
            )) for block in session.blocks
        )) for session in design.sessions
    ))  # fmt: skip
