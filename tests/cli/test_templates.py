"""Templates of code of the user's own: each runs as it is written, and a fault in it is told with its line."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA

from exemplum import cli, models, store, tables
from exemplum.cli import templates
from exemplum.cli.templates.dictionary import principal_axes
from exemplum.cli.templates.model import EdgeFilters
from exemplum.index import stage as index_stage
from exemplum.observers import load as load_observer
from exemplum.records import Unit, make_trial
from exemplum.study import Study, pipeline

# a template's study.toml, made smaller: it is to be run in seconds
SMALLER = {
    'load = "embedded"\n\n': 'load = "embedded"\ninput_size = 48\n\n',
    "limit = 400": "limit = 100",
    'choose = "one per layer"': 'layers = ["mixed3b"]\nchoose = "2 per layer"\npractice = 1',
    'choose = "3 per layer"': 'layers = ["mixed3b"]\nchoose = "2 per layer"\npractice = 1',
    "difficulty = 0.8 ": 'difficulty = "extreme" ',
    'choose = "8 per layer"': 'choose = "2 per layer"\npractice = 1',
    "batches = 4": "batches = 2",
    "participants = 4": "participants = 2",
    "participants = 8": "participants = 2",
    ', "similarity"': "",
}


@pytest.fixture
def exemplum(monkeypatch, capsys):
    """The command: its exit status, and the lines that it wrote to stderr."""

    def run(*arguments: object) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["exemplum", *map(str, arguments)])
        status = 0
        try:
            cli.run()
        except SystemExit as stop:
            status = int(stop.code or 0)
        return status, capsys.readouterr().err.splitlines()

    return run


def written(folder, kind: str) -> Study:
    """The study of a template, as `exemplum new` writes it, but smaller."""
    cli.new.with_code(folder, templates.study_toml(kind, {}), kind)
    path = folder / "study.toml"
    text = path.read_text()
    for long, short in SMALLER.items():
        text = text.replace(long, short, 1)
    path.write_text(text)
    return Study.open(folder)


@pytest.fixture(scope="module", params=templates.KINDS)
def study(request, tmp_path_factory) -> Study:
    """The study of a template, run as far as the machines' answers."""
    study = written(tmp_path_factory.mktemp(request.param), request.param)
    pipeline.run_stage(study, "responses", force=False)
    return study


def kind_of(study: Study) -> str:
    return next(kind for kind in templates.KINDS if (study.folder / f"my_{kind}.py").exists())


def test_a_template_runs(study):
    answers = tables.RESPONSES.read(study.stage("responses") / "machines.parquet")
    main = answers[answers["trial_kind"] == "main"]
    assert main.loc[main["observer"] == "ideal", "correct"].all()
    facts = {
        "method": (set(main["condition"]), {"natural", "averages", "random"}),
        "model": (set(main["layer"]), {"energy"}),
        "dictionary": (set(main["layer"]), {"components"}),
        "observer": (set(main["observer"]), {"ideal", "chance", "colours"}),
        "queries": (set(main["difficulty"]), {"sides"}),
    }
    found, expected = facts[kind_of(study)]
    assert found == expected


# a line of each template, and the command that runs it
FAULTY = {
    "method": ("mean = np.mean(", "explain", "explanation method my_method:averages failed"),
    "model": ("return (even.square()", "index", "model my_model:network does not accept images of 3 × 64 × 64"),
    "dictionary": ("return directions(", "index", "[dictionaries.components]: my_dictionary:components failed"),
    "observer": ("own = self.histogram(", "observe", "observer my_observer:ColourHistogram failed on p01-b"),
    "queries": ("whole = request.image(", "query", "query source my_queries:sides failed"),
}


