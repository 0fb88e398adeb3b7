"""Query sources in whole studies: windows, folders and a user's own. Oracle: the index, and the network itself."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from exemplum import store
from exemplum.design import load as load_design
from exemplum.errors import UserError
from exemplum.index import stage as index_stage
from exemplum.queries import load as load_queries
from exemplum.records import TrialKind
from exemplum.study import Study, pipeline

TOML = """
seed = 5
[model]
input_size = 48
[images]
limit = 240
[units]
layers = ["mixed3a"]
practice = 2
[explanations]
methods = ["natural"]
batches = 6
[design]
participants = 2
[observers]
run = ["ideal", "chance"]
"""
STAGES = ["index", "queries", "explanations", "design", "responses"]

OWN = """
from exemplum.queries import QueryImage, QueryPair

def halves(request, side=0):
    for unit in request.units:
        for batch in request.batches(unit):
            images = list(request.extreme_queries(unit)[batch].values())
            first, second = images[side], images[1 - side]
            yield QueryPair(unit, batch, (
                QueryImage(request.image(first.row)[::-1].copy(), first.image_id),
                QueryImage(request.image(second.row)[::-1].copy(), second.image_id),
            ), facts={"turned": True})

def of_references(request):
    for unit in request.units:
        for batch in request.batches(unit):
            images = [image for image in request.dealt(unit) if image.batch == batch and image.position in (1, 8)]
            first, second = images[0], images[-1]
            yield QueryPair(unit, batch, (QueryImage(request.image(first.row)), QueryImage(request.image(second.row))))

def fails(request):
    yield from []
    raise KeyError("left")

def of_none(request):
    yield QueryPair(request.units[0], 99, ())
"""


SLOPPY = """
from pathlib import Path
import numpy as np
from exemplum.queries import QueryImage, QueryPair

HERE = Path(__file__).parent

def picture(*key):
    return np.random.default_rng([int(part) for part in key]).integers(0, 256, (48, 48, 3), dtype=np.uint8)

def of_unit(unit, request, **other):
    for batch in request.batches(unit):
        images = QueryImage(picture(unit.channel, batch, 0)), QueryImage(picture(unit.channel, batch, 1))
        yield QueryPair(**{"unit": unit, "batch": batch, "images": images} | other)

def sound(request):
    for unit in request.units:
        yield from of_unit(unit, request)

