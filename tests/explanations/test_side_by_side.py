"""All that natural shows, and random images, side by side in a study with queries of two difficulties.

Oracle: the rules of such a study, read off its tables.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from exemplum import queries
from exemplum.study import Study, pipeline

OF_EXTREMES = ["natural", "crops", "heatmaps", "spotlights", "again"]
TOML = """
[model]
input_size = 48
[images]
limit = 400
[units]
layers = ["mixed3b"]
choose = "2 per layer"
practice = 1
[queries]
difficulty = ["extreme", 0.8]
[design]
protocol = "quick"
participants = 4
practice = 1
[explanations]
batches = 3
[explanations.natural]
[explanations.crops]
method = "natural"
show = "crop"
[explanations.heatmaps]
method = "natural"
show = "heatmap"
[explanations.spotlights]
method = "natural"
show = "spotlight"
[explanations.diverse]
method = "natural"
order = "diverse"
[explanations.again]
method = "natural"
[explanations.random]
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    folder = tmp_path_factory.mktemp("beside")
    (folder / "study.toml").write_text(TOML)
    study = Study.open(folder)
    pipeline.run(study, ["index", "queries", "explanations", "design"])
    return study


@pytest.fixture(scope="module")
def stimuli(study) -> pd.DataFrame:
    return queries.load(study)[0]


def test_each_is_a_condition_with_as_many_references(study, stimuli):
    trials = pd.read_parquet(study.folder / "design" / "trials.parquet").query("kind == 'main'")
    assert set(trials["condition"]) - {"none"} == {*OF_EXTREMES, "diverse", "random"}
    shown = trials[trials["condition"] != "none"]
    assert set(shown["max_references"].map(len)) == set(shown["min_references"].map(len)) == {9}


def test_no_reference_of_any_is_a_query(study, stimuli):
    pairs = queries.load(study)[1]
    assert set(pairs["difficulty"]) == {"extreme", "0.8"}
    for unit, own in stimuli.groupby("unit"):
        asked = pairs[pairs["unit"] == unit]
        assert not set(own["image"]) & ({*asked["image_max"], *asked["image_min"]})
        assert not set(own["group"]) & ({*asked["group_max"], *asked["group_min"]} - {""})


def test_references_are_more_extreme_than_the_queries_of_the_window(study, stimuli):
    pairs = queries.load(study)[1].query("difficulty == '0.8'")
    for unit, own in stimuli[stimuli["method"].isin(["natural", "diverse"])].groupby("unit"):
        asked = pairs[pairs["unit"] == unit]
        assert own[own["pole"] == "max"]["activation"].min() > asked["activation_max"].max()
        assert own[own["pole"] == "min"]["activation"].max() < asked["activation_min"].min()


def test_what_is_shown_of_a_batch_is_of_the_same_images(stimuli):
    place = ["unit", "pole", "references", "batch", "position"]
    images = {name: stimuli[stimuli["method"] == name].set_index(place)["image"] for name in OF_EXTREMES}
    for name in OF_EXTREMES:
        pd.testing.assert_series_equal(images[name], images["natural"])


def test_pictures_of_corpus_images_are_measured_and_never_failed(stimuli):
    assert not stimuli["failed"].any()
    activation = stimuli.groupby("method")["activation"]
    assert activation.apply(lambda values: values.notna().all()).all()
    place = ["unit", "pole", "references", "batch", "position"]
    whole, crops = (stimuli[stimuli["method"] == name].set_index(place)["activation"] for name in ("natural", "crops"))
    assert (whole != crops).mean() > 0.95


def test_two_uses_of_the_same_are_told(study):
    assert study.record("explanations")["summary"]["again"] == "(the same pictures as natural)"


def test_a_changed_side_makes_only_the_crops_again(study):
    def written() -> dict[str, int]:
        found: dict[str, int] = {}
        for path in study.folder.glob("explanations/*/*/*.png"):
            found[path.parts[-3]] = max(found.get(path.parts[-3], 0), path.stat().st_mtime_ns)
        return found

    before = written()
    (study.folder / "study.toml").write_text(TOML.replace('show = "crop"', 'show = "crop"\nside = 0.3'))
    pipeline.run(Study.open(Path(study.folder)), ["explanations"])
    after = written()
    assert {name for name in before if before[name] != after[name]} == {"crops"}