def test_a_fault_in_a_template_is_one_line_with_its_place(study, exemplum):
    kind = kind_of(study)
    line, verb, said = FAULTY[kind]
    path = study.folder / f"my_{kind}.py"
    sound = path.read_text()
    lines = sound.splitlines()
    place = next(number for number, text in enumerate(lines) if line in text)
    indent = " " * (len(lines[place]) - len(lines[place].lstrip()))
    try:
        path.write_text("\n".join([*lines[:place], f"{indent}{{}}['absent']", *lines[place:]]) + "\n")
        status, told = exemplum(verb, study.folder, "--traceback")
        assert status == 1
        assert said in told[-1]
        assert f"({path}, line {place + 1})" in told[-1]
        assert any(text.startswith(f'  File "{path}", line {place + 1}, in ') for text in told[:-1])
        if kind == "model":  # the fastest
            assert exemplum(verb, study.folder)[1] == told[-1:]
    finally:
        path.write_text(sound)


@pytest.mark.slow
@pytest.mark.parametrize("kind", templates.KINDS)
def test_a_template_runs_as_it_is_written_to_the_report(kind, tmp_path, exemplum):
    assert exemplum("new", tmp_path / "s", "--template", kind)[0] == 0
    assert exemplum("run", tmp_path / "s")[0] == 0
    assert (tmp_path / "s" / "report" / "index.html").exists()


def test_a_template_takes_the_options_of_new(tmp_path, exemplum):
    options = ["--model", "timm:resnet50", "--weights", "DEFAULT", "--protocol", "borowski2021-2", "--seed", "5"]
    status, told = exemplum("new", tmp_path / "s", "--template", "method", *options, "--images", f"folder:{tmp_path}")
    assert status == 0
    assert "my_method.py; edit them if you like, then: exemplum run" in told[-1]
    config = Study.open(tmp_path / "s").config
    assert (config.model.load, config.model.weights) == ("timm:resnet50", "DEFAULT")
    assert (config.design.protocol, config.seed) == ("borowski2021-2", 5)
    assert config.images.load == f"folder:{tmp_path}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--template", "metod"], "there is no template 'metod'; did you mean method, model?"),
        (["--template", "model", "--model", "inceptionv1"], "--template model comes with its own model; leave --model"),
        (["--template", "method", "--stimuli", "folder:x"], "--template makes a study of a network; leave --stimuli"),
        (["--template", "method", "--protocol", "quik"], "there is no protocol 'quik'; did you mean quick?"),
        (["--template", "method", "--from", "x"], "--from makes a version of another study; leave --template out"),
    ],
)
def test_what_a_template_cannot_be_is_told(arguments, said, tmp_path, exemplum):
    status, told = exemplum("new", tmp_path / "s", *arguments)
    assert status == 1
    assert said in told[-1]
    assert not (tmp_path / "s").exists()


def test_a_template_overwrites_nothing(tmp_path, exemplum):
    (tmp_path / "my_method.py").write_text("mine")
    status, told = exemplum("new", tmp_path, "--template", "method")
    assert (status, (tmp_path / "my_method.py").read_text()) == (1, "mine")
    assert "my_method.py exists already; choose another folder" in told[-1]
    assert not (tmp_path / "study.toml").exists()


def test_an_exception_in_the_middle_of_a_network_is_one_line_too(tmp_path, exemplum):
    """A forward that fails for a batch of images only, as a check by one image cannot find out."""
    text = templates.code("model")[1].replace(
        "        maps: Tensor = ", "        assert len(images) < 3, 'two at most'\n        maps: Tensor = "
    )
    study = written(tmp_path / "s", "model")
    (study.folder / "my_model.py").write_text(text)
    line = 1 + next(number for number, of in enumerate(text.splitlines()) if "two at most" in of)
    status, told = exemplum("index", study.folder)
    assert status == 1
    place = f"({study.folder / 'my_model.py'}, line {line})"
    assert told[-1] == f"error: your code failed: AssertionError: two at most {place}"
    assert any("Traceback" in text for text in exemplum("--traceback", "index", study.folder)[1])


