"""A small design that several tests answer."""

from pathlib import Path

import pytest

from design.made import stimuli, units
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
