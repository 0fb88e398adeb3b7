"""How long a run will take is said before it begins, and only then."""

from pathlib import Path

import numpy as np
import pytest

import exemplum as ex
from exemplum.explanations.synthetic import recipe, timing
from exemplum.explanations.synthetic.scheduler import Setup
from exemplum.index import UnitsSection
from exemplum.queries import units
from exemplum.study import pipeline
from exemplum.study.folder import Study

TOML = """
[model]
input_size = 48
[images]
limit = 1001
[units]
layers = ["mixed3a", "mixed4a"]
choose = "one per layer"
practice = 3
[index]
keep = 100
[explanations]
batches = 2
"""


def study(folder: Path, toml: str) -> Study:
    (folder / "study.toml").write_text(toml, encoding="utf-8")
    return Study.open(folder)


def test_a_run_says_how_long_it_will_take_unless_it_is_done(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    made = study(tmp_path, TOML)
    pipeline.run(made, ["index"])
    first = capfd.readouterr().err
    assert "index: about " in first
    assert " for 1,001 images, " in first
    assert first.index("index: about ") < first.index("index: images 1001")
    pipeline.run(study(tmp_path, TOML), ["index"])
    assert "about" not in capfd.readouterr().err
    pipeline._say_estimates(made, pipeline.ESTIMATED)
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    steps = 2 * 5 * 9 * 2561  # poles, units, pictures, updates
    assert "explanations: about " in said
    assert f"(synthetic: {steps:,} image-steps, " in said


def test_little_work_is_not_estimated(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    small = TOML.replace("1001", "400") + "[synthetic]\nsteps = 20\n"
    pipeline._say_estimates(study(tmp_path, small), pipeline.ESTIMATED)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("section", [
    UnitsSection(layers=("mixed3a", "mixed4a"), choose="2 per branch", hand_picked=("mixed4c:1",)),
    UnitsSection(layers=("mixed3a", "mixed4a"), choose="3 per layer", practice=5),
    UnitsSection(layers=("mixed3a", "mixed4a"), choose="none", hand_picked=("mixed3a:1", "mixed4c:1")),
])  # fmt: skip
def test_as_many_units_are_expected_as_are_chosen(section: UnitsSection, model, corpus):
    layers = list(section.layers)
    index = ex.build_index(model, corpus, [*layers, "mixed4c"], keep=20)
    chosen = units.choose(model, index, section, 0.3, np.random.default_rng(0), ("a", "b"), layers=layers)
    expected = units.expected(model, layers, section, 0.3, 2)
    assert sum(expected.values()) == len(chosen)
    main = [entry.unit.layer for entry in chosen if entry.role == "main"]
    assert all(expected[layer] >= main.count(layer) for layer in main)


def test_a_recipe_of_crops_takes_as_long_as_its_crops(model):
    """A step of 32 crops takes about eight times as long as one of 4; both are tried with 8 at most."""
    of = recipe("maco").at(48)
    few = of.with_(transforms=(ex.transforms.Crops(4, (0.5, 0.05), 48),))
    setup = Setup(model, precision="float32")
    slow, fast = (timing.seconds(setup, {"mixed3a": 40}, each) for each in (of, few))
    assert slow > 2 * fast
    assert timing.image_steps(of, 40) == 2 * 40 * 256