def source(request):
"""

# name of the fault, body of the function, what is said
FAULTS = {
    "nothing": ("    pass", "gave a NoneType; it must yield pairs"),
    "no pair of the last unit": (
        "    yield from (pair for pair in sound(request) if pair.unit == request.units[0])",
        r"gave no pair of mixed3a:\d+; give pairs of all of request.units",
    ),
    "batch by batch": (
        "    yield from sorted(sound(request), key=lambda pair: pair.batch)",
        r"gave pairs of mixed3a:\d+, which is complete already; give all pairs of a unit one after the other",
    ),
    "twice": (
        "    for pair in sound(request):\n        yield pair\n        yield pair",
        r"gave a second pair of mixed3a:\d+ for batch 0; give one per batch and number of references",
    ),
    "for 9 references and for any": (
        "    for pair in sound(request):\n"
        "        yield pair\n"
        "        yield QueryPair(pair.unit, pair.batch, pair.images, 9)",
        "gave a second pair of mixed3a:",
    ),
    "one image twice": (
        "    for pair in sound(request):\n        yield QueryPair(pair.unit, pair.batch, (pair.images[0],) * 2)",
        r"has the same activation, .*, for both sloppy queries of batch 0; choose another unit, or another difficulty",
    ),
    "an activation in words": (
        "    for u in request.units:\n"
        "        yield from of_unit(u, request, images=(QueryImage(picture(1), activation='high'),) * 2)",
        "a pair of mixed3a:.* whose activation is 'high'; leave it out, it is measured",
    ),
    "an id that is a number": (
        "    for u in request.units:\n        yield from of_unit(u, request, images=(QueryImage(picture(1), 5),) * 2)",
        "whose image_id or group is not text; leave them out",
    ),
    "an empty image": (
        "    for u in request.units:\n"
        "        yield from of_unit(u, request, images=(QueryImage(picture(1)[:0, :0]),) * 2)",
        r"whose image has shape \(0, 0, 3\); it must be square",
    ),
    "a unit's name": (
        "    for pair in sound(request):\n        yield QueryPair(str(pair.unit), pair.batch, pair.images)",
        "a pair whose unit is a str; it must be one of request.units",
    ),
    "half a batch": (
        "    for u in request.units:\n        yield from of_unit(u, request, batch=True)",
        "for batch True; batches are whole numbers from 0 to",
    ),
    "references in words": (
        "    for u in request.units:\n        yield from of_unit(u, request, references='all')",
        "for 'all' references; this study shows 9",
    ),
    "its own list of units": ("    request.units.clear()\n    yield from sound(request)", "has no attribute 'clear'"),
}


def study_of(folder: Path, queries: str) -> Study:
    store.write_text(folder / "mine.py", OWN)
    store.write_text(folder / "study.toml", TOML + queries)
    return Study.open(folder)


@pytest.fixture(scope="module")
def hard(tmp_path_factory) -> Study:
    study = study_of(tmp_path_factory.mktemp("hard"), "[queries]\ndifficulty = 0.85\n")
    pipeline.run(study, STAGES)
    return study


def test_queries_lie_in_the_window_and_references_beyond_it(hard):
    stimuli, queries = load_queries(hard)
    assert set(queries["difficulty"]) == {"0.85"}
    assert queries["percentile_max"].between(80, 90).all()
    assert queries["percentile_min"].between(10, 20).all()
    for unit, asked in queries.groupby("unit"):
        own = stimuli[stimuli["unit"] == unit]
        assert own.loc[own["pole"] == "max", "activation"].min() > asked["activation_max"].max()
        assert own.loc[own["pole"] == "min", "activation"].max() < asked["activation_min"].min()
        assert not {*asked["image_max"], *asked["image_min"]} & {*own["image"]}
        assert asked["batch"].nunique() == 3  # of 6: 4 × 10 ranks do not fit before the window at 36


def test_the_truth_and_the_margin_are_measured(hard):
    _, queries = load_queries(hard)
    index = index_stage.load(hard)
    std = index.units.set_index("unit")["std"]
    apart = queries["activation_max"] - queries["activation_min"]
    assert (apart > 0).all()
    np.testing.assert_allclose(queries["margin"], apart / queries["unit"].map(std), rtol=1e-6)
    rows, values = index.ranked(queries.loc[0, "unit"])
    corpus = index_stage.open_corpus(hard)
    known = {corpus.record(int(row)).image_id: value for row, value in zip(rows, values, strict=True)}
    assert queries.loc[0, "activation_max"] == pytest.approx(known[queries.loc[0, "image_max"]], rel=1e-5)


def test_trials_and_answers_say_difficulty_and_margin(hard):
    main = [trial for trial in load_design(hard).trials if trial.kind is TrialKind.MAIN]
    assert {trial.difficulty for trial in main} == {"0.85"}
    answers = pd.read_parquet(hard.folder / "responses/machines.parquet").query("trial_kind == 'main'")
    assert (answers["margin"] > 0).all()
    assert answers.query("observer == 'ideal'")["correct"].all()
    catch = [trial for trial in load_design(hard).trials if trial.kind is TrialKind.CATCH]
    assert {(trial.difficulty, trial.margin) for trial in catch} == {("", None)}


def test_a_second_run_makes_nothing_and_another_percentile_only_what_depends_on_it(hard):
    pairs = {path: path.stat().st_mtime_ns for path in hard.folder.glob("queries/*/*/*/pairs.json")}
    pipeline.run(Study.open(hard.folder), STAGES)
    assert pairs == {path: path.stat().st_mtime_ns for path in hard.folder.glob("queries/*/*/*/pairs.json")}


def test_several_difficulties_need_a_protocol_that_shows_several(tmp_path):
    study = study_of(tmp_path, '[queries]\ndifficulty = ["extreme", 0.85]\n')
    with pytest.raises(UserError, match=r"protocol borowski2021-1 shows queries of one difficulty"):
        pipeline.run(study, STAGES)


def test_own_pairs_are_measured_and_ordered_by_the_network(tmp_path):
    study = study_of(tmp_path, '[queries.turned]\nsource = "mine:halves"\nside = 1\n')
    pipeline.run(study, STAGES)
    _, queries = load_queries(study)
    assert set(queries["difficulty"]) == {"turned"}
    assert (queries["activation_max"] > queries["activation_min"]).all()
    assert set(queries["facts"]) == {'{"turned": true}'}


def test_pairs_that_show_references_are_found_by_their_content(tmp_path):
    """A sloppy source: it takes references as queries, and does not say of which images they are."""
    study = study_of(tmp_path, '[queries.sloppy]\nsource = "mine:of_references"\n')
    with pytest.raises(UserError, match=r"method natural: .* is a copy of queries/sloppy/.*gives the answer away"):
        pipeline.run(study, STAGES)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[queries]\ndifficulty = 0.4", r"\[queries\] difficulty"),
        ('[queries]\ndifficulty = ["hard"]', r"\[queries\] difficulty"),
        ('[queries.a]\nsource = "windows"', r"\[queries.a\]: there is no query source 'windows'; did you mean window"),
        ('[queries.a]\nsource = "window"\npercent = 0.9', r"query source window has no parameter 'percent'"),
        ('[queries.a]\nsource = "window"', r"percentile is missing; it must be a number above 0.5 and below 1"),
        ('[queries.a]\nsource = "mine:halves"\nsize = 3', r"\[queries.a\]: query source mine:halves cannot be called"),
        ('[queries.a]\nsource = "mine:absent"', r"mine has no 'absent'"),
        ('[queries.a]\nsource = "folder:."\npath = "x"', r"\[queries.a\]: .* has no parameter 'path'; it has none"),
        ('[queries.a]\nsource = "folder:nowhere"', r"the folder .*nowhere does not exist"),
        ('[queries.all]\nsource = "extreme"', r"a difficulty cannot be called 'all'"),
        (
            "[queries]\ndifficulty = 0.99",
            r"with 240 images, the 10 most extreme .* use at least 1,000 images per batch",
        ),
    ],
)
def test_what_is_wrong_is_told_before_any_work(toml, told, tmp_path):
    with pytest.raises(UserError, match=told) as error:
        pipeline.check(study_of(tmp_path, toml + "\n"), ["index", "queries"])
    assert "\n" not in str(error.value)


def test_faults_of_a_users_source_are_one_line_with_its_place(hard, tmp_path):
    for source, told in (("fails", r"KeyError: 'left' \(.*mine.py, line \d+\)"), ("of_none", r"for batch 99; batches")):
        study = study_of(tmp_path, f'[queries.a]\nsource = "mine:{source}"\n')
        with pytest.raises(UserError, match=told) as error:
            pipeline.run(study, ["index", "queries"])
        assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory) -> Path:
    """The folder of a study with an index."""
    study = study_of(tmp_path_factory.mktemp("indexed"), "")
    pipeline.run(study, ["index"])
    return study.folder


def sloppy(indexed: Path, folder: Path, body: str) -> Study:
    shutil.copytree(indexed, folder, dirs_exist_ok=True)
    store.write_text(folder / "sloppy.py", SLOPPY + body + "\n")
    return study_of(folder, '[queries.sloppy]\nsource = "sloppy:source"\n')


@pytest.mark.parametrize("fault", FAULTS)
def test_a_sloppy_source_is_told_and_leaves_nothing_that_counts_as_done(fault, indexed, tmp_path):
    body, told = FAULTS[fault]
    study = sloppy(indexed, tmp_path, body)
    line = 1 + (SLOPPY + body).splitlines().index("def source(request):")
    for _ in range(2):  # the second run begins where the first one stopped
        with pytest.raises(UserError, match=told) as error:
            pipeline.run(Study.open(study.folder), ["index", "queries"])
        assert "\n" not in str(error.value)
        assert f"{tmp_path / 'sloppy.py'}, line {line + ('clear' in body)}" in str(error.value)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('source = "occlusion"\nstride = 60', "a patch of 19 px that moves by 60 px has one position"),
        ('source = "folder:pairs"', "has no folder for mixed3a:"),
    ],
)
def test_an_error_of_a_built_in_source_names_its_table(table, told, indexed, tmp_path):
    shutil.copytree(indexed, tmp_path, dirs_exist_ok=True)
    (tmp_path / "pairs").mkdir()
    study = study_of(tmp_path, f"[queries.hard]\n{table}\n")
    with pytest.raises(UserError, match=rf"study\.toml: \[queries\.hard\]: .*{told}"):
        pipeline.run(study, ["index", "queries"])


def test_pairs_of_a_folder_are_numbered_without_gaps_and_square(indexed, tmp_path):
    study = study_of(tmp_path, '[queries.mine]\nsource = "folder:pairs"\n')
    shutil.copytree(indexed / "index", tmp_path / "index")
    units = pd.read_parquet(indexed / "index" / "units.parquet")["unit"]
    rng = np.random.default_rng(0)
    for unit in units:
        home = tmp_path / "pairs" / unit.replace(":", "-")
        home.mkdir(parents=True)
        for name in ("max_0", "min_0", "max_2", "min_2"):
            Image.fromarray(rng.integers(0, 256, (48, 48, 3), np.uint8)).save(home / f"{name}.png")
    with pytest.raises(UserError, match=r"has m.._2.png, but no max_1.png and min_1.png; pairs are numbered from 0"):
        pipeline.run(study, ["index", "queries"])
    for path in tmp_path.glob("pairs/*/*_2.png"):
        path.rename(path.with_name(path.name.replace("2", "1").replace("png", "PNG")))
    pipeline.run(study := Study.open(tmp_path), ["index", "queries"])
    assert (study.tables.queries.groupby("unit")["activation_max"].nunique() == 2).all()
    for path in tmp_path.glob("pairs/*/max_1.PNG"):
        Image.open(path).crop((0, 0, 48, 40)).save(path)
    with pytest.raises(UserError, match=r"max_1.PNG has 48 × 40 pixels; pictures must be square"):
        pipeline.run(Study.open(tmp_path), ["index", "queries"])


def test_what_a_source_states_of_activations_is_not_believed(indexed, tmp_path):
    """Oracle: the pairs of a source that states none."""
    bodies = {
        "none": "    yield from sound(request)",
        "wrong ones": (
            "    for pair in sound(request):\n"
            "        images = [QueryImage(i.image, activation=v) for i, v in zip(pair.images, (1e3, -1e3))]\n"
            "        yield QueryPair(pair.unit, pair.batch, images)"
        ),
    }
    found = {}
    for name, body in bodies.items():
        pipeline.run(study := sloppy(indexed, tmp_path / name, body), ["index", "queries"])
        found[name] = study.tables.queries
    columns = ["unit", "batch", "activation_max", "activation_min", "margin"]
    pd.testing.assert_frame_equal(found["wrong ones"][columns], found["none"][columns])


def test_the_pairs_of_a_unit_are_saved_before_the_next_unit_is_begun(indexed, tmp_path):
    body = (
        "    for unit in request.units:\n"
        "        (HERE / 'asked').open('a').write(f'{unit} ')\n"
        "        if unit != request.units[0] and not (HERE / 'mended').exists():\n"
        "            raise OSError('no such file')\n"
        "        yield from of_unit(unit, request)"
    )
    study = sloppy(indexed, tmp_path, body)
    with pytest.raises(UserError, match="OSError: no such file"):
        pipeline.run(study, ["index", "queries"])
    first, second = (tmp_path / "asked").read_text().split()
    (tmp_path / "mended").touch()
    pipeline.run(study := Study.open(tmp_path), ["index", "queries"])
    again = (tmp_path / "asked").read_text().split()[2:]
    assert again[0] == second
    assert first not in again
    assert set(study.tables.queries["unit"]) == {first, *again}


def test_a_source_may_draw_into_one_array_again(indexed, tmp_path):
    body = (
        "    canvas = np.zeros((2, 48, 48, 3), np.uint8)\n"
        "    for pair in sound(request):\n"
        "        canvas[:] = [image.image for image in pair.images]\n"
        "        yield QueryPair(pair.unit, pair.batch, (QueryImage(canvas[0]), QueryImage(canvas[1])))"
    )
    pipeline.run(study := sloppy(indexed, tmp_path, body), ["index", "queries"])
    pairs = study.tables.queries
    pictures = {store.read_png(tmp_path / path).tobytes() for path in [*pairs["query_max"], *pairs["query_min"]]}
    assert len(pictures) == 2 * len(pairs)


TABLE = """
seed = 5
[model]
load = "table:activations.csv"
input_size = 32
[images]
load = "folder:pictures"
[units]
choose = "1 per layer"
practice = 1
[explanations]
methods = ["natural"]
batches = 1
[queries.mine]
source = "mine:pairs"
"""
OF_CORPUS = """
from exemplum.queries import QueryImage, QueryPair

