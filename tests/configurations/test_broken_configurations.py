"""Whatever is wrong with a configuration is told in one line: file, key, what is allowed. Nothing passes in silence."""

import json
import os
import subprocess
import sys
import time

import pytest

from configurations import by_hand, generated
from configurations.generated import alternatives, is_model, is_number
from exemplum import cli
from exemplum.errors import UserError
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.study import pipeline
from exemplum.study.config import Config
from exemplum.study.folder import Study

LONGEST = 400  # characters of a message, without the folder's own path
SLOWEST_S = 6.0  # of processor time: far more than it takes, far less than tracing a network for nothing
# Checks the first study, so that what every run imports is imported once, then forks a child per further one, which is
# the command in all but its start.
COMMANDS = """
import json, os, sys
from pathlib import Path
from exemplum.study import pipeline
from exemplum.cli import run
from exemplum.study.folder import Study
sound, *folders = sys.argv[1:]
pipeline.check(Study.open(Path(sound)))
codes = []
for folder in folders:
    if not (child := os.fork()):
        for stream, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{folder}.{name}", os.O_WRONLY | os.O_CREAT), stream)
        sys.argv = ["exemplum", "run", folder]
        try:
            sys.exit(run())
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code or 0)  # to take down what the parent loaded would need a second
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(codes))
"""


@pytest.fixture(scope="module")
def sound_study(tmp_path_factory) -> Study:
    """A sound study, checked once: what is imported and loaded for it is not counted for the first broken one."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "study.toml").write_text("[server]\ntitle = 'A study'\n")
    study = Study.open(folder)
    pipeline.check(study)
    return study


def opened(folder, sound_study) -> Study:
    """A study, with the sound one's model if it says nothing of the model: its network is traced once."""
    study = Study.open(folder)
    if "model" not in study.config.model_fields_set:
        study.opened["model"] = sound_study.opened["model"]
    return study


def wrong_with(case, folder, sound_study, capsys) -> str:
    """What is wrong with how a case is told; empty if nothing is."""
    case.write(folder)
    began = time.process_time()
    try:
        case.act(opened(folder, sound_study))
        return "accepted in silence"
    except UserError as error:
        message = str(error)
        cli.tell(error)
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


@pytest.mark.parametrize("source", [by_hand, generated], ids=["by hand", "generated"])
def test_every_fault_is_told_in_one_clear_line(source, sound_study, tmp_path, capsys):
    cases = list(source.cases())
    found = {case.name: wrong_with(case, tmp_path / f"study{k}", sound_study, capsys) for k, case in enumerate(cases)}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_corpus_is_large_and_no_case_is_there_twice():
    names = [case.name for source in (by_hand, generated) for case in source.cases()]
    assert len(names) == len(set(names))
    assert len(list(by_hand.cases())) >= 200
    assert len(list(generated.cases())) >= 1000


@pytest.mark.slow
def test_twenty_of_them_as_commands(tmp_path, sound_study):
    cases = [case for case in by_hand.cases() if case.command]
    assert len(cases) >= 20

    folders = [tmp_path / f"study{k}" for k in range(len(cases))]
    for case, folder in zip(cases, folders, strict=True):
        case.write(folder)
    before = [sorted(folder.rglob("*")) for folder in folders]
    command = [sys.executable, "-c", COMMANDS, sound_study.folder, *folders]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}  # no others are lost by forking
    done = subprocess.run(command, env=one_thread, stdout=subprocess.PIPE, check=True, timeout=600)

    def told(case, folder, code, files) -> bool:
        lines = folder.with_name(f"{folder.name}.err").read_text().splitlines()
        clear = len(lines) == 1 and all(p in lines[0] for p in (str(folder / case.file), case.key, case.allowed))
        silent = not folder.with_name(f"{folder.name}.out").read_text()
        return clear and silent and code == 1 and sorted(folder.rglob("*")) == files

    found = zip(cases, folders, json.loads(done.stdout), before, strict=True)
    assert [case.name for case, *about in found if not told(case, *about)] == []


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


@pytest.mark.parametrize(
    "toml",
    [
        '[design]\nprotocol = "borowski"',
        '[server]\nlanguages = ["fr"]',
        '[observers.similarity]\nmodel = "embedded"',
        '[images]\nload = "folder:absent"',
        '[explanations]\nmethods = ["natral"]',
        '[synthetic]\nrecipe = "borowski"',
        '[model]\nweights = "absent.pt"',
        '[units]\nlayers = ["mixed4f"]',
        '[units]\nhand_picked = ["mixed4a:999"]',
        '[explanations.mine]\nmethod = "folder:absent"',
    ],
)
def test_some_wrong_names_are_told_without_torch(tmp_path, toml):
    (tmp_path / "study.toml").write_text(toml)
    command = [sys.executable, "-X", "importtime", "-m", "exemplum", "run", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
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
