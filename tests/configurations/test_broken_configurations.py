"""Whatever is wrong with a configuration is told in one line: file, key, what is allowed. Nothing passes in silence."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from configurations import by_hand, generated
from configurations.generated import alternatives, is_model, is_number
from exemplum import pipeline
from exemplum.cli import main
from exemplum.errors import UserError
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.study import Config, Study

LONGEST = 400  # characters of a message, without the folder's own path
SLOWEST_S = 2.0  # of processor time
COMMAND = [sys.executable, "-c", "from exemplum.cli.main import run; run()", "run"]


@pytest.fixture(scope="module")
def sound_study(tmp_path_factory):
    """A sound study, checked once: what is imported and loaded for it is not counted for the first broken one."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "study.toml").write_text("[server]\ntitle = 'A study'\n")
    pipeline.check(Study.open(folder))


def wrong_with(case, folder, capsys) -> str:
    """What is wrong with how a case is told; empty if nothing is."""
    case.write(folder)
    began = time.process_time()
    try:
        case.act(Study.open(folder))
        return "accepted in silence"
    except UserError as error:
        message = str(error)
        main.tell(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    seconds = time.process_time() - began
    if capsys.readouterr().err != f"error: {message}\n":
        return f"printed otherwise than meant: {message}"
    if "\n" in message or len(message.replace(str(folder), "")) > LONGEST:
        return f"more than a line: {message}"
    missing = [part for part in (str(folder / case.file), case.key, case.allowed) if part not in message]
    if missing:
        return f"{missing} is not told: {message}"
    return f"{seconds:.1f} s: {message}" if seconds > SLOWEST_S else ""


@pytest.mark.usefixtures("sound_study")
@pytest.mark.parametrize("source", [by_hand, generated], ids=["by hand", "generated"])
def test_every_fault_is_told_in_one_clear_line(source, tmp_path, capsys):
    cases = list(source.cases())
    found = {case.name: wrong_with(case, tmp_path / f"study{k}", capsys) for k, case in enumerate(cases)}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_corpus_is_large_and_no_case_is_there_twice():
    names = [case.name for source in (by_hand, generated) for case in source.cases()]
    assert len(names) == len(set(names))
    assert len(list(by_hand.cases())) >= 200
    assert len(list(generated.cases())) >= 1000


def test_twenty_of_them_as_commands(tmp_path):
    cases = [case for case in by_hand.cases() if case.command]
    assert len(cases) >= 20

    def run(number_and_case):
        number, case = number_and_case
        folder = tmp_path / f"study{number}"
        case.write(folder)
        before = sorted(folder.rglob("*"))
        done = subprocess.run([*COMMAND, str(folder)], capture_output=True, text=True, check=False, timeout=120)
        lines = done.stderr.splitlines()
        told = len(lines) == 1 and all(part in lines[0] for part in (str(folder / case.file), case.key, case.allowed))
        clean = done.returncode == 1 and not done.stdout and sorted(folder.rglob("*")) == before
        return "" if told and clean else f"{case.name}: {done.returncode} {done.stdout} {done.stderr}"

    with ThreadPoolExecutor(4) as pool:
        assert [wrong for wrong in pool.map(run, enumerate(cases)) if wrong] == []


@pytest.mark.parametrize(
    "toml",
    [
        '[images]\nload = "folder:"', '[explanations]\nmethods = ["sythetic"]', '[synthetic]\nrecipe = "borowski"',
        '[design]\nprotocol = "borowski"', '[server]\nlanguages = ["fr"]',
    ],
)  # fmt: skip
def test_a_wrong_name_is_told_before_a_network_is_loaded(tmp_path, toml):
    (tmp_path / "study.toml").write_text(toml)
    study = Study.open(tmp_path)
    with pytest.raises(UserError):
        pipeline.check(study)
    assert "model" not in study.opened


@pytest.mark.parametrize("toml", ['[design]\nprotocol = "borowski"', '[server]\nlanguages = ["fr"]'])
def test_some_wrong_names_are_told_without_torch(tmp_path, toml):
    (tmp_path / "study.toml").write_text(toml)
    done = subprocess.run([sys.executable, "-X", "importtime", *COMMAND[1:], str(tmp_path)], capture_output=True,
                          text=True, check=False)  # fmt: skip
    lines = done.stderr.splitlines()
    assert "error: " in lines[-1]
    imported = {line.rpartition("|")[2].strip() for line in lines}
    assert "exemplum.protocols" in imported
    assert "torch" not in imported


def numbers(model, table=""):
    """Every number of a model: its key and its alternatives that are numbers."""
    for name, field in model.model_fields.items():
        parts = alternatives(field.annotation, tuple(field.metadata))
        for part in list(parts):
            parts += [
                inner for arg in getattr(part.kind, "__args__", ()) if arg is not ... for inner in alternatives(arg)
            ]
        for part in parts:
            if is_model(part.kind):
                yield from numbers(part.kind, f"{table}.{name}")
            elif is_number(part):
                yield f"{table}.{name}", part


@pytest.mark.parametrize("model", [Config, Recipe])
def test_every_number_has_a_lower_and_an_upper_bound(model):
    found = list(numbers(model))
    assert len(found) > 10
    unbound = [
        key
        for key, part in found
        if (part.bound("ge") is None and part.bound("gt") is None)
        or (part.bound("le") is None and part.bound("lt") is None)
    ]
    assert unbound == []
