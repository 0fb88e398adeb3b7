"""Faults of a user's method: each in one line with file and line. Oracle: the line that was written into the file."""

import pytest

from exemplum.errors import UserError
from exemplum.explanations import ExplanationsSection, Request, Unit, gather, methods, stage
from exemplum.explanations.request import Settings
from exemplum.index import build_index
from exemplum.queries import CorpusImages
from exemplum.study import user_code

UNITS = (Unit("mixed3b", 8), Unit("mixed3b", 100))
HEAD = """import numpy as np
from exemplum.explanations import Picture, Pole, Unit

IMAGE = np.zeros((48, 48, 3), np.uint8)
SAME = np.ones((48, 48, 3), np.uint8)

def all_of(request, image=IMAGE, **other):
    for unit in request.units:
        for pole in Pole:
            for position in range(request.most):
                own = image + np.uint8(position) if image is not SAME and np.shape(image) == IMAGE.shape else image
                if getattr(image, "dtype", None) != np.uint8:
                    own = image
                yield Picture(**{"unit": unit, "pole": pole, "position": position, "image": own, **other})

"""

# name of the fault, body of the function, what is said; the faulty line is the one that ends in FAULT
FAULTS = {
    "raises": ("    yield from all_of(request)\n    1 / 0  # FAULT", "failed: ZeroDivisionError: division by zero"),
    "exits": ("    raise SystemExit(2)  # FAULT", "failed: SystemExit: 2"),
    "closes": ("    raise GeneratorExit  # FAULT\n    yield", "failed: GeneratorExit ("),
    "returns nothing": ("    all_of(request)", "gave a NoneType; it must yield pictures"),
    "a float image": (
        "    yield from all_of(request, image=IMAGE / 255)",
        "max 0 of mixed3b:8 whose image is float64; it must be uint8, 0 to 255; for values in [0, 1]: (image * 255)",
    ),
    "a flat image": (
        "    yield from all_of(request, image=IMAGE[0])",
        "has shape (48, 3); it must be (height, width,",
    ),
    "not square": (
        "    yield from all_of(request, image=IMAGE[:40])",
        "max 0 of mixed3b:8 whose image has shape (40, 48, 3); it must be square",
    ),
    "one picture for all": (
        "    yield from all_of(request, image=SAME)",
        "gave the picture max 1 of mixed3b:8, but the picture at position 0 is the same;",
    ),
    "channels first": (
        "    yield from all_of(request, image=IMAGE.T)",
        "or 1 channel for grey; move the channels last",
    ),
    "a list": ("    yield from all_of(request, image=[[1]])", "whose image is a list; it must be a NumPy array"),
    "an image alone": ("    yield IMAGE  # FAULT", "gave a ndarray; it must yield Picture(…)"),
    "another unit": (
        "    yield from all_of(request, unit=Unit('mixed3b', 9))",
        "of mixed3b:9, which was not requested",
    ),
    "a unit's name": (
        "    yield from all_of(request, unit='mixed3b:8')",
        "whose unit is a str; it must be one of",
    ),
    "a pole": ("    yield from all_of(request, pole='top')", "whose pole is 'top'; it must be Pole.MAX or Pole.MIN"),
    "an image for a pole": (
        "    yield Picture(request.units[0], IMAGE[:2, 0, 0], 0, IMAGE)  # FAULT",
        "whose pole is array([0, 0], dtype=uint8); it must be Pole.MAX",
    ),
    "a position": ("    yield from all_of(request, position=2)", "of mixed3b:8 at position 2; positions are 0 to 1"),
    "half a position": (
        "    yield from all_of(request, position=0.5)",
        "whose position is 0.5; it must be a whole number",
    ),
    "group in the place of batch": (
        "    yield Picture(request.units[0], Pole.MAX, 0, IMAGE, None, 'dogs-7')  # FAULT",
        "whose batch is 'dogs-7'; it must be a whole number",
    ),
    "the next of nothing": ("    next(iter(()))  # FAULT\n    yield", "failed: StopIteration ("),
    "an object that cannot be gone through": (
        "    class Of:\n        def __iter__(self):\n            raise ValueError('no')  # FAULT\n    return Of()",
        "failed: ValueError: no",
    ),
    "references": ("    yield from all_of(request, references=7)", "for 7 references; this study shows 2"),
    "a batch": ("    yield from all_of(request, batch=20)", "for batch 20; batches are 0 to 19"),
    "an activation": (
        "    yield from all_of(request, activation=float('nan'))",
        "whose activation is nan; it must be a",
    ),
    "facts": ("    yield from all_of(request, facts={'a': IMAGE})", "whose facts cannot be saved as JSON"),
    "no pictures": (
        "    yield from ()",
        "gave no picture of mixed3b:8 and 1 more; give pictures of all of request.units",
    ),
    "one unit": (
        "    yield from (p for p in all_of(request) if p.unit.channel == 8)",
        "gave no picture of mixed3b:100; give",
    ),
    "its own list of units": (
        "    request.units.clear()  # FAULT\n    yield from all_of(request)",
        "failed: AttributeError: 'tuple' object has no attribute 'clear'",
    ),
    "no end": (
        "    while True:\n        yield from all_of(request)  # FAULT",
        "gave the picture max 0 of mixed3b:8 twice;",
    ),
}


@pytest.fixture(scope="module")
def index(model, corpus):
    return build_index(model, corpus, ["mixed3b"], keep=20, workers=0)


