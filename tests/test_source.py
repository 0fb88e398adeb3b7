"""What code a result depends on. Oracle: which files Python runs, and which edits change what they do."""

import importlib.machinery
import sys
from pathlib import Path

import pytest

from exemplum.errors import UserError
from exemplum.study import source, user_code

FILES = {
    "study/method.py": "from functools import partial\nimport helper\nfrom pkg import deep\nLIMIT = 3\n"
    "@helper.twice\ndef sharp(request):\n    import lazy\n    return LIMIT, lazy.VALUE\n"
    "blurred = partial(sharp, 3)\nclass Glow:\n    def __call__(self, request):\n        return deep.colour()\n",
    "study/helper.py": "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(r):\n"
    "        return f(r), f(r)\n    return g\n",
    "study/lazy.py": "VALUE = 1\n",
    "study/pkg/__init__.py": "",
    "study/pkg/deep.py": "from . import colours\ndef colour():\n    return colours.RED\n",
    "study/pkg/colours.py": "RED = 1\n",
    "here/other.py": "X = 1\n",
}


@pytest.fixture
def places(tmp_path: Path, monkeypatch) -> tuple[Path, ...]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path / "here")
    return user_code.places(tmp_path / "study")


def fingerprint(places, spec="method:sharp") -> str:
    return user_code.load(spec, "method", places).fingerprint


def test_all_modules_that_an_import_runs_are_found(places):
    found = source.modules("method", places)
    assert set(found) == {"method", "helper", "lazy", "pkg", "pkg.deep", "pkg.colours"}
    assert found["pkg.colours"] == places[0] / "pkg" / "colours.py"


@pytest.mark.parametrize("edited", [name for name in FILES if name.startswith("study")])
def test_an_edit_of_any_of_them_is_another_fingerprint(places, tmp_path, edited):
    before = fingerprint(places)
    with (tmp_path / edited).open("a") as file:
        file.write("AGAIN = 1\n")
    assert fingerprint(places) != before
    (tmp_path / edited).write_text(FILES[edited])
    assert fingerprint(places) == before


def test_a_digit_counts_though_size_and_second_are_the_same(places, tmp_path):
    """What is run is what was hashed: Python takes bytecode of the same size and second for current."""
    seen = set()
    for value in "12345":
        (tmp_path / "study/lazy.py").write_text(f"VALUE = {value}\n")
        loaded = user_code.load("method:sharp", "method", places)
        assert loaded.value(None) == ((3, int(value)),) * 2
        seen.add(loaded.fingerprint)
    assert len(seen) == 5


@pytest.mark.parametrize("gone", ["study/method.py", "study/helper.py"])
def test_a_module_whose_file_is_gone_is_not_run_again(places, tmp_path, gone):
    """In one session, as in a notebook: Python itself would go on with the module that it has imported."""
    user_code.load("method:sharp", "method", places)
    (tmp_path / gone).unlink()
    with pytest.raises(UserError, match=rf"[Nn]o (Python )?module (named )?'{Path(gone).stem}'"):
        user_code.load("method:sharp", "method", places)


def test_comments_and_blank_lines_do_not_count_but_strings_do(places, tmp_path):
    before = fingerprint(places)
    file = tmp_path / "study/lazy.py"
    file.write_text("# a reason\n\nVALUE = 1  # one\n\n")
    assert fingerprint(places) == before
    file.write_text('VALUE = """1\n\n# no comment\n"""\n')
    with_blank = fingerprint(places)
    file.write_text('VALUE = """1\n# no comment\n"""\n')
    assert fingerprint(places) != with_blank


def test_partials_classes_and_decorated_depend_on_the_same(places):
    assert len({fingerprint(places, f"method:{name}") for name in ("sharp", "blurred", "Glow")}) == 1


def test_the_folder_does_not_count_and_studies_do_not_mix(places, tmp_path):
    """Two studies in one process, each with a method.py and a helper.py of its own."""
    (tmp_path / "two").mkdir()
    for name in ("method", "helper", "lazy"):
        text = FILES[f"study/{name}.py"].replace("VALUE = 1", "VALUE = 7").replace("from pkg import deep\n", "")
        (tmp_path / f"two/{name}.py").write_text(text)
    second = user_code.places(tmp_path / "two")
    for _ in range(2):
        assert user_code.load("method:sharp", "method", places).value(None) == ((3, 1), (3, 1))
        assert user_code.load("method:sharp", "method", second).value(None) == ((3, 7), (3, 7))
    before = fingerprint(places)
    moved = tmp_path / "moved"
    (tmp_path / "study").rename(moved)
    assert fingerprint(user_code.places(moved)) == before


