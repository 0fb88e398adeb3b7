"""A small study whose scores are made by the stage."""

import pytest

import exemplum as ex

TOML = """
seed = 3
[images]
limit = 160
[units]
layers = ["mixed5b"]
choose = "2 per layer"
[explanations]
methods = ["natural", "random"]
[scores]
difficulty = ["extreme", 0.8]
tasks = 4
references = [4]
observers = ["luminance", "contrast"]
nulls = ["untrained", "shuffled", "directions", "random"]
"""


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> ex.Study:
    folder = tmp_path_factory.mktemp("scored")
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    return ex.Study.open(folder).run("scores")
