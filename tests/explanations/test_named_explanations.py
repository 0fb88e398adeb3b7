"""Named uses of explanation methods, [explanations.NAME], each a condition with parameters of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from exemplum.cli.new import version
from exemplum.errors import UserError
from exemplum.explanations import ExplanationsSection
from exemplum.index import measurer, stage as index_stage
from exemplum.records import Unit
from exemplum.study import Study, new_identity, pipeline

MINE = """
import numpy as np
from PIL import Image, ImageFilter
from exemplum.explanations import Picture, Pole

def blurred(request, radius=1.0):
    for unit in request.units:
        for pole in Pole:
            for position, exemplar in enumerate(request.exemplars(unit, pole)):
                image = Image.fromarray(exemplar.image()).filter(ImageFilter.GaussianBlur(radius))
                yield Picture(unit, pole, position, np.asarray(image), image_id=exemplar.image_id, group=exemplar.group,
                              activation=1e9,  # wrong
                              facts={"recipe": "of my own", "steps": 3})  # names that `synthetic` uses too
"""
TOML = """
[model]
input_size = 48
[images]
limit = 200
[units]
layers = ["mixed3b"]
choose = "one per layer"
practice = 1
[synthetic]
size = 32
steps = 2
snapshots = []
[design]
participants = 1
practice = 1
[explanations]
batches = 2
[explanations.natural]
[explanations.olah]
method = "synthetic"
[explanations.maco]
method = "synthetic"
recipe = "maco"
[explanations.slight]
method = "mine:blurred"
[explanations.strong]
method = "mine:blurred"
radius = 4
"""


def study_of(folder: Path, toml: str = TOML) -> Study:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.py").write_text(MINE)
    (folder / "study.toml").write_text(toml)
    return Study.open(folder)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    study = study_of(tmp_path_factory.mktemp("named"))
    pipeline.run(study, ["index", "queries", "explanations", "design"])
    return study


def picture(study: Study, name: str) -> np.ndarray:
    return np.asarray(Image.open(next((study.folder / "explanations" / name).glob("*/max_0.png"))))


def test_every_use_is_a_condition(study):
    trials = pd.read_parquet(study.folder / "design" / "trials.parquet").query("kind == 'main'")
    assert {"natural", "olah", "maco", "slight", "strong"} == set(trials["condition"]) - {"none"}
    stimuli = pd.read_parquet(study.folder / "explanations" / "stimuli.parquet")
    shown = stimuli[stimuli["method"] != "natural"].groupby("method")["path"].nunique()
    assert shown.nunique() == 1, "conditions show as many pictures each"


def test_two_recipes_stand_beside_each_other(study):
    pictures = pd.read_parquet(study.folder / "explanations" / "pictures.parquet")
    recipes = pictures[pictures["recipe"] != ""].groupby("method")["recipe"].unique().map(list).to_dict()
    assert recipes == {"olah": ["borowski2021"], "maco": ["maco"]}
    assert (picture(study, "olah") != picture(study, "maco")).mean() > 0.5


def test_a_parameter_reaches_the_function(study):
    slight, strong = (picture(study, name).astype(float) for name in ("slight", "strong"))
    assert np.abs(np.diff(strong, axis=0)).mean() < 0.7 * np.abs(np.diff(slight, axis=0)).mean()


def test_pictures_of_a_users_method_are_measured_whatever_it_states(study):
    """Oracle: the network, asked for one of them."""
    stimuli = study.tables.stimuli
    row = stimuli[stimuli["method"] == "strong"].iloc[0]
    model, unit = index_stage.load_model(study), Unit.parse(row["unit"])
    shown = model.fit(np.asarray(Image.open(study.folder / row["path"])))
    expected = measurer(model, [unit.layer], "before", "channel").images(np.stack([shown]))[0, unit.channel]
    assert row["activation"] == pytest.approx(float(expected), rel=1e-4)


def test_another_parameter_makes_only_its_use_again(study):
    def written() -> dict[str, int]:
        return {
            path.parent.parent.name: path.stat().st_mtime_ns for path in study.folder.glob("explanations/*/*/*_0.png")
        }

    before = written()
    pipeline.run(study_of(study.folder, TOML.replace("radius = 4", "radius = 5")), ["explanations"])
    after = written()
    assert {name for name in before if before[name] != after[name]} == {"strong"}


def test_a_new_version_keeps_the_pictures_of_a_users_method(tmp_path):
    """The images are those of the old study, and named by another path."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "photographs").mkdir(parents=True)
    for number, picture in enumerate(np.random.default_rng(0).integers(0, 256, (60, 48, 48, 3), np.uint8)):
        Image.fromarray(picture).save(old / "photographs" / f"{number}.png")
    toml = TOML.replace("limit = 200", 'load = "folder:photographs"').replace("batches = 2", "batches = 1")
    for name in ("olah", "maco"):
        toml = toml.replace(f'[explanations.{name}]\nmethod = "synthetic"\n', "")
    study = study_of(old, toml.replace('recipe = "maco"\n', ""))
    new_identity(old)
    pipeline.run(study, ["index", "queries", "explanations"])
    version(new, old)
    made = {path: path.stat().st_ino for path in new.glob("explanations/*/*/*.png")}
    pipeline.run(Study.open(new), ["index", "queries", "explanations"])
    assert Study.open(new).config.images.load == "folder:../old/photographs"
    assert made == {path: path.stat().st_ino for path in new.glob("explanations/*/*/*.png")}


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("radios = 4", "radius = 4", r"\[explanations.strong\]: .* argument 'radios' \(.*mine.py, line 6\)"),
        ('recipe = "macoo"', 'recipe = "maco"', r"\[explanations.maco\] recipe: .*did you mean maco\?"),
        ('[explanations.maco]\nstepps = 3', '[explanations.maco]', "'stepps' in .*did you mean steps"),
        ('recipe = "maco"\nsteps = 0', 'recipe = "maco"', r"\[explanations.maco\] steps must be a whole number from 1"),
        ("[explanations.natural]\nshows = 1", "[explanations.natural]", "'shows' in .*natural.; did you mean show"),
        ('[explanations.natural]\nshow = "crops"', "[explanations.natural]", r"natural\] show must be one of"),
        ("[explanations.natural]\nside = 0.5", "[explanations.natural]", r"natural\] has side, which is"),
        ("[explanations.random]\nseed = 1", "[explanations.natural]", r"random\]: method random takes no"),
        ("[explanations.Strong]", "[explanations.slight]", r"\[explanations.strong\] would both be the condition"),
        ("batches = 2\nmethod = 3", "batches = 2", r"unknown key 'method' in \[explanations\]; did you mean methods\?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_table(wrong, right, told, tmp_path):
    with pytest.raises(UserError, match=told) as error:
        pipeline.check(study_of(tmp_path, TOML.replace(right, wrong)), ["explanations"])
    assert "\n" not in str(error.value)


def test_the_short_list_stays_what_it_was():
    listed = ExplanationsSection(methods=("natural", "folder:a/pictures/", "m:f")).uses
    assert [(use.name, use.method) for use in listed] == [
        ("natural", "natural"), ("pictures", "folder:a/pictures/"), ("f", "m:f"),
    ]  # fmt: skip
    assert [use.name for use in ExplanationsSection().uses] == ["natural", "synthetic"]
    both = ExplanationsSection.model_validate({"methods": ("m:f",), "olah": {"method": "synthetic"}})
    assert [use.name for use in both.uses] == ["f", "olah"]
