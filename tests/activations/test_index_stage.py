"""The index stage of a study."""

import pytest
from PIL import Image

from exemplum import images, store
from exemplum.explanations import stage as explanations
from exemplum.index import stage as index
from exemplum.queries import stage as queries
from exemplum.study.folder import Study

TOML = """
[model]
input_size = 48
[images]
load = "folder:pictures"
[units]
layers = ["mixed3a"]
[explanations]
methods = ["natural", "synthetic"]
"""


@pytest.fixture
def folder(tmp_path):
    store.write_text(tmp_path / "study.toml", TOML)
    for row in range(20):  # as many as one batch of exemplars needs
        store.write_png(tmp_path / "pictures" / f"{row}.png", images.open_corpus("embedded").decode(row))
    return tmp_path


def test_a_command_lists_the_images_once(folder, monkeypatch):
    listed = []
    opening = images.open_corpus
    monkeypatch.setattr(images, "open_corpus", lambda spec, **given: listed.append(spec) or opening(spec, **given))
    study = Study.open(folder)
    index.check(study)
    queries.check(study)
    before = index.fingerprint(study), explanations.fingerprint(study)
    assert len(listed) == 1
    Image.new("RGB", (60, 60)).save(folder / "pictures" / "new.png")
    again = Study.open(folder)  # the next command sees what has changed
    assert index.fingerprint(again) != before[0]
    assert explanations.fingerprint(again) != before[1]