@pytest.fixture
def run(model, corpus, index, tmp_path):
    """Write a module, load its `method` from the study's folder, gather its pictures."""

    def run(text: str):
        (tmp_path / "faulty.py").write_text(text)
        method = methods.load_method("faulty:method", user_code.places(tmp_path))
        request = Request(
            list(UNITS),
            CorpusImages(model, corpus, index, (2,), seed=2021),
            Settings(seed=2021),
            tmp_path / "explanations" / "method",
        )
        return gather.pictures("method", method, request, tmp_path, method.source)

    return run


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_method_is_one_line_with_its_place(run, tmp_path, fault):
    body, said = FAULTS[fault]
    text = f"{HEAD}def method(request):\n{body}\n"
    with pytest.raises(UserError) as caught:
        run(text)
    message = str(caught.value)
    assert said in message
    assert message.startswith("explanation method faulty:method ")
    assert "\n" not in message
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# FAULT")]
    assert f"({tmp_path / 'faulty.py'}, line {lines[0] if lines else ''}" in message


def test_too_few_pictures_are_told_with_module_and_line(run, tmp_path):
    text = HEAD + "def method(request):\n    yield from (p for p in all_of(request) if not p.position)\n"
    line = text.splitlines().index("def method(request):") + 1
    with pytest.raises(UserError) as caught:
        run(text)
    assert str(caught.value) == (
        "explanation method faulty:method gave 1 max and 1 min pictures, not 2 of each pole for mixed3b:8 "
        f"({tmp_path / 'faulty.py'}, line {line})"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import absent_package\ndef method(request): ...", r"cannot be imported: ModuleNotFoundError: .*line 1\)"),
        (
            "\ndef method(request):\n    yield from (",
            r"imported: '\(' was never closed \(.*faulty\.py, line 3\)",
        ),
        ("method = 3", "explanation method faulty:method is a int; it must be a function"),
        ("def methods(request): ...", "faulty has no 'method'; did you mean methods?"),
        (
            "def method(): ...",
            r"cannot be called with the arguments that it is given: too many positional .*faulty\.py, line 1\)",
        ),
        ("import sys\nsys.exit('usage: faulty')", r"cannot be imported: SystemExit: usage: faulty \(.*, line 2\)"),
        ("from exemplum.explanations import Piture", r"cannot be imported: ImportError: .*faulty\.py, line 1\)"),
    ],
)
def test_a_method_that_cannot_be_used_says_why(run, text, said):
    with pytest.raises(UserError, match=said) as caught:
        run(text)
    assert "\n" not in str(caught.value)


def test_pictures_before_a_fault_are_kept_and_the_rest_resumes(run, tmp_path):
    """The fault lies in a data file, which does not count: with it mended, only the second unit is asked for."""
    text = HEAD + (
        f"from pathlib import Path\nHERE = Path({str(tmp_path)!r})\n"
        "def method(request):\n    for picture in all_of(request):\n"
        "        if picture.unit.channel == 100 and not (HERE / 'mended').exists():\n"
        "            raise OSError('no such weights')\n"
        "        (HERE / 'asked').open('a').write(f'{picture.unit}\\n')\n        yield picture\n"
    )
    with pytest.raises(UserError, match="OSError: no such weights"):
        run(text)
    (tmp_path / "mended").touch()
    assert len(run(text)) == 8
    assert (tmp_path / "asked").read_text().split() == ["mixed3b:8"] * 4 + ["mixed3b:100"] * 4


def test_numbers_of_numpy_are_numbers(run):
    kept = run(
        HEAD + "def method(request):\n    for p in all_of(request):\n        yield Picture(p.unit, str(p.pole), "
        "np.int64(p.position), p.image, activation=np.float32(0.5), facts={'a': 1})\n"
    )
    assert [(k.position, k.activation) for k in kept] == [(0, 0.5), (1, 0.5)] * 4


def test_an_edited_method_makes_its_pictures_anew_beside_the_old(run, tmp_path):
    body = "def method(request):\n    yield from all_of(request, image=IMAGE + 1)\n"
    first = run(HEAD + body)
    shown = tmp_path / first[0].path
    before = shown.read_bytes()
    half = "def method(request):\n    for p in all_of(request, image=IMAGE + 2):\n        if p.unit.channel == 100:\n"
    with pytest.raises(UserError, match="ValueError: stop"):
        run(HEAD + half + "            raise ValueError('stop')\n        yield p\n")
    assert shown.read_bytes() == before  # what the study shows is as it was
    again = run(HEAD + body.replace("+ 1", "+ 2"))
    assert shown.read_bytes() == before
    gather.settle(
        tmp_path / "explanations" / "method", methods.load_method("faulty:method", user_code.places(tmp_path)).source
    )
    assert shown.read_bytes() != before
    assert again == first  # the same places
    assert sorted(path.name for path in (tmp_path / "explanations").iterdir()) == ["method"]


def test_two_methods_of_one_name_are_refused_by_name(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("def sharp(request): ...\ndef Sharp(request): ...\n")
        (tmp_path / name / "sharp").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for pair in (("a:sharp", "b:sharp"), ("a:sharp", "b:Sharp"), ("folder:a/sharp", "folder:b/sharp"),
                 ("a:sharp", "folder:b/sharp/")):  # fmt: skip
        with pytest.raises(UserError, match=f"'{pair[0]}' and '{pair[1]}' would both be the condition .*; rename"):
            stage.distinct(ExplanationsSection(methods=("natural", *pair)).uses)
    stage.distinct(ExplanationsSection(methods=("natural", "a:sharp")).uses)