@pytest.mark.parametrize("study", ["method"], indirect=True)
def test_averages_are_means_of_exemplars_that_are_no_queries(study):
    stimuli = tables.STIMULI.read(study.stage("explanations") / "stimuli.parquet")
    queries = tables.QUERIES.read(study.stage("queries") / "queries.parquet")
    own = stimuli[(stimuli["method"] == "averages") & (stimuli["pole"] == "max")]
    unit = own["unit"].iloc[0]
    index, corpus, model = index_stage.load(study), index_stage.open_corpus(study), index_stage.load_model(study)
    asked = set(queries.loc[queries["unit"] == unit, ["image_max", "image_min"]].to_numpy().ravel())
    top = index.top(unit, "max")
    free = top.loc[~top["image"].isin(asked), "row"].tolist()[:27]
    first = np.mean([model.crop(corpus.decode(row)) for row in free[::9]], axis=0)
    path = own.loc[(own["unit"] == unit) & (own["position"] == 0), "path"].item()
    assert np.abs(store.read_png(study.folder / path) - first).max() <= 0.5


def test_edge_filters_answer_to_their_own_orientation():
    """Oracle: gratings of each orientation at the filters' wavelength of 8 px, whose stripes the filter lies along."""
    places = np.arange(64)
    for number in range(8):
        angle = number * np.pi / 8
        grating = np.cos(2 * np.pi * (places * np.cos(angle) + places[:, None] * np.sin(angle)) / 8)
        with torch.inference_mode():
            energies = EdgeFilters()(torch.tensor(grating, dtype=torch.float32).expand(1, 3, 64, 64))
        assert int(energies[0, 8:, 16:48, 16:48].mean((1, 2)).argmax()) == number


def test_components_are_those_of_scikit_learn():
    """sklearn.decomposition.PCA, but for the signs."""
    vectors = np.random.default_rng(0).normal(size=(500, 40)) * np.linspace(5, 1, 40)
    expected = PCA(16).fit(vectors).components_
    assert np.abs(np.abs((principal_axes(vectors) * expected).sum(1)) - 1).max() < 1e-6


@pytest.mark.parametrize("study", ["dictionary"], indirect=True)
def test_components_are_kept_for_the_next_run(study):
    kept = study.folder / "components.npz"
    before = kept.stat().st_mtime_ns
    pipeline.check(Study.open(study.folder), ["index"])
    assert kept.stat().st_mtime_ns == before


def test_colours_are_compared(tmp_path):
    (tmp_path / "study.toml").write_text("")
    for name, colour in (("red", (200, 10, 10)), ("blue", (10, 10, 200)), ("dark", (190, 40, 30))):
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
    (tmp_path / "my_observer.py").write_text(templates.code("observer")[1])
    observer = load_observer("my_observer:ColourHistogram", Study.open(tmp_path))
    trial = make_trial("a:0", max=["red.png"], min=["blue.png"], queries=("blue.png", "dark.png"))
    given = observer.respond(trial, np.random.default_rng(0))
    assert (str(given.choice), given.confidence) == ("bottom", 3)


@pytest.mark.parametrize("study", ["queries"], indirect=True)
def test_sides_are_parts_of_an_image_that_no_reference_shows(study):
    queries = tables.QUERIES.read(study.stage("queries") / "queries.parquet")
    stimuli = tables.STIMULI.read(study.stage("explanations") / "stimuli.parquet")
    index, corpus, model = index_stage.load(study), index_stage.open_corpus(study), index_stage.load_model(study)
    for pair in queries.itertuples():
        side = json.loads(pair.facts)["side"]
        assert pair.image_max == pair.image_min
        assert pair.image_max not in set(stimuli.loc[stimuli["unit"] == pair.unit, "image"])
        row = index.top(Unit.parse(pair.unit), "max").set_index("image").loc[pair.image_max, "row"]
        whole = model.crop(corpus.decode(int(row)))
        top = (len(whole) - side) // 2
        parts = {whole[top : top + side, :side].tobytes(), whole[top : top + side, -side:].tobytes()}
        assert {store.read_png(study.folder / path).tobytes() for path in (pair.query_max, pair.query_min)} == parts


def test_the_page_shows_the_template():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "bring-your-own.md").read_text(encoding="utf-8")
    assert f"```python\n{templates.code('method')[1]}```" in page


def test_the_templates_model_is_loaded_by_name(tmp_path):
    (tmp_path / "my_model.py").write_text(templates.code("model")[1])
    model = models.load("my_model:network", places=[tmp_path])
    assert (model.input_size, model.layer("energy").channels) == (64, 16)
