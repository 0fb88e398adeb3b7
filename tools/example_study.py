"""A small study for the how-to pages: python tools/example_study.py FOLDER [--answered]

Makes FOLDER, a study with a design, from finished stimuli beside it (FOLDER-pictures): twelve drawn units, of which
`max` images have stripes at the unit's angle and `min` images stripes across. It needs no network and no torch, so a
page that shows what happens to a study need not spend a minute on making one. With --answered it has answers that stand
for people's, made by the observer `simulated`; pages that show them say so.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from exemplum import store
from exemplum.study import Study, pipeline
from exemplum.tables import RESPONSES

UNITS, IMAGES, SIDE = 12, 10, 64
SETTINGS = """seed = 2021

[stimuli]
load = "folder:{pictures}"
rotate = true

[units]
practice = 3

[design]
protocol = "quick"
participants = {participants}

[exclusions]
catch_accuracy = 0.5

[observers]
run = [{machines}]

[server]
title = "Which image fits?"
contact = "Dr Ada Lovelace, ada@psychology.example"
minutes = 6
recruit = {participants}
"""
SIMULATED = """
[observers.simulated]
accuracy = { natural = 0.92, synthetic = 0.78, catch = 0.98 }
"""


def stripes(angle: float, spacing: float, noise: float, rng: np.random.Generator) -> np.ndarray:
    """A grating with noise, uint8 (64, 64, 3). `angle` in radians, `spacing` in pixels, `noise` in grey levels."""
    y, x = np.mgrid[:SIDE, :SIDE]
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / spacing + rng.uniform(0, 6))
    grey = 128 + 90 * wave[..., None] + rng.normal(0, noise, (SIDE, SIDE, 3))
    return grey.clip(0, 255).round().astype(np.uint8)


def write_pictures(folder: Path) -> None:
    """Draw the stimuli in the layout of finished stimuli; `optimized` images have less noise."""
    rng = np.random.default_rng(2021)
    for unit in range(UNITS):
        for method, noise in (("natural", 40.0), ("optimized", 10.0)):
            for pole, turn in (("max", 0.0), ("min", np.pi / 2)):
                for number in range(IMAGES):
                    path = folder / "stripes" / f"channel_{unit}" / f"{method}_images" / f"{pole}_{number}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    angle = np.pi * unit / UNITS + turn + rng.normal(0, 0.1)
                    store.write_png(path, stripes(angle, rng.uniform(6, 14), noise, rng))


def write_answers(study: Study) -> None:
    """Let `simulated` answer the design, and store its answers as those of participants."""
    pipeline.run_stage(study, "responses", False)
    machines = study.stage("responses") / "machines.parquet"
    answers = RESPONSES.read(machines)
    simulated = answers["observer"] == "simulated"
    people = answers[simulated].assign(observer="participants", observer_kind="person")
    RESPONSES.write(machines.with_name("people.parquet"), people)
    toml = study.folder / "study.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace(', "simulated"]', "]"), encoding="utf-8")
    pipeline.run_stage(Study.open(study.folder), "responses", False)


def main(folder: Path, answered: bool) -> None:
    """Write the pictures and the study, and make its design."""
    pictures = folder.with_name(f"{folder.name}-pictures")
    write_pictures(pictures)
    folder.mkdir()
    settings = SETTINGS.format(
        pictures=pictures.resolve(),
        participants=24 if answered else 8,
        machines='"chance", "simulated"' if answered else '"chance"',
    )
    (folder / "study.toml").write_text(settings + (SIMULATED if answered else ""), encoding="utf-8")
    study = Study.open(folder)
    pipeline.run_stage(study, "design", False)
    if answered:
        write_answers(study)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--answered" in sys.argv)
