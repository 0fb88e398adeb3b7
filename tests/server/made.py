"""A small study folder as the line leaves it after its design stage, with images, made in a moment."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from design.made import queries, stimuli, units
from exemplum import design as designs
from exemplum.design.stage import fingerprint, save
from exemplum.records import Design
from exemplum.study.folder import Study
from exemplum.tables import QUERIES, STIMULI, STUDY_UNITS

METHODS = ("natural", "synthetic", "mine")  # of a study with the protocol quick
SMALL = {"practice": 2, "blocks": 1, "catch": 2, "repeated": 2}


def study(
    folder: Path, toml: str = "", participants: int = 6, protocol: str = "borowski2021-1", mains: int = 4
) -> Study:
    """A study of few units and small images, with its design saved."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = "\n".join(f"{name} = {value}" for name, value in SMALL.items())
    head = f'[design]\nprotocol = "{protocol}"\nparticipants = {participants}\n{sizes}\n'
    (folder / "study.toml").write_text(head + toml, encoding="utf-8")
    made = Study.open(folder)
    design = small_design(participants, protocol, mains)
    save(made, design)
    for path in {path for t in design.trials for path in (*t.references, t.query_max, t.query_min)}:
        picture(folder / path)
    return made


def whole(folder: Path, toml: str = "", participants: int = 8, mains: int = 4) -> Study:
    """A study of the protocol quick as its stages leave it, with the tables that a report needs."""
    folder.mkdir(parents=True)
    head = f'seed = 7\n[design]\nprotocol = "quick"\nparticipants = {participants}\n'
    sizes = "".join(f"{name} = {value}\n" for name, value in SMALL.items())
    (folder / "study.toml").write_text(head + sizes + toml, encoding="utf-8")
    made, of = Study.open(folder), units(mains, 9)
    table, pairs = queries(stimuli(of, batches=4, references=(3,), methods=METHODS[:2]), ("extreme", "0.95"))
    STUDY_UNITS.write(folder / "queries" / "units.parquet", of)
    QUERIES.write(folder / "queries" / "queries.parquet", pairs)
    STIMULI.write(folder / "explanations" / "stimuli.parquet", table)
    for name in ("queries", "explanations"):
        made.finish(name, f"{name} of the test", 0.0, {})
    design = designs.make("quick", of, table, participants, 7, queries=pairs, **SMALL)
    save(made, design)
    made.finish("design", fingerprint(made), 0.0, {})
    for path in {path for t in design.trials for path in (*t.references, t.query_max, t.query_min)}:
        picture(folder / path)
    return made


def like(base: Path, folder: Path, toml: str = "") -> Study:
    """A study with the design and the images, also the encoded ones, of another one, and its own study.toml."""
    shutil.copytree(base / "design", folder / "design")
    (folder / "explanations").symlink_to(base / "explanations")
    (base / "server" / "images").mkdir(parents=True, exist_ok=True)
    (folder / "server").mkdir()
    (folder / "server" / "images").symlink_to(base / "server" / "images")
    (folder / "study.toml").write_text((base / "study.toml").read_text(encoding="utf-8") + toml, encoding="utf-8")
    return Study.open(folder)


def small_design(participants: int, protocol: str, mains: int = 4) -> Design:
    if protocol == "borowski2021-2":
        of = units(4, 3, sets=("a", "b", "c", "d"), easy_sets=("e", "f", "g"))
        table = stimuli(of, batches=4, references=(1, 9))
    elif protocol == "quick":
        of = units(mains, 9)
        table, pairs = queries(stimuli(of, batches=4, references=(3,), methods=METHODS), ("extreme", "0.95"))
        return designs.make(protocol, of, table, participants, 7, queries=pairs, **SMALL)
    else:
        of = units(mains, 9)
        table = stimuli(of, batches=4, references=(3,))
    return designs.make(protocol, of, table, participants, 7, **SMALL)


def picture(path: Path, side: int = 24) -> None:
    """A picture of its own, whose file tells the truth in its size and its metadata; the server must not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list("/".join(path.parts[-4:]).encode()))
    low = 90 if "min_" in path.name else 0  # minimal images are greyer: smaller files
    pixels = rng.integers(low, 255 - low, (side, side, 3), dtype=np.uint8)
    about = PngImagePlugin.PngInfo()
    about.add_text("pole", path.name)
    Image.fromarray(pixels).save(path, pnginfo=about)
