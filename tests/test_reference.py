"""The generated pages of docs/reference/ say what the code says. Oracle: the code itself."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import griffe
import pytest
from tools import reference
from tools.reference import commands, keys

import exemplum as ex
from exemplum.cli import COMMANDS
from exemplum.study import Section

SOURCES = Path(ex.__file__).parents[1]
READABLE = Path(__file__).resolve().parents[1] / "tools" / "docstrings.py"


@pytest.fixture(scope="module")
def pages():
    return {path.name: (path, text) for path, text in reference.generated_pages().items()}


@pytest.mark.parametrize("name", ["cli.md", "study-toml.md", "tables.md"])
def test_generated_page_is_up_to_date(pages, name):
    path, text = pages[name]
    assert path.read_text(encoding="utf-8") == text, "run: python -m tools.reference"


def test_every_section_and_key_of_study_toml_has_a_meaning(pages):
    tables = list(keys.tables())
    assert len({key for table in tables for key in table.fields}) > 100
    without = [
        f"{table.heading} {key}"
        for table in tables
        for key, said in keys.meanings(table.model).items()
        if key in table.fields and not re.match(r"[A-Z`].*\.$", said, re.S)
    ]
    assert not without
    headed = {line for line in pages["study-toml.md"][1].splitlines() if line.startswith("### ")}
    assert {
        "### `[server] min_image_px`",
        "### `[server.pay] bonus`",
        "### `[observers.NAME] url`",
        "### `seed`",
    } < headed


def test_key_is_told_in_a_reader_s_words():
    told = {f"[{table.name}] {key}": keys.words(field.annotation, field.metadata)
            for table in keys.tables() for key, field in table.fields.items()}  # fmt: skip
    assert told["[server] min_image_px"] == "whole number from 0 to 1,000"
    assert told["[analysis] margin"] == "number above 0 and below 0.5"
    assert (
        told["[queries] difficulty"]
        == 'list of `"extreme"` or numbers above 0.5 and below 1, at least one, no duplicates'
    )
    assert told["[server] fullscreen"] == "`true` or `false`"
    assert told["[observers.simulated] accuracy"] == "table of names and numbers above 0 and below 1"
    assert keys.toml({"natural": 0.9, "note": 'a "b"'}) == '{ natural = 0.9, note = "a \\"b\\"" }'


def test_every_command_is_listed_with_its_options():
    page = commands.text()
    assert re.findall(r"^### exemplum (.+)$", page, re.M) == [verb for verbs in COMMANDS.values() for verb in verbs] + [
        "dictionary train"
    ]
    assert "- `--from STUDY`:" in page
    assert "- `--panel prolific|mturk|sona|cloudresearch`:" in page
    assert "&#" not in page


def in_python_pages() -> list[str]:
    """Every name that a page of docs/reference/python describes."""
    named: list[str] = []
    for page in sorted((reference.FOLDER / "python").glob("*.md")):
        for name, options in re.findall(r"^::: (\S+)\n((?:    .*\n)*)", page.read_text(encoding="utf-8"), re.M):
            members = re.search(r"members: \[(.*)\]", options)
            named += [f"{name}.{member}" for member in members[1].split(", ")] if members else [name]
    return named


def found(name: str) -> object:
    """What a name stands for: in a face that, rather than a module of the same name."""
    place, _, last = name.rpartition(".")
    if not place:
        return ex
    within = found(place)
    if inspect.isfunction(within) and within.__name__ == last:
        within = import_module(place)
    return getattr(within, last) if hasattr(within, last) else import_module(name)


def public() -> dict[str, object]:
    """The functions and classes that Exemplum and its packages show on their faces, but for sections of study.toml."""
    rooms = (path.parent for path in SOURCES.rglob("__init__.py") if "lazy_loader.attach" in path.read_text("utf-8"))
    faces = [import_module(".".join(room.relative_to(SOURCES).parts)) for room in rooms]
    parts = (ex.objectives, ex.parametrizations, ex.transforms)
    shown = {f"{face.__name__}.{name}": getattr(face, name) for face in faces for name in face.__all__}
    shown |= {f"{part.__name__}.{name}": value for part in parts for name, value in vars(part).items()
              if getattr(value, "__module__", "") == part.__name__ and not name.startswith("_")}  # fmt: skip
    return {name: value for name, value in shown.items()
            if inspect.isfunction(value) or (inspect.isclass(value) and not is_section(value))}  # fmt: skip


def is_section(value: type) -> bool:
    return issubclass(value, Section) and value.__name__ != "Config"


def test_every_public_name_is_in_one_python_page_and_has_a_docstring():
    described = {name: found(name) for name in in_python_pages()}
    assert len(described) == len(in_python_pages()) > 200
    assert not [name for name, value in described.items() if not inspect.getdoc(value)]
    known = [*described.values()]
    missing = [name for name, value in public().items() if not any(value is each for each in known)]
    assert not missing, "add them to a page of docs/reference/python"


SOURCE = """
@dataclass
class Picture:
    \"\"\"A picture (docs/reference/scores.md).

    >>> Picture(1)
    Picture(1)

    And so on.
    \"\"\"

    # from the best
    # to the worst
    position: int
    image: str = ""  # its path  # noqa
    found: bool

class Word(str):
    \"\"\"A word.\"\"\"

    length: int  # of letters

LEVEL = 0.95

def interval(level=LEVEL, words=Word):
    \"\"\"An interval.\"\"\"
"""
SHOWN = """A picture ([Scores](../../../reference/scores/)).

Fields:

- `position: int` — from the best to the worst
- `image: str` — its path
- `found: bool`

```pycon
>>> Picture(1)
Picture(1)
```

And so on."""


def test_docstrings_of_the_python_pages_have_examples_as_code_and_comments_as_fields(tmp_path):
    (tmp_path / "shown.py").write_text(SOURCE)
    package = griffe.load("shown", search_paths=[tmp_path], extensions=griffe.load_extensions(READABLE))
    assert package["Picture"].docstring.value == SHOWN
    assert package["Word"].docstring.value == "A word."
    assert [str(parameter.default) for parameter in package["interval"].parameters] == ["0.95", "Word"]
