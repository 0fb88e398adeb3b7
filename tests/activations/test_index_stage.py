"""The index stage of a study."""

import pytest
from PIL import Image

from exemplum import images, store
from exemplum.errors import UserError
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


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ('[index]\nobjective = "cls"', r"\[index\] objective: layer mixed3a of model embedded has no class token"),
        ('[units]\nlayers = ["mixed3a@cls"]', r"\[units\] layers: layer mixed3a of model embedded has no class token"),
        (
            '[units]\nhand_picked = ["mixed3a@cls:5"]',
            r"hand_picked: layer mixed3a of model embedded has no class token",
        ),
    ],
)
def test_class_tokens_of_a_network_without_any_are_refused_before_any_work(folder, setting, fault):
    text = TOML if "[index]" in setting else TOML.replace('[units]\nlayers = ["mixed3a"]\n', "")
    store.write_text(folder / "study.toml", f"{text}\n{setting}\n")
    with pytest.raises(UserError, match=fault):
        index.check_names(Study.open(folder))
