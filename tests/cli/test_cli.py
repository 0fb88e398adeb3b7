"""The command line as a user meets it."""

import re
import subprocess
import sys

import pytest
from PIL import Image

from exemplum import cli, design
from exemplum.study.folder import Study


def test_the_installed_command_starts():
    command = [sys.executable, "-m", "exemplum", "--help"]
    assert "demo" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_help_says_of_every_verb_what_it_does(exemplum):
    verbs = {command.callback.__name__ for command in cli.app.registered_commands}
    verbs |= {group.name for group in cli.app.registered_groups}
    assert set(re.findall(r"^\W ([a-z]+) {2,}[A-Z]", exemplum("--help").stdout, re.M)) == verbs


@pytest.mark.parametrize(
    ("verb", "section"), [("check", "[server]"), ("run", "[scores]"), ("rehearse", "[observers.simulated]")]
)
def test_help_shows_names_of_sections(exemplum, verb, section):
    assert section in exemplum(verb, "--help").stdout


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("sed = 1", "unknown key 'sed' in the top level; did you mean seed?"),
        ("[design]\nparticipants = 0", "[design] participants must be a whole number from 1 to 10000 (got 0)"),
        ("[design]\nparticipants = 'ten'", "[design] participants must be a whole number from 1 to 10000 (got 'ten')"),
        ("[design]\nprotocol = 'borowski2021'", "did you mean borowski2021-2, borowski2021-1"),
        ("[model]\nload = 'torchvision:gogglenet'", "did you mean googlenet"),
        ("[model]\nweights = 'absent.pt'", "absent.pt"),
        ("[units]\nlayers = ['mixed4f']", "did you mean mixed4"),
        ("[units]\nhand_picked = ['mixed4a']", "write LAYER:CHANNEL"),
        ("[images]\nload = 'folder:absent'", "absent"),
        ("[images]\nload = 'embeded'", "did you mean embedded"),
        ("[explanations]\nmethods = ['natural', 'sythetic']", "did you mean synthetic"),
        ("[synthetic]\nrecipe = 'borowski'", "did you mean borowski2021"),
        ("[observers]\nrun = ['ideale']", "did you mean ideal"),
        ("[design", "study.toml is not valid TOML"),
    ],
)
def test_a_mistake_in_study_toml_is_told_before_any_work(toml, message, tmp_path, exemplum):
    (tmp_path / "study.toml").write_text(toml)
    done = exemplum("run", str(tmp_path))
    assert done.returncode == 1
    assert message in " ".join(done.stderr.split())
    assert done.stderr.strip().count("\n") == 0
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


@pytest.mark.parametrize("verb", ["explain", "observe", "report"])
def test_a_stage_is_checked_before_those_before_it_work(verb, tmp_path, exemplum):
    wrong = {"explain": "[synthetic]\nrecipe = 'borowski'", "observe": "[observers]\nrun = ['ideale']",
             "report": "[server]\nlanguages = ['xx']"}[verb]  # fmt: skip
    (tmp_path / "study.toml").write_text(wrong)
    done = exemplum(verb, str(tmp_path))
    assert done.returncode == 1
    assert wrong.splitlines()[0] in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_a_folder_without_a_study_says_how_to_make_one(tmp_path, exemplum):
    done = exemplum("run", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "make a study with: exemplum new" in done.stderr


def test_new_writes_a_study_once(tmp_path, exemplum):
    folder = str(tmp_path / "s")
    assert exemplum("new", folder, "--model", "torchvision:googlenet", "--participants", "4").returncode == 0
    text = (tmp_path / "s" / "study.toml").read_text()
    assert 'load = "torchvision:googlenet"' in text
    assert "participants = 4" in text
    again = exemplum("new", folder)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    exemplum("new", str(tmp_path / "t"), "--model", "efficientnet-lite0")
    made = Study.open(tmp_path / "t").config
    assert (made.model.load, made.synthetic.recipe) == ("efficientnet-lite0", "maco-wide")


@pytest.mark.parametrize(
    ("protocol", "several"), [("quick", True), ("imi2023", True), ("borowski2021-1", False), ("borowski2021-2", False)]
)
def test_new_declares_the_difficulties_that_a_protocol_shows(protocol, several, tmp_path, exemplum):
    """Verdicts at one difficulty are confirmatory only if they are declared (docs/explanation/inference.md)."""
    assert exemplum("new", str(tmp_path / "s"), "--protocol", protocol).returncode == 0
    config = Study.open(tmp_path / "s").config
    assert config.queries.difficulty == (("extreme", 0.95) if several else ("extreme",))
    assert config.analysis.secondary == (("difficulty",) if several else ())
    assert config.analysis.difficulty == "all"
    assert exemplum("new", str(tmp_path / "t"), "--protocol", protocol, "--stimuli", "folder:x").returncode == 0
    assert Study.open(tmp_path / "t").config.analysis.secondary == ()


@pytest.mark.parametrize("template", [(), ("--template", "observer")])
def test_new_refuses_a_study_without_participants(template, tmp_path, exemplum):
    refused = exemplum("new", str(tmp_path / "s"), "--participants", "0", *template)
    assert refused.returncode == 1
    assert "[design] participants must be a whole number from 1 to 10000 (got 0)" in refused.stderr
    assert not (tmp_path / "s").exists()


def test_units_lists_layers_and_branches(exemplum):
    text = exemplum("units", "embedded").stdout
    assert "mixed5b" in text
    assert "5x5" in text
    assert "input of its ReLU" in text
    done = exemplum("units", "torchvision:gogglenet")
    assert done.returncode == 1
    assert "did you mean googlenet" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("serve",), ("design", "--nothing"), ("power", "--difference", "0.05", "--study")],
    ids=lambda arguments: arguments[0],
)
def test_a_study_without_a_design_says_what_to_run(arguments, tmp_path, exemplum):
    folder = tmp_path / "my study"
    assert exemplum("new", str(folder)).returncode == 0
    if arguments[-1] == "--nothing":
        with pytest.raises(design.DesignError) as caught:
            design.load(Study.open(folder))
        said = str(caught.value)
    else:
        said = exemplum(*arguments, str(folder)).stderr
    assert f"{folder} has no design yet; run: exemplum run '{folder}'\n" in f"{said}\n"
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["my stimuli", "my stimuli/", "./x/../my stimuli", "ünï/it's \"q\" [red] 'x'"])
def test_paths_given_to_new_hold_from_anywhere(name, tmp_path, monkeypatch, exemplum):
    """Spaces, quotes, brackets, a slash at the end: the study is made in one directory and used in another."""
    for directory in ("x", name, "elsewhere"):
        (tmp_path / directory).mkdir(parents=True, exist_ok=True)
    for file in ("max_0", "max_1", "min_0", "min_1"):
        for unit in range(4):
            home = tmp_path / name / "mixed4a" / f"channel_{unit}" / "natural_images"
            home.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (unit, len(file), 0)).save(home / f"{file}.png")
    monkeypatch.chdir(tmp_path)
    assert exemplum("new", "my study", "--stimuli", f"folder:{name}").returncode == 0
    monkeypatch.chdir(tmp_path / "elsewhere")
    done = exemplum("explain", "../my study")
    assert "explanations: units 3, practice units 1" in done.stderr
    assert done.returncode == 0
