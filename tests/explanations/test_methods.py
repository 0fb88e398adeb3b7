"""Explanation methods of one's own, folders of pictures, and what is kept of them."""

import sys

import numpy as np
import pytest
from PIL import Image

from exemplum.errors import UserError
from exemplum.explanations import Picture, Pole, Request, Unit, gather, methods
from exemplum.explanations.request import Settings
from exemplum.index import build_index
from exemplum.queries import CorpusImages
from exemplum.records import method_name

UNITS = (Unit("mixed3b", 8), Unit("mixed3b", 100))
MODULE = """
import numpy as np
from exemplum.explanations import Picture, Pole

asked = []

def stripes(request):
    for unit in request.units:
        asked.append(str(unit))
        for pole in Pole:
            for position in range(request.most):
                image = np.zeros((48, 48, 3), np.uint8)
                image[:: position + 2] = 255 if pole is Pole.MAX else 99
                yield Picture(unit, pole, position, image)
"""


@pytest.fixture
def request_for(model, corpus, tmp_path):
    index = build_index(model, corpus, ["mixed3b"], keep=20, workers=0)

    def make(units=UNITS) -> Request:
        return Request(
            units,
            CorpusImages(model, corpus, index, (2,), seed=2021),
            Settings(seed=2021),
            tmp_path / "study" / "explanations" / "own",
        )

    return make


@pytest.fixture
def own_method(tmp_path, monkeypatch):
    (tmp_path / "own_methods.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield methods.load_method("own_methods:stripes")
    sys.modules.pop("own_methods")


def test_a_function_of_ones_own_is_a_method(own_method, request_for, tmp_path):
    kept = gather.pictures("stripes", own_method, request_for(), tmp_path / "study", "key")
    assert [(k.unit, k.pole, k.position, k.references, k.batch) for k in kept[:4]] == [
        (UNITS[0], Pole.MAX, 0, 2, -1), (UNITS[0], Pole.MAX, 1, 2, -1),
        (UNITS[0], Pole.MIN, 0, 2, -1), (UNITS[0], Pole.MIN, 1, 2, -1),
    ]  # fmt: skip
    shown = np.asarray(Image.open(tmp_path / "study" / kept[1].path))
    assert shown[::3].min() == 255
    assert shown[1].max() == 0


def test_units_that_are_there_are_not_asked_for_again(own_method, request_for, tmp_path):
    asked = sys.modules["own_methods"].asked
    study = tmp_path / "study"
    first = gather.pictures("stripes", own_method, request_for(UNITS[:1]), study, "key")
    both = gather.pictures("stripes", own_method, request_for(), study, "key")
    assert asked == [str(UNITS[0]), str(UNITS[1])]
    assert both[:4] == first
    gather.pictures("stripes", own_method, request_for(), study, "another key")
    assert asked[2:] == [str(unit) for unit in UNITS]


def test_a_folder_of_pictures_is_a_method(request_for, tmp_path):
    for unit, name in zip(UNITS, ("mixed3b-8", "mixed3b:100"), strict=True):
        home = tmp_path / "pictures" / name
        home.mkdir(parents=True)
        for pole in Pole:
            for position in range(2):
                Image.new("RGB", (48, 48), (unit.channel, position, 7)).save(home / f"{pole}_{position}.png")
    found = list(methods.load_method(f"folder:{tmp_path / 'pictures'}")(request_for()))
    assert [(p.unit, p.pole, p.position) for p in found] == [(u, p, k) for u in UNITS for p in Pole for k in range(2)]
    assert found[5].image[0, 0].tolist() == [100, 1, 7]
    assert method_name(f"folder:{tmp_path / 'pictures'}/") == "pictures"


def test_pictures_of_a_folder_are_held_to_what_a_function_is(request_for, tmp_path):
    home = tmp_path / "pictures" / "mixed3b-8"
    home.mkdir(parents=True)
    method = methods.load_method(f"folder:{tmp_path / 'pictures'}")
    Image.new("RGB", (48, 40)).save(home / "max_0.PNG")
    with pytest.raises(UserError, match=r"max_0.PNG has 48 × 40 pixels; pictures must be square"):
        list(method(request_for()))
    (home / "max_0.PNG").unlink()
    for position in range(2):
        Image.new("RGB", (48, 48)).save(home / f"max_{position}.png")
    with pytest.raises(UserError, match=r"max_0.png and max_1.png are the same picture"):
        list(method(request_for()))


def test_what_is_absent_is_named(request_for, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        list(methods.load_method(f"folder:{tmp_path / 'absent'}")(request_for()))
    (tmp_path / "pictures" / "mixed3b-8").mkdir(parents=True)
    with pytest.raises(UserError, match=r"has no max_0\.png"):
        list(methods.load_method(f"folder:{tmp_path / 'pictures'}")(request_for()))
    with pytest.raises(UserError, match="did you mean synthetic"):
        methods.load_method("synthethic")
    with pytest.raises(UserError, match="no Python module 'nowhere'; looked in "):
        methods.load_method("nowhere:method")


def test_a_picture_says_what_it_explains():
    picture = Picture(UNITS[0], Pole.MAX, 0, np.zeros((4, 4, 3), np.uint8))
    assert picture.batch == -1
