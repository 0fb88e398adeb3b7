"""Small designs that several tests answer."""

from pathlib import Path

import numpy as np
import pytest

from design.made import stimuli, units
from exemplum import design as designs, store
from exemplum.design import make, stage
from exemplum.records import Design
from exemplum.study.folder import Study
from exemplum.tables import STIMULI, STUDY_UNITS


@pytest.fixture(scope="session")
def design() -> Design:
    """Experiment I with 18 units and 40 participants: 2,160 main trials, 720 of each condition."""
    of = units(18, 6)
    return make("borowski2021-1", of, stimuli(of), 40, seed=2, repeated=2)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study whose tables are there as far as the design; its image files are not."""
    toml = 'seed = 4\n[design]\nparticipants = 3\n[observers]\nrun = ["ideal", "chance", "simulated"]\n'
    (tmp_path / "study.toml").write_text(toml, encoding="utf-8")
    made = Study.open(tmp_path)
    of = units(9, 3)
    STUDY_UNITS.write(made.stage("explanations") / "units.parquet", of)
    pictures = STIMULI.write(made.stage("explanations") / "stimuli.parquet", stimuli(of, batches=6))
    made.finish("explanations", "made for the test", 0.0, {})
    stage.save(made, make("borowski2021-1", of, pictures, 3, seed=4))
    made.finish("design", stage.fingerprint(made), 0.0, {})
    return made


def draw(study: Study, spread: float) -> Study:
    """Write every picture: maximal ones are redder than minimal ones, by two thirds of the spread."""
    rng = np.random.default_rng(1)
    trials = designs.load(study).trials
    for path in sorted({path for t in trials for path in (*t.references, t.query_max, t.query_min)}):
        red = np.clip(rng.normal(150 if "max_" in path else 110, spread), 0, 255)
        store.write_png(study.folder / path, np.full((8, 8, 3), [red, 100, 100], np.uint8))
    return study


@pytest.fixture
def drawn(study: Study) -> Study:
    """`study` with pictures, whose colour tells the pole most of the time."""
    return draw(study, 20)


@pytest.fixture
def few(tmp_path: Path) -> Study:
    """A study of one session of some trials, with pictures whose colour always tells the pole."""
    (tmp_path / "study.toml").write_text("seed = 4\n", encoding="utf-8")
    made = Study.open(tmp_path)
    of = units(2, 3)
    pictures = stimuli(of, batches=4)
    stage.save(made, make("borowski2021-1", of, pictures, 1, seed=4, practice=1, blocks=1, catch=1, repeated=2))
    made.finish("design", "made for the test", 0.0, {})
    return draw(made, 2)
