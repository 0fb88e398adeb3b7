"""A study from finished stimuli: the real ones of the paper's network."""

import numpy as np
import pytest
from PIL import Image

from exemplum import store
from exemplum.errors import UserError
from exemplum.explanations import finished
from exemplum.records import Pole
from exemplum.study import pipeline
from exemplum.study.folder import Study


@pytest.fixture(scope="module")
def found(shared_data):
    return finished.read(shared_data / "inceptionv1-stimuli")


def test_the_published_units_are_found_with_their_branches(found):
    assert [(str(entry.unit), entry.branch) for entry in found] == [
        ("manual_4c_0_4:1", ""),
        ("mixed4c_pool_reduce_pre_relu_conv:1", "pool"),
        ("mixed4d_pool_reduce_pre_relu_conv:52", "pool"),
        ("mixed5a_pool_reduce_pre_relu_conv:16", "pool"),
    ]


def test_without_rotation_the_most_extreme_images_are_queries(found, tmp_path):
    rows = list(finished.stimuli(found[:1], tmp_path, tmp_path / "explanations", rotate=False))
    natural = {(row["pole"], row["position"]): row["path"] for row in rows if row["method"] == "natural"}
    assert len(natural) == 20
    assert natural["max", 9].endswith("max_9.png")
    assert natural["min", 0].endswith("min_0.png")
    copied = np.asarray(Image.open(tmp_path / natural["max", 9]))
    original = np.asarray(Image.open(found[0].files["natural", Pole.MAX][9]).convert("RGB"))
    np.testing.assert_array_equal(copied, original)


def test_with_rotation_every_image_is_the_query_once(found, tmp_path):
    rows = list(finished.stimuli(found[1:2], tmp_path, tmp_path / "explanations", rotate=True))
    natural = [row for row in rows if row["method"] == "natural"]
    for pole, position in (("max", 9), ("min", 0)):
        queries = [row["path"] for row in natural if row["pole"] == pole and row["position"] == position]
        assert len(queries) == len(set(queries)) == 10
    for batch in range(10):
        shown = [(row["pole"], row["position"]) for row in natural if row["batch"] == batch]
        assert sorted(shown) == sorted((pole, k) for pole in ("max", "min") for k in range(10))
    assert {row["batch"] for row in rows if row["method"] == "synthetic"} == {-1}


def draw(stimuli, level):
    """Finished stimuli of two units whose grey is of about this level; returns the file of the picture made last."""
    for channel in (0, 1):
        for kind in finished.METHODS:
            home = stimuli / "mixed4a" / f"channel_{channel}" / kind
            home.mkdir(parents=True, exist_ok=True)
            for number in range(4):
                for pole in Pole:
                    Image.new("L", (8, 8), level + number + 4 * channel).save(home / f"{pole}_{number}.png")
    return home / "min_3.png"


def test_a_run_that_stops_halfway_leaves_the_old_pictures_whole(tmp_path):
    store.write_text(tmp_path / "study.toml", '[stimuli]\nload = "folder:stimuli"\n[units]\npractice = 1\n')
    study, of_stage = Study.open(tmp_path), tmp_path / "explanations"

    def shown():
        return {path: path.read_bytes() for path in of_stage.rglob("*") if path.is_file()}

    draw(tmp_path / "stimuli", 10)
    pipeline.run(study, ["explanations"])
    before = shown()
    last = draw(tmp_path / "stimuli", 100)
    drawn = last.read_bytes()
    last.write_bytes(drawn[:40])
    with pytest.raises(UserError, match=r"min_3\.png"):
        pipeline.run(study, ["explanations"], force=True)
    assert {path: shown().get(path) for path in before} == before
    last.write_bytes(drawn)
    pipeline.run(study, ["explanations"])
    assert shown().keys() == before.keys()
    pictures = [path for path in before if path.suffix == ".png"]
    assert len(pictures) == 32
    assert all(shown()[path] != before[path] for path in pictures)
    assert sorted(path.name for path in of_stage.iterdir() if path.is_dir()) == ["natural", "synthetic"]


def test_a_folder_of_another_layout_is_an_error(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        finished.read(tmp_path / "absent")
    with pytest.raises(UserError, match="its layout"):
        finished.read(tmp_path)


def test_gaps_in_the_numbers_are_an_error(tmp_path):
    home = tmp_path / "a" / "channel_0" / "natural_images"
    home.mkdir(parents=True)
    for name in ("max_0", "max_2", "min_0", "min_1"):
        Image.new("RGB", (8, 8)).save(home / f"{name}.png")
    with pytest.raises(UserError, match=r"numbered 0, 1, 2, … without gaps \(found \[0, 2\]\)"):
        finished.read(tmp_path)