def pairs(request):
    for unit in request.units:
        for batch, images in request.extreme_queries(unit).items():
            yield QueryPair(unit, batch, [QueryImage(request.image(i.row), i.image_id{}) for i in images.values()])
"""


def test_a_source_gives_the_activations_where_a_table_is_the_model(tmp_path):
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for number in range(40):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / f"pictures/{number}.png")
    table = pd.DataFrame(rng.normal(size=(40, 3)), columns=["it:0", "it:1", "it:2"])
    table.assign(image=[f"{number}.png" for number in range(40)]).to_csv(tmp_path / "activations.csv", index=False)
    store.write_text(tmp_path / "study.toml", TABLE)
    store.write_text(tmp_path / "mine.py", OF_CORPUS.format(""))
    told = r"gave a pair of it:\d without activations, and the model, a table, .*mine.py, line 4\)"
    with pytest.raises(UserError, match=told):
        pipeline.run(Study.open(tmp_path), ["index", "queries"])
    store.write_text(tmp_path / "mine.py", OF_CORPUS.format(", activation=i.activation"))
    pipeline.run(study := Study.open(tmp_path), ["index", "queries"])
    pair = study.tables.queries.iloc[0]
    known = table[pair["unit"]].set_axis([f"{number}.png" for number in range(40)])
    assert pair["activation_max"] == pytest.approx(known.max(), rel=1e-5)
    assert pair["activation_min"] == pytest.approx(known.min(), rel=1e-5)