def test_a_module_that_no_import_names_is_found_by_its_objects(places, tmp_path):
    (tmp_path / "study/plugins.py").write_text(
        "import importlib\nnames = ['la' + 'zy', 'fo' + 'und']\nparts = [importlib.import_module(n) for n in names]\n"
        "made = parts[1].make\ndef f(request):\n    return made()\n"
    )
    (tmp_path / "study/found.py").write_text("def make():\n    return 1\n")
    before = fingerprint(places, "plugins:f")
    (tmp_path / "study/found.py").write_text("def make():\n    return 2\n")
    assert fingerprint(places, "plugins:f") != before


def test_a_compiled_module_counts_by_its_file(places, tmp_path):
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (tmp_path / "study/uses.py").write_text("def f(request):\n    import fast\n")
    before = fingerprint(places, "uses:f")
    (tmp_path / f"study/fast{suffix}").write_bytes(b"compiled once")
    once = fingerprint(places, "uses:f")
    (tmp_path / f"study/fast{suffix}").write_bytes(b"compiled again")
    assert len({before, once, fingerprint(places, "uses:f")}) == 3


@pytest.mark.parametrize(
    ("name", "whose"), [("numpy", "numpy/__init__.py"), ("random", "random.py"), ("_io", "Python")]
)
def test_a_file_with_the_name_of_an_installed_module_is_refused(places, tmp_path, name, whose):
    (tmp_path / f"study/{name}.py").write_text("def f(request):\n    return 1\n")
    with pytest.raises(UserError, match=rf"study/{name}\.py has the name of .*({whose}).*; give the file another name"):
        fingerprint(places, f"{name}:f")
    (tmp_path / "study/asks.py").write_text(f"import {name}\ndef f(request):\n    return 1\n")
    with pytest.raises(UserError, match=rf"study/{name}\.py has the name of"):
        fingerprint(places, "asks:f")


def test_the_studys_folder_comes_before_the_working_directory(places, tmp_path):
    (tmp_path / "here/lazy.py").write_text("VALUE = 5\n")
    assert user_code.load("lazy:VALUE", "method", places).value == 1
    assert user_code.load("other:X", "method", places).value == 1
    with pytest.raises(UserError, match=r"no Python module 'absent'; looked in .*study, .*here and the installed"):
        user_code.load("absent:f", "method", places)


def test_an_installed_package_counts_with_its_version_and_source(tmp_path, monkeypatch):
    site = tmp_path / "site-packages"
    monkeypatch.setattr(source, "LIBRARIES", (site, *source.LIBRARIES))
    (site / "sharply").mkdir(parents=True)
    (site / "sharply/__init__.py").write_text("")
    (site / "sharply/rare.py").write_text("R = 1\n")
    (site / "sharply/method.py").write_text("def f(request):\n    return 1\n")
    seen = []
    for version, rare in (("1.0", 1), ("1.1", 1), ("1.1", 2)):
        info = site / "sharply-1.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: sharply\nVersion: {version}\n")
        (info / "top_level.txt").write_text("sharply\n")
        (site / "sharply/rare.py").write_text(f"R = {rare}\n")
        monkeypatch.syspath_prepend(str(site))
        seen.append(user_code.load("sharply.method:f", "method", user_code.places()).fingerprint)
    assert len(set(seen)) == 3


def test_a_path_that_others_bring_back_does_not_mix_studies(places, tmp_path, monkeypatch):
    """As pytest, notebooks and profilers do: sys.path is saved and put back."""
    fingerprint(places)
    saved = list(sys.path)
    (tmp_path / "two").mkdir()
    (tmp_path / "two/method.py").write_text("def sharp(request):\n    return 2\n")
    second = user_code.places(tmp_path / "two")
    for _ in range(2):
        assert user_code.load("method:sharp", "method", second).value(None) == 2
        monkeypatch.setattr(sys, "path", list(saved))
